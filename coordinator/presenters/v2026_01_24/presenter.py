"""Version 2026-01-24: documents 002 (OpenAPI) and 004 (tutorial)."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from coordinator.http.bodies import typed
from coordinator.http.money import format_number, format_units
from coordinator.http.times import format_time, unix_seconds
from coordinator.jobs import JobFilter, JobPage, JobSpec, JobView, PaymentView
from coordinator.leases import Lease
from coordinator.leases.schemas import lease_fields
from coordinator.presenters.presenter import PageSize, Wire
from coordinator.presenters.results import base64url, output_text, prompt_text
from coordinator.presenters.specs import LLM, amount_at, llm_params, offer_at
from coordinator.presenters.states import STATUS_2026_01_24, Status20260124, filter_phases
from coordinator.presenters.v2026_01_24.types import (
    Job,
    JobLease,
    JobRequest,
    Receipt,
    Signature,
)
from coordinator.presenters.v2026_05_11 import (
    Payment,
    ResultAnswer,
    payment_view,
    result_answer,
)
from coordinator.receipts import ReceiptView
from coordinator.values import ApiVersion
from coordinator.wire import job_text, receipt_text
from ledger.keys import format_address

VERSION: Final[ApiVersion] = "2026-01-24"


class Presenter20260124:
    """Version 2026-01-24."""

    version: ApiVersion = VERSION
    page_size = PageSize(default=20, maximum=100, is_clamped=False)
    wire = Wire(
        job_request=JobRequest,
        job=Job,
        created=Job,
        job_list=list[Job],
        cancelled=Job,
        result=ResultAnswer,
        payment=Payment,
        receipt=Receipt,
        receipt_list=list[Receipt],
        lease=JobLease,
    )

    def job_spec(self, body: Mapping[str, object]) -> JobSpec:
        """Return an LLM job's specification."""
        request = typed(body, JobRequest)
        given = body.get("params", {})
        assert isinstance(given, Mapping)  # `typed` has checked it
        params, warnings = llm_params(given, "/params")
        return JobSpec(
            service=LLM,
            api_version=VERSION,
            model=request.model,
            input={"prompt": request.prompt},
            params=params,
            shown_type=LLM,
            max_price=None
            if request.max_price is None
            else amount_at(request.max_price, "/max_price"),
            ttl_s=request.ttl_seconds,
            hold=request.hold,
            offer_id=offer_at(request.offer_id),
            dispute_window_s=request.dispute_window_seconds,
            warnings=warnings,
        )

    def job_filter(self, status: str | None, parameter: str, shown_type: str | None) -> JobFilter:
        """Return the filter; `failed` includes expired jobs."""
        return JobFilter(
            phases=frozenset()
            if status is None
            else filter_phases(status, parameter, with_expired=True),
            shown_types=frozenset() if shown_type is None else frozenset({shown_type}),
        )

    def status(self, job: JobView) -> Status20260124:
        """Return the job's status."""
        return STATUS_2026_01_24[job.phase]

    def job(self, job: JobView) -> Job:
        """Return a job with what is known about it."""
        status = self.status(job)
        prompt = prompt_text(job.spec)
        return Job(
            job_id=job_text(job.job_id),
            status=status,
            prompt=UNSET if prompt is None else prompt,
            model=job.spec.model or UNSET,
            result=UNSET if job.result is None else output_text(job.result),
            miner_id=UNSET if job.miner is None else job.miner.name,
            created_at=format_time(job.requested_ms),
            started_at=UNSET if job.started_ms is None else format_time(job.started_ms),
            completed_at=UNSET if job.completed_ms is None else format_time(job.completed_ms),
            error=job.error.message if job.error is not None and status == "failed" else UNSET,
        )

    def created(self, job: JobView) -> Job:
        """Return a new job."""
        return self.job(job)

    def cancelled(self, job: JobView) -> Job:
        """Return the job: the documents show no body."""
        return self.job(job)

    def job_list(self, page: JobPage, limit: int, offset: int) -> list[Job]:  # noqa: ARG002 - other versions show them
        """Return a bare array."""
        return [self.job(job) for job in page.items]

    def result(self, job: JobView, receipt: ReceiptView) -> ResultAnswer:
        """Return the only shape that a document has for this route."""
        return result_answer(job, receipt)

    def payment(self, payment: PaymentView) -> Payment:
        """Return the only shape that a document has for this route."""
        return payment_view(payment)

    def receipt(self, receipt: ReceiptView) -> Receipt:
        """Return a receipt with its work and price."""
        return Receipt(
            receipt_id=receipt_text(receipt.receipt_id),
            job_id=job_text(receipt.job_id),
            provider=receipt.miner_name,
            client=format_address(receipt.client),
            units=format_units(receipt.units_micro),
            unit_type=receipt.unit_type.name.lower(),
            price=format_number(receipt.price),
            model=receipt.model,
            started_at=unix_seconds(receipt.started_ms),
            completed_at=unix_seconds(receipt.completed_ms),
            signature=Signature(
                alg="Ed25519",
                key_id=base64url(receipt.public_key),
                sig=base64url(receipt.signature),
            ),
        )

    def receipt_list(self, receipts: Sequence[ReceiptView]) -> list[Receipt]:
        """Return a bare array."""
        return [self.receipt(receipt) for receipt in receipts]

    def lease(self, lease: Lease) -> JobLease:
        """Return a lease with this version's job."""
        return JobLease(**msgspec.structs.asdict(lease_fields(lease)), job=self.job(lease.job))
