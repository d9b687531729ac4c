"""Errors of the HTTP layer itself, one class per rule; `errors.py` says how each is answered.

They join the tree of `coordinator.errors`, at the branch of who reacts:

    InvalidRequest
    ├── FieldInvalid          a field, or the body as a whole, is not what it has to be
    ├── JsonMalformed         the body is not the JSON that we accept
    ├── BodyMissing           a body is required
    ├── BodyIncomplete        the caller went away in the middle of it
    ├── CallerGone            the caller went away while it waited
    ├── UnknownApiVersion     V2
    ├── AmbiguousBody         V1: members of two versions' bodies
    └── KeysDiffer            A1
    TooLarge ── BodyTooLarge
    CoordinatorError
    ├── BodyTooSlow           the body did not come in time (408)
    ├── MediaTypeUnsupported  not application/json, or an encoding that we do not take (415)
    ├── NotAcceptable         none of the media types that the caller takes (406)
    └── UpgradeRequired       a WebSocket's path, asked for by plain HTTP (426)
    Unauthenticated ── AuthenticationRequired
    Forbidden
    ├── ScopeMissing          A3
    └── OriginRefused         A2
    TooManyRequests ── RateLimitExceeded   L1
"""

from collections.abc import Sequence

from coordinator.errors import (
    CoordinatorError,
    FieldFault,
    Forbidden,
    InvalidRequest,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
)


class FieldInvalid(InvalidRequest):
    """A field is missing, unknown, of another type or out of its bounds."""

    def __init__(self, pointer: str, message: str, fault_code: str = "INVALID") -> None:
        """State the place and what has to be there.

        Args:
            pointer: JSON pointer (RFC 6901) into the body, empty for the body as a whole, or the
                name of a query parameter or header.
            message: what it has to be.
            fault_code: stable code of this kind of fault.
        """
        where = pointer or "the body"
        super().__init__(f"{where}: {message}", (FieldFault(pointer, fault_code, message),))


class JsonMalformed(InvalidRequest):
    """Not one JSON text in UTF-8, or one with repeated members, NaN, or too much nesting."""

    code = "MALFORMED_JSON"


class BodyMissing(InvalidRequest):
    """A body is required, and there is none."""

    def __init__(self) -> None:
        """State it."""
        super().__init__("a JSON body is required")


class BodyIncomplete(InvalidRequest):
    """The caller went away in the middle of its body; nobody reads this answer."""

    code = "BODY_INCOMPLETE"

    def __init__(self) -> None:
        """State it."""
        super().__init__("the connection ended before the body did")


class CallerGone(InvalidRequest):
    """The caller went away while it waited for its answer, which nobody reads."""

    code = "CALLER_GONE"

    def __init__(self) -> None:
        """State it."""
        super().__init__("the connection ended before the answer was there")


class UnknownApiVersion(InvalidRequest):
    """Not a version, or not one version (V2)."""

    code = "UNKNOWN_API_VERSION"


class AmbiguousBody(InvalidRequest):
    """Members of more than one version's body."""

    code = "AMBIGUOUS_BODY"

    def __init__(self, members: Sequence[str]) -> None:
        """Name the members."""
        listed = ", ".join(f"`{member}`" for member in members)
        faults = tuple(
            FieldFault(f"/{member}", "AMBIGUOUS", "belongs to one of several versions")
            for member in members
        )
        super().__init__(
            f"{listed} belong to bodies of different versions; send those of one", faults
        )


class KeysDiffer(InvalidRequest):
    """Two different keys in one request (A1)."""

    code = "KEYS_DIFFER"

    def __init__(self) -> None:
        """State it."""
        super().__init__("X-Api-Key and Authorization carry different keys; send one of them")


class BodyTooLarge(TooLarge):
    """More bytes than the route takes."""

    def __init__(self, bytes_max: int) -> None:
        """State the limit."""
        super().__init__(f"the body may have at most {bytes_max} bytes")


class BodyTooSlow(CoordinatorError):
    """The body did not come in time."""

    code = "REQUEST_TIMEOUT"

    def __init__(self, seconds: int) -> None:
        """State the limit."""
        super().__init__(f"the body was not complete after {seconds} s")


class MediaTypeUnsupported(CoordinatorError):
    """The body is not declared as what the route reads."""

    code = "UNSUPPORTED_MEDIA_TYPE"


class NotAcceptable(CoordinatorError):
    """The caller takes none of the media types that the route answers with."""

    code = "NOT_ACCEPTABLE"

    def __init__(self, media_type: str) -> None:
        """State what there is."""
        super().__init__(f"this answers with {media_type}; the Accept header excludes it")


class UpgradeRequired(CoordinatorError):
    """The path is a WebSocket's, and the request does not ask for one."""

    code = "UPGRADE_REQUIRED"

    def __init__(self) -> None:
        """State what to do."""
        super().__init__("this is a WebSocket: connect with ws:// or wss://")


class AuthenticationRequired(Unauthenticated):
    """No key, where one is needed (A3)."""

    def __init__(self) -> None:
        """State where a key goes."""
        super().__init__("an API key is required: X-Api-Key, or Authorization: Bearer")


class ScopeMissing(Forbidden):
    """A valid key that may not do this (A3)."""

    def __init__(self, scope: str) -> None:
        """Name the scope."""
        super().__init__(f"this key has no scope `{scope}`")


class OriginRefused(Forbidden):
    """A page of another origin tries to act as the demo identity (A2)."""

    code = "ORIGIN_REFUSED"


class RateLimitExceeded(TooManyRequests):
    """More requests than the key's limit allows (L1)."""

    code = "RATE_LIMIT_EXCEEDED"

    def __init__(self, policy: str, quota: int, window_s: int, retry_after_s: int) -> None:
        """State the limit, and when to come back."""
        super().__init__(
            f"more than {quota} {policy} requests in {window_s} s: come back in {retry_after_s} s",
            retry_after_s,
        )
