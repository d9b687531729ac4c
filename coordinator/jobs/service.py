"""Jobs as their client sees them: create, read, wait, cancel, result, payment."""

from coordinator.clients.model import Principal
from coordinator.jobs.model import JobFilter, JobPage, JobSpec, JobView, PaymentView
from coordinator.values import ApiVersion
from ledger.types import Hash


class JobService:
    """The client's side of jobs. All methods may be called at the same time."""

    async def create(self, principal: Principal, spec: JobSpec, *, wait_s: float = 0) -> JobView:
        """Lock the price in escrow and queue the job.

        Answers when the signed escrow transaction is stored and pooled (P3); the job is offered
        once it is final.

        Args:
            principal: the client; its managed wallet pays.
            spec: what to do, already checked for shape.
            wait_s: wait up to this long for the job's end (`Prefer: wait`), at most 30.

        Raises:
            Forbidden: the key has no scope `client`.
            InvalidJobType, InvalidRequest, TooLarge: the specification breaks a limit.
            InsufficientBalance: balance < price + fee; nothing is left behind.
            Unavailable: the pool is full or the chain does not answer; nothing is left behind.
        """
        raise NotImplementedError

    async def get(self, principal: Principal, job_id: Hash) -> JobView:
        """Return a job of the caller.

        Raises:
            JobNotFound: unknown, or another client's (A3).
        """
        raise NotImplementedError

    async def list(
        self,
        principal: Principal,
        wanted: JobFilter,
        *,
        limit: int,
        offset: int = 0,
        cursor: str | None = None,
    ) -> JobPage:
        """Return the caller's jobs, newest first (J2 of the API); `cursor` overrides `offset`.

        Raises:
            InvalidRequest: the cursor is none that this method returned.
        """
        raise NotImplementedError

    async def wait(self, principal: Principal, job_id: Hash, wait_s: float) -> JobView:
        """Return the job when it ended or after `wait_s` seconds (at most 30).

        Raises:
            JobNotFound: unknown, or another client's.
        """
        raise NotImplementedError

    async def cancel(self, principal: Principal, job_id: Hash) -> JobView:
        """Cancel a queued or running job; answers when final. A cancelled job: the same answer.

        Raises:
            Forbidden: the key has no scope `client`.
            JobNotFound: unknown, or another client's.
            JobAlreadyCompleted: its receipt is on the chain.
            JobAlreadyFinished: it failed or expired.
            InsufficientBalance: the wallet does not cover the fee of the cancellation.
            Unavailable: not final in time; repeat.
        """
        raise NotImplementedError

    async def result(self, principal: Principal, job_id: Hash, *, wait_s: float = 0) -> JobView:
        """Return a completed job; its `result` and `receipt_id` are there (R2).

        Args:
            principal: the client.
            job_id: the job.
            wait_s: wait up to this long for the end, at most 30.

        Raises:
            JobNotFound: unknown, or another client's.
            JobNotCompleted: no end yet.
            JobFailed, JobCancelled, JobExpired: it ended without a result.
            ResultNotDelivered: the receipt came without the result.
            ResultExpired: it was deleted.
        """
        raise NotImplementedError

    async def payment(self, principal: Principal, job_id: Hash) -> PaymentView:
        """Return the money of a job (P4).

        Raises:
            JobNotFound: unknown, or another client's.
            PaymentNotFound: the escrow is not final, or never was.
        """
        raise NotImplementedError

    async def version_of(self, job_id: Hash) -> ApiVersion | None:
        """Return the API version that a job was created in (V1), None if it is unknown."""
        raise NotImplementedError
