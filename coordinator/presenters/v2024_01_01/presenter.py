"""Version 2024-01-01: document 000."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from coordinator.http.times import format_time
from coordinator.jobs import JobFilter, JobPage, JobSpec, JobView, PaymentView
from coordinator.leases import Lease
from coordinator.leases.schemas import lease_fields
from coordinator.presenters.presenter import PageSize, Wire
from coordinator.presenters.results import base64_text
from coordinator.presenters.states import STATUS_2024_01_01, Status20240101, filter_phases
from coordinator.presenters.v2024_01_01.specs import VERSION, spec_of
from coordinator.presenters.v2024_01_01.types import (
    Attestation,
    CancelledJob,
    CreatedJob,
    Job,
    JobLease,
    JobList,
    JobRequest,
    ListedJob,
    Receipt,
    Signature,
)
from coordinator.presenters.v2026_05_11 import (
    Payment,
    ResultAnswer,
    payment_view,
    result_answer,
)
from coordinator.receipts import AttestationView, ReceiptView
from coordinator.values import ApiVersion
from coordinator.wire import job_text, receipt_text
from ledger.actions import AttestationKind

_ATTESTATION_TYPES: Final[Mapping[AttestationKind, str]] = {
    AttestationKind.DELIVERY: "completion",
    AttestationKind.RERUN: "rerun",
}


class Presenter20240101:
    """Version 2024-01-01."""

    version: ApiVersion = VERSION
    page_size = PageSize(default=50, maximum=100, is_clamped=True)
    wire = Wire(
        job_request=JobRequest,
        job=Job,
        created=CreatedJob,
        job_list=JobList,
        cancelled=CancelledJob,
        result=ResultAnswer,
        payment=Payment,
        receipt=Receipt,
        receipt_list=list[Receipt],
        lease=JobLease,
    )

    def job_spec(self, body: Mapping[str, object]) -> JobSpec:
        """Return the specification of a job of any service."""
        return spec_of(body)

    def job_filter(self, status: str | None, parameter: str, shown_type: str | None) -> JobFilter:
        """Return the filter; `failed` includes expired jobs."""
        return JobFilter(
            phases=frozenset()
            if status is None
            else filter_phases(status, parameter, with_expired=True),
            shown_types=frozenset() if shown_type is None else frozenset({shown_type}),
        )

    def status(self, job: JobView) -> Status20240101:
        """Return the job's status."""
        return STATUS_2024_01_01[job.phase]

    def job(self, job: JobView) -> Job:
        """Return a job with what is known about it."""
        status = self.status(job)
        return Job(
            job_id=job_text(job.job_id),
            status=status,
            progress=UNSET if job.progress is None else job.progress,
            created_at=format_time(job.requested_ms),
            started_at=UNSET if job.started_ms is None else format_time(job.started_ms),
            estimated_completion=format_time(job.estimated_completion_ms),
            miner_id=UNSET if job.miner is None else job.miner.name,
            error=job.error.message if job.error is not None and status == "failed" else UNSET,
        )

    def created(self, job: JobView) -> CreatedJob:
        """Return a new job."""
        return CreatedJob(
            job_id=job_text(job.job_id),
            status=self.status(job),
            created_at=format_time(job.requested_ms),
            estimated_completion=format_time(job.estimated_completion_ms),
        )

    def cancelled(self, job: JobView) -> CancelledJob:
        """Return a cancelled job."""
        assert job.ended_ms is not None, "a cancellation answers when it is final"
        return CancelledJob(
            job_id=job_text(job.job_id),
            status=self.status(job),
            cancelled_at=format_time(job.ended_ms),
        )

    def job_list(self, page: JobPage, limit: int, offset: int) -> JobList:
        """Return a page of jobs."""
        return JobList(
            jobs=[self._listed(job) for job in page.items],
            total=page.total,
            limit=limit,
            offset=offset,
        )

    def _listed(self, job: JobView) -> ListedJob:
        return ListedJob(
            job_id=job_text(job.job_id),
            status=self.status(job),
            type=job.spec.shown_type,
            created_at=format_time(job.requested_ms),
        )

    def result(self, job: JobView, receipt: ReceiptView) -> ResultAnswer:
        """Return the only shape that a document has for this route."""
        return result_answer(job, receipt)

    def payment(self, payment: PaymentView) -> Payment:
        """Return the only shape that a document has for this route."""
        return payment_view(payment)

    def receipt(self, receipt: ReceiptView) -> Receipt:
        """Return a receipt with its attestations."""
        return Receipt(
            receipt_id=receipt_text(receipt.receipt_id),
            job_id=job_text(receipt.job_id),
            miner_id=receipt.miner_name,
            signature=Signature(
                sig=base64_text(receipt.signature), public_key=base64_text(receipt.public_key)
            ),
            attestations=[_attestation(each) for each in receipt.attestations],
            created_at=format_time(receipt.timestamp_ms),
        )

    def receipt_list(self, receipts: Sequence[ReceiptView]) -> list[Receipt]:
        """Return a bare array."""
        return [self.receipt(receipt) for receipt in receipts]

    def lease(self, lease: Lease) -> JobLease:
        """Return a lease with this version's job."""
        return JobLease(**msgspec.structs.asdict(lease_fields(lease)), job=self.job(lease.job))


def _attestation(attestation: AttestationView) -> Attestation:
    return Attestation(
        type=_ATTESTATION_TYPES[attestation.kind],
        timestamp=format_time(attestation.timestamp_ms),
        signature=base64_text(attestation.signature),
    )
