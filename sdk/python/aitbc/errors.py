"""Errors of the SDK.

::

    AitbcError
    ├── InvalidValue     a value that the caller gave cannot be encoded or parsed; names the field
    ├── KeyFileError     a key file cannot be read or written
    ├── ConnectionFailed the node did not answer
    ├── ApiError         the node answered with an error; carries status and error_code
    ├── JobFailed        a job ended without a result
    └── JobTimeout       a job did not end within the stated time
"""


class AitbcError(Exception):
    """Base of all errors of this package."""


class InvalidValue(AitbcError):
    """A value that cannot be encoded or parsed."""

    def __init__(self, field: str, reason: str) -> None:
        """Name the field and say what is wrong with it."""
        super().__init__(f"{field}: {reason}")
        self.field = field


class KeyFileError(AitbcError):
    """A key file that cannot be read or written."""


class ConnectionFailed(AitbcError):
    """The node did not answer; the request may be repeated."""


class ApiError(AitbcError):
    """The node answered with an error.

    Attributes:
        status: HTTP status.
        error_code: stable code such as ``JOB_NOT_FOUND``.
        detail: what is wrong, for a person.
        request_id: id under which the node logged it, empty if it sent none.
        retry_after_s: seconds to wait before a retry, None if the node did not say.
        pointers: JSON pointers of the fields at fault, where the node names any.
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
    ) -> None:
        """Carry the parts of the node's answer."""
        super().__init__(f"{error_code} ({status}): {detail}")
        self.status = status
        self.error_code = error_code
        self.detail = detail
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.pointers = pointers


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
