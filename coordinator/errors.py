"""Every error of the coordinator: one class per rule, a stable `code`, grouped by who reacts.

::

    CoordinatorError
    ├── InvalidRequest      the caller mends the request (400; 413 for TooLarge)
    ├── Unauthenticated     the caller shows a key (401)
    ├── Forbidden           the caller has a key, but not the right (403)
    ├── InsufficientBalance the caller adds funds (402)
    ├── NotFound            there is no such object, or it is not the caller's (404)
    ├── Conflict            the object is in another phase (409)
    ├── Gone                it was there and is no longer kept (410)
    ├── TooManyRequests     the caller slows down (429)
    └── Unavailable         the chain cannot answer now; repeating is safe (503)

The mapping to statuses is made in one place, `coordinator.http.errors`. The text of an error is
for the caller: it says what is wrong and how to mend it, and never holds an internal text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from ledger.params import NAIT_PER_AITBC


class CoordinatorError(Exception):
    """Base of all errors that a caller of the coordinator may see."""

    code: ClassVar[str] = "COORDINATOR_ERROR"

    @property
    def detail(self) -> str:
        """The text for the caller."""
        return str(self)


# ------------------------------------------------------------------------------ invalid requests


@dataclass(frozen=True, slots=True)
class FieldFault:
    """One thing that is wrong with a request."""

    pointer: str
    """JSON pointer into the body, such as ``/payload/model``, or the name of a parameter."""
    code: str
    """Stable code, such as ``VALUE_TOO_LARGE``."""
    message: str
    """What is wrong and how to mend it."""


class InvalidRequest(CoordinatorError):
    """The request is wrong in itself, whatever the state is."""

    code = "VALIDATION_ERROR"

    def __init__(self, detail: str, faults: tuple[FieldFault, ...] = ()) -> None:
        """State what is wrong, and where if fields can be named."""
        super().__init__(detail)
        self.faults = faults

    @classmethod
    def at(cls, pointer: str, message: str, fault_code: str = "INVALID") -> Self:
        """Return the error about one field."""
        return cls(f"{pointer}: {message}", (FieldFault(pointer, fault_code, message),))


class InvalidJobType(InvalidRequest):
    """The service is none that this coordinator knows (S1)."""

    code = "INVALID_JOB_TYPE"


class MinerNameInvalid(InvalidRequest):
    """The name breaks M1's pattern or begins with a reserved prefix."""

    code = "MINER_NAME_INVALID"


class ChallengeInvalid(InvalidRequest):
    """The proof of possession does not hold: unknown nonce, expired, or a wrong signature (T6)."""

    code = "CHALLENGE_INVALID"


class TransactionInvalid(InvalidRequest):
    """A transaction signed by the caller is not the one that was asked for."""

    code = "TRANSACTION_INVALID"


class ReceiptInvalid(TransactionInvalid):
    """The signed receipt contradicts the job, the assignment or the delivered result (J19, J21)."""

    code = "RECEIPT_INVALID"


class ResultMalformed(InvalidRequest):
    """The result fails the structural checks: it is refused and not paid (L0, J3)."""

    code = "RESULT_MALFORMED"


class TooFar(InvalidRequest):
    """One answer cannot lead so far; `reachable_epoch` is the last epoch that one leads to."""

    code = "TOO_FAR"

    def __init__(self, detail: str, reachable_epoch: int) -> None:
        """State what is too far, and how far one answer leads."""
        super().__init__(detail)
        self.reachable_epoch = reachable_epoch


class TooLarge(InvalidRequest):
    """More bytes than the limit (413)."""

    code = "TOO_LARGE"


# --------------------------------------------------------------------- who asks, and what they may


class Unauthenticated(CoordinatorError):
    """Nobody is identified."""

    code = "AUTHENTICATION_REQUIRED"


class InvalidApiKey(Unauthenticated):
    """The key is unknown, mistyped, expired or revoked; which of these is not told (A3)."""

    code = "INVALID_API_KEY"


class Forbidden(CoordinatorError):
    """A valid key without the scope, or a miner of another owner (A3)."""

    code = "FORBIDDEN"


class InsufficientBalance(CoordinatorError):
    """The balance does not cover the price and the fee; nothing was kept (P1, P3)."""

    code = "INSUFFICIENT_BALANCE"

    def __init__(self, needed: int, available: int) -> None:
        """State both amounts, given in nait, in AITBC: the unit in which callers name prices."""
        super().__init__(
            f"The balance does not cover this: {aitbc_text(needed)} AITBC are needed with the fee, "
            f"{aitbc_text(available)} are available"
        )
        self.needed = needed
        self.available = available


def aitbc_text(nait: int) -> str:
    """Return an amount as callers write it: AITBC with at least two decimals."""
    whole, part = divmod(nait, NAIT_PER_AITBC)
    decimals = f"{part:0{len(str(NAIT_PER_AITBC)) - 1}}".rstrip("0")
    return f"{whole}.{decimals:0<2}"


# ------------------------------------------------------------------------------------- not found


class NotFound(CoordinatorError):
    """There is no such object, or it is not the caller's to see (A3)."""

    code = "NOT_FOUND"
    text: ClassVar[str] = "Not found"

    def __init__(self, detail: str = "") -> None:
        """Say what is missing; the class's text by default (E1)."""
        super().__init__(detail or self.text)


