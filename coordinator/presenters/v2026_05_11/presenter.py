"""Version 2026-05-11: document 003."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from coordinator.http.bodies import plain_object, typed
from coordinator.http.money import format_number, format_units
from coordinator.http.times import format_time
from coordinator.jobs import (
    MODEL_DEFAULT,
    Eligibility,
    JobFilter,
    JobPage,
    JobSpec,
    JobView,
    PaymentView,
)
from coordinator.leases import Lease
from coordinator.leases.schemas import lease_fields
from coordinator.presenters.presenter import PageSize, Wire
from coordinator.presenters.results import base64url, output_text, result_metadata
from coordinator.presenters.specs import (
    CURRENCY,
    LLM,
    amount_at,
    check_currency,
    llm_params,
    mib_at,
    no_service,
    offer_at,
)
from coordinator.presenters.states import STATE_2026_05_11, State20260511, filter_phases
from coordinator.presenters.v2026_05_11.types import (
    CancelledJob,
    Constraints,
    Job,
    JobEligibility,
    JobLease,
    JobPageView,
    JobRequest,
    PayloadMembers,
    Payment,
    Receipt,
    ReceiptSummary,
    Result,
    ResultAnswer,
    ResultProof,
)
from coordinator.receipts import ReceiptView
from coordinator.registry import service_id
from coordinator.values import ApiVersion, JsonValue
from coordinator.wire import job_text, payment_text, receipt_text

VERSION: Final[ApiVersion] = "2026-05-11"

_NO_INPUT: Final = frozenset(PayloadMembers.__struct_fields__)


class Presenter20260511:
    """Version 2026-05-11."""

    version: ApiVersion = VERSION
    page_size = PageSize(default=50, maximum=100, is_clamped=True)
    wire = Wire(
        job_request=JobRequest,
        job=Job,
        created=Job,
        job_list=JobPageView,
        cancelled=CancelledJob,
        result=ResultAnswer,
        payment=Payment,
        receipt=Receipt,
        receipt_list=list[Receipt],
        lease=JobLease,
    )

    def job_spec(self, body: Mapping[str, object]) -> JobSpec:
        """Return the specification of a job of any service."""
        request = typed(body, JobRequest)
        check_currency(request.payment_currency, "/payment_currency")
        service, model, params, warnings = _work(request.payload)
        constraints = request.constraints or Constraints()
        return JobSpec(
            service=service,
            api_version=VERSION,
            model=model,
            input=_input(request.payload),
            params=params,
            shown_type=service,
            max_price=None
            if request.payment_amount is None
            else amount_at(request.payment_amount, "/payment_amount"),
            ttl_s=request.ttl_seconds,
            hold=request.hold,
            offer_id=offer_at(request.offer_id),
            dispute_window_s=request.dispute_window_seconds,
            gpu_memory_mib=0
            if constraints.min_gpu_memory is None
            else mib_at(constraints.min_gpu_memory, "/constraints/min_gpu_memory"),
            gpu_type=constraints.gpu_type or "",
            warnings=warnings,
        )

    def job_filter(self, status: str | None, parameter: str, shown_type: str | None) -> JobFilter:
        """Return the filter; this version has a state of its own for expired jobs."""
        return JobFilter(
            phases=frozenset()
            if status is None
            else filter_phases(status, parameter, with_expired=False),
            shown_types=frozenset() if shown_type is None else frozenset({shown_type}),
        )

    def status(self, job: JobView) -> State20260511:
        """Return the job's state."""
        return STATE_2026_05_11[job.phase]

    def job(self, job: JobView) -> Job:
        """Return a job; nulls are explicit."""
        payment = job.payment
        return Job(
            job_id=job_text(job.job_id),
            state=self.status(job),
            assigned_miner_id=None if job.miner is None else job.miner.name,
            requested_at=format_time(job.requested_ms),
            expires_at=format_time(job.expires_ms),
            error=None if job.error is None else job.error.message,
            payment_id=None if payment is None else payment_text(payment.job_id),
            payment_status=None if payment is None else payment.status.value,
            error_code=UNSET if job.error is None else job.error.code,
            attempt=job.attempt,
            progress=UNSET if job.progress is None else job.progress,
            receipt_id=UNSET if job.receipt_id is None else receipt_text(job.receipt_id),
            warnings=list(job.spec.warnings) or UNSET,
            eligibility=UNSET if job.eligibility is None else _eligibility(job.eligibility),
            as_of_height=job.as_of_height,
        )

    def created(self, job: JobView) -> Job:
        """Return a new job."""
        return self.job(job)

    def cancelled(self, job: JobView) -> CancelledJob:
        """Return a cancelled job; the miner of a running one stays shown."""
        return CancelledJob(
            job_id=job_text(job.job_id),
            state=self.status(job),
            assigned_miner_id=None if job.miner is None else job.miner.name,
            error=None if job.error is None else job.error.message,
        )

    def job_list(self, page: JobPage, limit: int, offset: int) -> JobPageView:
        """Return the envelope of version 2024-01-01 with this version's jobs."""
        return JobPageView(
            jobs=[self.job(job) for job in page.items],
            total=page.total,
            limit=limit,
            offset=offset,
        )

    def result(self, job: JobView, receipt: ReceiptView) -> ResultAnswer:
        """Return the result of a completed job with its receipt."""
        return result_answer(job, receipt)

    def payment(self, payment: PaymentView) -> Payment:
        """Return the money of a job."""
        return payment_view(payment)

    def receipt(self, receipt: ReceiptView) -> Receipt:
        """Return a receipt."""
        return Receipt(
            job_id=job_text(receipt.job_id),
            miner_id=receipt.miner_name,
            signature=base64url(receipt.signature),
            timestamp=format_time(receipt.timestamp_ms),
            receipt_id=receipt_text(receipt.receipt_id),
            public_key=base64url(receipt.public_key),
            custody=receipt.custody.name.lower(),
            units=format_units(receipt.units_micro),
            unit_type=receipt.unit_type.name.lower(),
            price=format_number(receipt.price),
            model=receipt.model,
            block_height=receipt.height,
        )

    def receipt_list(self, receipts: Sequence[ReceiptView]) -> list[Receipt]:
        """Return a bare array."""
        return [self.receipt(receipt) for receipt in receipts]

    def lease(self, lease: Lease) -> JobLease:
        """Return a lease with this version's job."""
        return JobLease(**msgspec.structs.asdict(lease_fields(lease)), job=self.job(lease.job))


