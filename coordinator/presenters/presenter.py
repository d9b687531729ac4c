"""What a version of the API has to say; each version is one class with these methods.

Requests become the one `JobSpec`, domain objects become the version's wire types. Presenters
decide nothing and read nothing: what they show was given to them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from coordinator.jobs import JobFilter, JobPage, JobSpec, JobView, PaymentView
from coordinator.leases import Lease
from coordinator.receipts import ReceiptView
from coordinator.values import ApiVersion


@dataclass(frozen=True, slots=True)
class Wire:
    """Types of a version, for its OpenAPI document."""

    job_request: object
    """Body of a submission."""
    job: object
    """A job."""
    created: object
    """A new job."""
    job_list: object
    """A list of jobs."""
    cancelled: object
    """Answer to a cancellation."""
    result: object
    """Answer to `/result`."""
    payment: object
    """A payment."""
    receipt: object
    """A receipt."""
    receipt_list: object
    """A list of receipts."""
    lease: object
    """Answer to a claim."""


@dataclass(frozen=True, slots=True)
class PageSize:
    """How a version pages its lists (J2)."""

    default: int
    """Items without a `limit`."""
    maximum: int
    """Most items of one answer."""
    is_clamped: bool
    """Whether a larger `limit` is served as the maximum, and not refused."""


class Presenter(Protocol):
    """One version of the API."""

    @property
    def version(self) -> ApiVersion:
        """Its date."""

    @property
    def wire(self) -> Wire:
        """Its types."""

    @property
    def page_size(self) -> PageSize:
        """How it pages lists of jobs."""

    def job_spec(self, body: Mapping[str, object]) -> JobSpec:
        """Return what a submission asks for.

        Raises:
            FieldInvalid: the body is not this version's.
            InvalidJobType: it names no service.
        """

    def job_filter(self, status: str | None, parameter: str, shown_type: str | None) -> JobFilter:
        """Return the filter that a list's parameters ask for.

        Raises:
            FieldInvalid: the status is no version's.
        """

    def job(self, job: JobView) -> object:
        """Return a job as a question about it is answered."""

    def created(self, job: JobView) -> object:
        """Return a job as its submission is answered."""

    def cancelled(self, job: JobView) -> object:
        """Return a job as its cancellation is answered."""

    def job_list(self, page: JobPage, limit: int, offset: int) -> object:
        """Return a page of jobs."""

    def status(self, job: JobView) -> str:
        """Return the spelling of a job's state."""

    def result(self, job: JobView, receipt: ReceiptView) -> object:
        """Return the result of a completed job."""

    def payment(self, payment: PaymentView) -> object:
        """Return the money of a job."""

    def receipt(self, receipt: ReceiptView) -> object:
        """Return a receipt."""

    def receipt_list(self, receipts: Sequence[ReceiptView]) -> object:
        """Return receipts."""

    def lease(self, lease: Lease) -> object:
        """Return what a claim is answered with."""
