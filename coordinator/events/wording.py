"""How events read on the wire, in each version: one member differs, the spelling of a state."""

import json
from collections.abc import Mapping
from functools import partial
from typing import Final

from coordinator.events.feed import StateChange
from coordinator.events.model import Event, EventKind, Seq
from coordinator.events.subscription import Form
from coordinator.http.times import format_time
from coordinator.jobs.model import JobPhase
from coordinator.presenters.states import (
    STATE_2026_05_11,
    STATUS_2024_01_01,
    STATUS_2026_01_24,
)
from coordinator.values import ApiVersion, JsonValue
from coordinator.wire import job_text
from ledger.types import Hash, TimestampMs

_STATES: Final[Mapping[ApiVersion, tuple[str, Mapping[JobPhase, str]]]] = {
    "2024-01-01": ("status", STATUS_2024_01_01),
    "2026-01-24": ("status", STATUS_2026_01_24),
    "2026-05-11": ("state", STATE_2026_05_11),
}
"""Name and spellings of a job's state."""


def state_of(version: ApiVersion, phase: JobPhase) -> dict[str, JsonValue]:
    """Return the member that tells a job's state."""
    name, spellings = _STATES[version]
    return {name: spellings[phase]}


def compact(value: JsonValue) -> str:
    """Return JSON in one line."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def envelope(kind: str, data: JsonValue, seq: Seq) -> str:
    """Return a message of `/ws`."""
    return compact({"type": kind, "data": data, "seq": seq})


def job_message(version: ApiVersion, job_id: Hash, change: StateChange) -> dict[str, JsonValue]:
    """Return what a change of a job's state says: document 003's bare object, and its place."""
    return {
        "job_id": job_text(job_id),
        **state_of(version, change.phase),
        "timestamp": format_time(change.at_ms),
        "seq": change.seq,
    }


def _global_message(version: ApiVersion, event: Event) -> str:
    data = dict(event.data)
    if event.kind is EventKind.JOB_UPDATE:
        assert event.job_id is not None, "an update is about a job"
        phase = JobPhase(str(event.data["phase"]))
        data = {"job_id": job_text(event.job_id), **state_of(version, phase)}
    return envelope(event.kind.value, data | _at(event.at_ms), event.seq)


def _at(at_ms: TimestampMs) -> dict[str, JsonValue]:
    return {"timestamp": format_time(at_ms)}


GLOBAL_FORMS: Final[Mapping[ApiVersion, Form]] = {
    version: partial(_global_message, version) for version in _STATES
}
"""How events read on `/ws`, by version."""
