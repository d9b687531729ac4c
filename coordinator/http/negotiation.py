"""What the caller asks for beside the resource: media types (`Accept`) and patience (`Prefer`)."""

import re

_WAIT = re.compile(r"wait *= *\"?([0-9]{1,5})\"?", re.ASCII | re.IGNORECASE)

_STRICT = re.compile(r"handling *= *\"?strict\"?", re.ASCII | re.IGNORECASE)

_ZERO_WEIGHT = re.compile(r"q *= *0(?:\.0{0,3})?", re.ASCII | re.IGNORECASE)

WAIT_S_MAX = 30
"""Longest that an answer waits for a job."""


def accepts(accept: str, media_type: str) -> bool:
    """Return whether an `Accept` header takes a media type; an empty one takes everything.

    The most specific range that fits decides (RFC 9110, 12.5.1); weights other than zero do not
    matter, because each answer has one media type.
    """
    main = media_type.partition("/")[0]
    taken: dict[str, bool] = {}
    for part in accept.split(","):
        name, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if name:
            taken[name] = not any(_ZERO_WEIGHT.fullmatch(item) for item in parameters)
    if not taken:
        return True
    for wanted in (media_type, f"{main}/*", "*/*"):
        if wanted in taken:
            return taken[wanted]
    return False


def names(accept: str, media_type: str) -> bool:
    """Return whether an `Accept` header names a media type itself, and not by a wildcard."""
    listed = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return media_type in listed and accepts(accept, media_type)


def preferred_wait_s(prefer: str) -> int | None:
    """Return the seconds of `Prefer: wait=N` (RFC 7240), at most `WAIT_S_MAX`; None without one.

    A preference that cannot be understood is ignored, as the RFC says.
    """
    for preference in prefer.split(","):
        if match := _WAIT.fullmatch(preference.partition(";")[0].strip()):
            return min(int(match[1]), WAIT_S_MAX)
    return None


def prefers_strict(prefer: str) -> bool:
    """Return whether `Prefer: handling=strict` (RFC 7240) is there."""
    preferences = (part.partition(";")[0].strip() for part in prefer.split(","))
    return any(_STRICT.fullmatch(preference) for preference in preferences)
