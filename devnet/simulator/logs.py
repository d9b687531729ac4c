"""Where the log of simulated nodes goes: into the story of a run, or nowhere."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any

import structlog

from devnet.simulator.world import World

_SILENT = structlog.make_filtering_bound_logger(logging.CRITICAL)
_EVERYTHING = structlog.make_filtering_bound_logger(logging.NOTSET)


@contextmanager
def logs_of(world: World) -> Iterator[None]:
    """Put what nodes log into a world's story, and put logging back as it was afterwards."""
    before = structlog.get_config()

    def tell(_logger: object, level: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        text = " ".join(f"{name}={value}" for name, value in event.items() if name != "event")
        world.tell(world.acting, lambda: f"logs {level}: {event['event']} {text}")
        raise structlog.DropEvent

    if world.story is None:
        structlog.configure(processors=[_drop], wrapper_class=_SILENT)
    else:
        structlog.configure(processors=[tell], wrapper_class=_EVERYTHING)
    try:
        yield
    finally:
        structlog.configure(**before)


def _drop(_logger: object, _level: str, _event: Mapping[str, Any]) -> Mapping[str, Any]:
    raise structlog.DropEvent
