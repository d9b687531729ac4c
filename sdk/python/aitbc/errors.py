"""Errors of the SDK.

::

    AitbcError
    ├── InvalidValue           a value that the caller gave cannot be encoded or parsed
    │   └── ReceiptInvalid     a receipt or result is not what was signed
    ├── ProofInvalid           a proof bundle does not prove what it should
    ├── WebhookInvalid         a webhook is not by who holds its secret
    ├── KeyFileError           a key file cannot be read or written
    ├── ConnectionFailed       the node did not answer
    ├── JobFailed              a job ended without a result
    ├── JobTimeout             a job did not end within the stated time
    └── ApiError               the node answered with an error: status, error_code, request_id
        ├── InvalidRequest     400, 405, 406, 413, 415, 422: mend the request
        │   └── InvalidJobType
        ├── Unauthenticated    401: show a key
        ├── Forbidden          403: the key may not
        ├── InsufficientBalance 402: add funds
        ├── NotFound           404: there is no such object, or it is not yours
        │   └── JobNotFound
        ├── Conflict           409: the object is in another phase
        │   └── JobAlreadyCompleted
        ├── Gone               410: it was there
        │   └── OfferNotAvailable
        ├── RateLimitExceeded  429: slow down; `retry_after_s` says for how long
        └── ServerFault        5xx: the node's fault, or it cannot answer now
"""

from typing import Final


class AitbcError(Exception):
    """Base of all errors of this package."""


class InvalidValue(AitbcError):
    """A value that cannot be encoded or parsed."""

    def __init__(self, field: str, reason: str) -> None:
        """Name the field and say what is wrong with it."""
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class ReceiptInvalid(InvalidValue):
    """A receipt or a result that is not what its miner signed."""


class ProofInvalid(AitbcError):
    """A proof bundle that does not prove what it should; ``docs/proofs.md`` has steps and codes.

    Attributes:
        step: name of the step that failed; ``asked`` if all passed, but it proves something else
            than what was asked for.
        code: stable code such as ``QUORUM_MISSING``.
        reason: what is wrong, for a person.
    """

    def __init__(self, code: str, reason: str, step: str = "") -> None:
        """State what is wrong, and where if that is known yet."""
        super().__init__(f"{step}: {code}: {reason}" if step else f"{code}: {reason}")
        self.step = step
        self.code = code
        self.reason = reason


class WebhookInvalid(AitbcError):
    """A webhook that was not signed by the holder of its secret, or not now."""


class KeyFileError(AitbcError):
    """A key file that cannot be read or written."""


class ConnectionFailed(AitbcError):
    """The node did not answer; the request may be repeated."""


class JobFailed(AitbcError):
    """A job ended as failed, cancelled or expired."""

    def __init__(self, job_id: str, state: str, reason: str) -> None:
        """Carry the job, its final state and the reason that the node gave."""
        super().__init__(f"job {job_id} ended as {state}: {reason}")
        self.job_id = job_id
        self.state = state
        self.reason = reason


class JobTimeout(AitbcError):
    """A job did not end within the time that the caller allowed."""


class ApiError(AitbcError):
    """The node answered with an error.

    Attributes:
        status: HTTP status.
        error_code: stable code such as ``JOB_NOT_FOUND``.
        detail: what is wrong, for a person.
        request_id: id under which the node logged it, empty if it sent none.
        retry_after_s: seconds to wait before a retry, None if the node did not say.
        pointers: JSON pointers of the fields at fault, where the node names any.
        reachable_epoch: how far one answer leads, where what was asked for is too far for one.
    """

    def __init__(
        self,
        status: int,
        error_code: str,
        detail: str,
        *,
        request_id: str = "",
        retry_after_s: float | None = None,
        pointers: tuple[str, ...] = (),
        reachable_epoch: int | None = None,
    ) -> None:
        """Carry the parts of the node's answer."""
        super().__init__(f"{error_code} ({status}): {detail}")
        self.status = status
        self.error_code = error_code
        self.detail = detail
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.pointers = pointers
        self.reachable_epoch = reachable_epoch


class InvalidRequest(ApiError):
    """The request is wrong in itself; `pointers` name the fields."""


class InvalidJobType(InvalidRequest):
    """The node knows no service of this type."""


class Unauthenticated(ApiError):
    """A key is missing, unknown, expired or revoked."""


class Forbidden(ApiError):
    """The key lacks the scope, or the object belongs to another key."""


class InsufficientBalance(ApiError):
    """The balance does not cover price and fee; nothing was kept."""


class NotFound(ApiError):
    """There is no such object, or it is another's."""


class JobNotFound(NotFound):
    """There is no such job of this client."""


class Conflict(ApiError):
    """The object is in a phase in which this cannot be done."""


class JobAlreadyCompleted(Conflict):
    """The job is completed and cannot be changed any more."""


class Gone(ApiError):
    """It was there and is no longer kept."""


class OfferNotAvailable(Gone):
    """The offer is used up, withdrawn or expired."""


class RateLimitExceeded(ApiError):
    """Too many requests; `retry_after_s` says how long to wait."""


class ServerFault(ApiError):
    """The node failed, or cannot answer now."""


_BY_CODE: Final[dict[str, type[ApiError]]] = {
    "INVALID_JOB_TYPE": InvalidJobType,
    "JOB_NOT_FOUND": JobNotFound,
    "JOB_ALREADY_COMPLETED": JobAlreadyCompleted,
    "OFFER_NOT_AVAILABLE": OfferNotAvailable,
}

_BY_STATUS: Final[dict[int, type[ApiError]]] = {
    400: InvalidRequest,
    401: Unauthenticated,
    402: InsufficientBalance,
    403: Forbidden,
    404: NotFound,
    405: InvalidRequest,
    406: InvalidRequest,
    409: Conflict,
    410: Gone,
    413: InvalidRequest,
    415: InvalidRequest,
    422: InvalidRequest,
    429: RateLimitExceeded,
}


def class_of(status: int, error_code: str) -> type[ApiError]:
    """Return the class of an answer: by its code where that has one, else by its status."""
    named = _BY_CODE.get(error_code)
    if named is not None:
        return named
    return _BY_STATUS.get(status, ServerFault if status >= 500 else ApiError)
