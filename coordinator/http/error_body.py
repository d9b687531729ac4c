"""Bodies of errors: one form for every route and version, and RFC 9457's members beside it."""

import msgspec


class FieldErrorView(msgspec.Struct, kw_only=True, frozen=True):
    """What is wrong with one field."""

    pointer: str
    """JSON pointer into the body, or the name of a parameter."""
    code: str
    """Stable code of the fault."""
    detail: str
    """What is wrong and how to mend it."""


class Error(msgspec.Struct, kw_only=True, frozen=True, omit_defaults=True):
    """Every error of every route and version."""

    detail: str
    """What is wrong and how to mend it, for a person."""
    error_code: str
    """Stable code, such as `JOB_NOT_FOUND`."""
    request_id: str
    """Id of the request, as in the header `X-Request-Id` and in the node's log."""
    errors: list[FieldErrorView] | msgspec.UnsetType = msgspec.UNSET
    """The fields at fault, where there are any."""
    state: str | msgspec.UnsetType = msgspec.UNSET
    """Where the job is, if its result was asked for too early."""
    supported: list[str] | msgspec.UnsetType = msgspec.UNSET
    """Versions that are served, if another was asked for."""
    reachable_epoch: int | msgspec.UnsetType = msgspec.UNSET
    """Last epoch that one answer leads to, if what was asked for is too far for one."""


class Problem(Error, kw_only=True, frozen=True, omit_defaults=True):
    """The same as RFC 9457 problem details, for callers that name `application/problem+json`."""

    type: str
    """URN of the code."""
    title: str
    """The status in words."""
    status: int
    """The HTTP status."""
    instance: str
    """Path of the request."""