class JobNotFound(NotFound):
    """No such job of this client."""

    code = "JOB_NOT_FOUND"
    text = "Job not found"


class ReceiptNotFound(NotFound):
    """No such receipt, or the job has none."""

    code = "RECEIPT_NOT_FOUND"
    text = "Receipt not found"


class MinerNotFound(NotFound):
    """No miner of this name."""

    code = "MINER_NOT_FOUND"
    text = "Miner not found"


class ServiceNotFound(NotFound):
    """No service of this id."""

    code = "SERVICE_NOT_FOUND"
    text = "Service not found"


class PaymentNotFound(NotFound):
    """The job has no payment yet (P4)."""

    code = "PAYMENT_NOT_FOUND"
    text = "Payment not found"


class ArtifactNotFound(NotFound):
    """No artifact with this digest is kept here."""

    code = "ARTIFACT_NOT_FOUND"
    text = "Artifact not found"


# -------------------------------------------------------------------------------------- conflicts


class Conflict(CoordinatorError):
    """The object is in a phase in which this cannot be done (E3, R2)."""

    code = "CONFLICT"


class JobAlreadyClaimed(Conflict):
    """Another miner has the job."""

    code = "JOB_ALREADY_CLAIMED"


class JobNotClaimable(Conflict):
    """The job is not queued: finished, out of time, or its escrow is not final."""

    code = "JOB_NOT_CLAIMABLE"


class JobNotForMiner(JobNotClaimable):
    """The job asks for something that this miner did not declare."""

    code = "JOB_NOT_FOR_MINER"


class JobNotPossible(Conflict):
    """No registered miner could be given the job, and its client asked not to wait for one."""

    code = "JOB_NOT_POSSIBLE"

    def __init__(self, registered: int, exclusions: Mapping[str, int]) -> None:
        """State how many miners there are, and why each of them is none for the job."""
        counts = ", ".join(f"{code}: {count}" for code, count in exclusions.items())
        super().__init__(
            f"None of {registered} registered miners could be given this ({counts})"
            if registered
            else "No miner is registered"
        )
        self.exclusions = dict(exclusions)


class JobAlreadyCompleted(Conflict):
    """The job has a receipt: it can be neither cancelled nor completed with another result."""

    code = "JOB_ALREADY_COMPLETED"


class JobAlreadyFinished(Conflict):
    """The job failed or expired; there is nothing to cancel."""

    code = "JOB_ALREADY_FINISHED"


class ReceiptSettled(Conflict):
    """What was locked for the job was paid or came back: nothing is left to say of its receipt."""

    code = "RECEIPT_SETTLED"


class LeaseLost(Conflict):
    """The attempt is no longer the current one; its work is not paid."""

    code = "LEASE_LOST"


class MinerBusy(Conflict):
    """The miner holds as many leases as one miner may."""

    code = "MINER_BUSY"


class MinerAlreadyRegistered(Conflict):
    """The name is held by another owner, or by another key."""

    code = "MINER_ALREADY_REGISTERED"


class SponsorshipExhausted(Conflict):
    """The owner used up the registration fees that the coordinator pays (M1)."""

    code = "SPONSORSHIP_EXHAUSTED"


class JobNotCompleted(Conflict):
    """There is no result yet; `state` says where the job is (R2)."""

    code = "JOB_NOT_COMPLETED"

    def __init__(self, state: str) -> None:
        """State the job's phase."""
        super().__init__(f"The job has no result yet: it is {state}")
        self.state = state


class JobEndedWithoutResult(Conflict):
    """The job ended without a result; the text gives the reason (R2)."""

    def __init__(self, reason: str) -> None:
        """State the reason."""
        super().__init__(reason)
        self.reason = reason


class JobFailed(JobEndedWithoutResult):
    """The job failed."""

    code = "JOB_FAILED"


class JobCancelled(JobEndedWithoutResult):
    """The job was cancelled."""

    code = "JOB_CANCELLED"


class JobExpired(JobEndedWithoutResult):
    """The job exceeded its time to live."""

    code = "JOB_EXPIRED"


class ResultNotDelivered(Conflict):
    """The miner's receipt is on the chain, its result was not delivered; it is disputed (J3)."""

    code = "RESULT_NOT_DELIVERED"


# ------------------------------------------------------------------------------------------- gone


class Gone(CoordinatorError):
    """It was there, and is no longer kept (410)."""

    code = "GONE"


class ResultExpired(Gone):
    """The result is past its retention."""

    code = "RESULT_EXPIRED"


# ------------------------------------------------------------------------------------------ load


class TooManyRequests(CoordinatorError):
    """The caller is above a limit of its own."""

    code = "RATE_LIMITED"

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        """State the limit, and when to come back in whole seconds."""
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class Unavailable(CoordinatorError):
    """The chain cannot answer now; nothing is half done, and the same request may be repeated."""

    code = "CHAIN_UNAVAILABLE"

    def __init__(self, detail: str, retry_after_s: int = 1) -> None:
        """State what was waited for, and when to come back in whole seconds."""
        super().__init__(detail)
        self.retry_after_s = retry_after_s
