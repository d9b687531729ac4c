"""Structured logs without secrets.

One line an event, on standard error, for a person or as JSON. Everything passes `redact`, which
goes by the name of a member, by its type, and by what secrets look like; so a slip somewhere else
does not become a leak.
"""

import logging
import re
import sys
from collections.abc import Mapping
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from node.config import LogSection

HIDDEN: Final = "[hidden]"
"""What stands in the place of a secret."""

TEXT_CHARACTERS_MAX: Final = 8_192
"""Longer values are cut; a traceback fits."""

_QUIET_LIBRARIES: Final = ("alembic", "asyncio", "httpcore", "httpx", "uvicorn")
"""They tell each step or request; ours say what matters, and paths can hold tickets."""

_SECRET_NAME: Final = re.compile(
    r"passphrase|password|secret|seed|token|authorization|api_?key|cookie|ticket|wrapping"
    r"|private|\bkey\b|ciphertext|prompt|payload|result|blind|\bsalt\b",
    re.IGNORECASE,
)
"""Names of members that hold secrets or what clients and miners said to each other."""

_PUBLIC_NAME: Final = re.compile(r"_(id|digest|count|bytes|seconds|ms|file)\Z|\Apublic_key\Z")
"""Endings of names that say something about a secret without being it."""

_SECRET_TEXT: Final = re.compile(
    r"(?P<scheme>://)[^/@\s]+@"  # credentials in a URL
    r"|(?P<bearer>\b(?i:bearer|basic)\s+)[\w.~+/=-]+"
    r"|(?P<query>[?&](?:ticket|key|token)=)[^&\s]+"
    r"|\baitbc_\w{8,}",  # API keys
)


def configure_logs(section: LogSection, stream: TextIO | None = None) -> None:
    """Send all logs of this process, ours and libraries', to one place; call once at start.

    Args:
        section: format and least severity.
        stream: where lines go; standard error when None.
    """
    stream = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer()
        if section.format == "json"
        else structlog.dev.ConsoleRenderer(colors=stream.isatty())
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(section.level.upper())
    for library in _QUIET_LIBRARIES:
        logging.getLogger(library).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide what must not be read in a log; structlog's processor signature."""
    return {name: _shown(name, value) for name, value in event.items()}


def _shown(name: str, value: object) -> object:
    """Return what a log may say of a member."""
    if isinstance(value, bool | int | float | None):
        return value
    if _SECRET_NAME.search(name) and not _PUBLIC_NAME.search(name):
        return HIDDEN
    if isinstance(value, bytes | bytearray | memoryview):
        # Ids are logged as hex by who knows that they are ids; raw bytes may be a key.
        return f"<{len(value)} bytes>"
    if isinstance(value, Mapping):
        return {str(inner): _shown(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_shown("", item) for item in value]
    return hide_secrets(str(value))


def hide_secrets(text: str) -> str:
    """Return a text with everything that looks like a secret hidden, and not too long."""
    hidden = _SECRET_TEXT.sub(_replacement, text[:TEXT_CHARACTERS_MAX])
    return hidden if len(text) <= TEXT_CHARACTERS_MAX else f"{hidden} … ({len(text)} characters)"


def _replacement(match: re.Match[str]) -> str:
    if match["scheme"]:
        return f"{match['scheme']}{HIDDEN}@"
    return (match["bearer"] or match["query"] or "") + HIDDEN
