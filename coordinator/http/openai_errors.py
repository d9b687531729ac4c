"""Errors of the routes that OpenAI's clients call, in OpenAI's shape (E1)."""

from typing import Final

import msgspec

from coordinator.http.error_body import Error

_TYPES: Final = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
"""OpenAI's types by status; 4xx that are not here are its `invalid_request_error`."""


class OpenAiErrorBody(msgspec.Struct, kw_only=True, frozen=True):
    """What is wrong."""

    message: str
    """What is wrong and how to mend it, for a person."""
    type: str
    """Kind of error, in OpenAI's words."""
    param: str | None
    """Parameter at fault, if there is one."""
    code: str
    """Our stable code in lower case, such as `model_not_found` or `invalid_api_key`."""


class OpenAiError(msgspec.Struct, kw_only=True, frozen=True):
    """Every error of these routes."""

    error: OpenAiErrorBody
    """What is wrong."""


def openai_error(status: int, error: Error) -> OpenAiError:
    """Return an error in OpenAI's shape."""
    pointers = [] if error.errors is msgspec.UNSET else [fault.pointer for fault in error.errors]
    kind = _TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
    return OpenAiError(
        error=OpenAiErrorBody(
            message=error.detail,
            type=kind,
            param=pointers[0].removeprefix("/").replace("/", ".") if pointers else None,
            code=error.error_code.lower(),
        )
    )
