"""URLs of webhooks: what may be registered, and where each part of one goes when sending."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

from coordinator.webhooks.addresses import may_be_sent_to
from coordinator.webhooks.errors import WebhookUrlRefused

URL_LENGTH_MAX: Final = 2_048

_CHARACTERS: Final = re.compile(r"[!-~]+", re.ASCII)
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})+\.?", re.ASCII)
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?", re.ASCII)
"""Names whose last label is a number: systems read them as addresses, in many spellings."""

_LOCALHOST: Final = "localhost"


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in the parts that sending needs."""

    scheme: str
    """``https``; ``http`` on loopback alone."""
    host: str
    """Name or numeric address, without brackets."""
    port: int
    """TCP port."""
    authority: str
    """Value of the `Host` header."""
    path: str
    """Path and query."""


def parse_url(text: str, *, with_loopback: bool) -> Target:
    """Return the parts of a URL that messages may be sent to.

    What a name resolves to is judged whenever a message is sent; see `addresses`.

    Args:
        text: the URL.
        with_loopback: whether this machine's own addresses are taken, with plain HTTP too.

    Raises:
        WebhookUrlRefused: it is none, or none that messages are sent to.
    """
    if len(text) > URL_LENGTH_MAX or not _CHARACTERS.fullmatch(text):
        raise WebhookUrlRefused(f"must be a URL of at most {URL_LENGTH_MAX} ASCII characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise WebhookUrlRefused("must be a URL such as https://your-app.com/webhook") from None
    host = parts.hostname
    if parts.scheme not in {"https", "http"} or not host or "\\" in text:
        raise WebhookUrlRefused("must be a URL such as https://your-app.com/webhook")
    if "@" in parts.netloc:
        raise WebhookUrlRefused("must not hold a user name or password")
    if "#" in text:
        raise WebhookUrlRefused("must not have a fragment")
    is_local = _check_host(host, parts, with_loopback=with_loopback)
    if parts.scheme != "https" and not is_local:
        raise WebhookUrlRefused("must begin with https://")
    if port == 0:
        raise WebhookUrlRefused("must not have the port 0")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    default = 443 if parts.scheme == "https" else 80
    return Target(parts.scheme, host, port or default, parts.netloc, path)


def _check_host(host: str, parts: SplitResult, *, with_loopback: bool) -> bool:
    """Return whether a host is this machine by its name.

    Raises:
        WebhookUrlRefused: no name or address that messages are sent to.
    """
    is_address = parts.netloc.startswith("[") or _NUMERIC.fullmatch(host) is not None
    if is_address:
        if not may_be_sent_to(host, with_loopback=with_loopback):
            raise WebhookUrlRefused("messages are sent to public addresses only")
        return not may_be_sent_to(host, with_loopback=False)
    if host == _LOCALHOST and with_loopback:
        return True
    if not _NAME.fullmatch(host) or host.rstrip(".").endswith(f".{_LOCALHOST}"):
        raise WebhookUrlRefused("must name a public host, such as your-app.com")
    return False