def _work(
    payload: Mapping[str, object],
) -> tuple[str, str, dict[str, JsonValue], tuple[str, ...]]:
    """Return service, model, parameters and warnings of a payload."""
    known = {name: value for name, value in payload.items() if name in _NO_INPUT}
    members = typed(known, PayloadMembers, "/payload")
    if members.service is None and "prompt" not in payload:
        raise no_service("/payload/service")
    service = LLM if members.service is None else service_id(members.service)
    given = members.parameters or {}
    if service != LLM:
        return service, members.model or "", plain_object(given, "/payload/parameters"), ()
    typed(payload.get("prompt", ""), str, "/payload/prompt")
    params, warnings = llm_params(given, "/payload/parameters")
    return service, members.model or MODEL_DEFAULT, params, warnings


def _input(payload: Mapping[str, object]) -> dict[str, JsonValue]:
    given = {name: value for name, value in payload.items() if name not in _NO_INPUT}
    return plain_object(given, "/payload")


def _eligibility(found: Eligibility) -> JobEligibility:
    return JobEligibility(
        registered_miners=found.registered,
        eligible_miners=found.eligible,
        exclusions=found.exclusions,
    )


def _summary(receipt: ReceiptView) -> ReceiptSummary:
    return ReceiptSummary(
        job_id=job_text(receipt.job_id),
        miner_id=receipt.miner_name,
        signature=base64url(receipt.signature),
        receipt_id=receipt_text(receipt.receipt_id),
    )


def result_answer(job: JobView, receipt: ReceiptView) -> ResultAnswer:
    """Return the result of a completed job with its receipt."""
    result = job.result
    assert result is not None, "the service answers only for jobs with a result"
    return ResultAnswer(
        result=Result(output=output_text(result), metadata=result_metadata(result)),
        receipt=_summary(receipt),
        proof=ResultProof(
            result_digest=result.digest.hex(),
            salt=result.salt.hex(),
            attempt=result.attempt,
            document=result.document.decode(),
        ),
        expires_at=format_time(result.expires_ms),
    )


def payment_view(payment: PaymentView) -> Payment:
    """Return the money of a job (P4)."""
    return Payment(
        payment_id=payment_text(payment.job_id),
        job_id=job_text(payment.job_id),
        amount=format_number(payment.amount),
        currency=CURRENCY,
        status=payment.status.value,
        created_at=format_time(payment.created_ms),
        paid=format_number(payment.paid),
        refunded=format_number(payment.refunded),
        fee=format_number(payment.fee),
        dispute_until=None
        if payment.dispute_until_ms is None
        else format_time(payment.dispute_until_ms),
    )
