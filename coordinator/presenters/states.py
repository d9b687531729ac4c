"""The states of J1: one internal phase, three spellings, and filters that take them all."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from coordinator.http.faults import FieldInvalid
from coordinator.jobs import JobPhase

Status20240101 = Literal["submitted", "running", "completed", "failed", "cancelled"]
Status20260124 = Literal["pending", "running", "completed", "failed", "cancelled"]
State20260511 = Literal["QUEUED", "RUNNING", "COMPLETED", "FAILED", "CANCELLED", "EXPIRED"]

STATUS_2024_01_01: Final[Mapping[JobPhase, Status20240101]] = {
    JobPhase.ACCEPTED: "submitted",
    JobPhase.QUEUED: "submitted",
    JobPhase.RUNNING: "running",
    JobPhase.COMPLETED: "completed",
    JobPhase.FAILED: "failed",
    JobPhase.CANCELLED: "cancelled",
    JobPhase.EXPIRED: "failed",
}

STATUS_2026_01_24: Final[Mapping[JobPhase, Status20260124]] = {
    JobPhase.ACCEPTED: "pending",
    JobPhase.QUEUED: "pending",
    JobPhase.RUNNING: "running",
    JobPhase.COMPLETED: "completed",
    JobPhase.FAILED: "failed",
    JobPhase.CANCELLED: "cancelled",
    # The documents' clients loop until a status that they know: an expired job has failed.
    JobPhase.EXPIRED: "failed",
}

STATE_2026_05_11: Final[Mapping[JobPhase, State20260511]] = {
    JobPhase.ACCEPTED: "QUEUED",
    JobPhase.QUEUED: "QUEUED",
    JobPhase.RUNNING: "RUNNING",
    JobPhase.COMPLETED: "COMPLETED",
    JobPhase.FAILED: "FAILED",
    JobPhase.CANCELLED: "CANCELLED",
    JobPhase.EXPIRED: "EXPIRED",
}

_WAITING = frozenset({JobPhase.ACCEPTED, JobPhase.QUEUED})

_FILTERS: Final[Mapping[str, frozenset[JobPhase]]] = {
    "submitted": _WAITING,
    "pending": _WAITING,
    "queued": _WAITING,
    "running": frozenset({JobPhase.RUNNING}),
    "completed": frozenset({JobPhase.COMPLETED}),
    "failed": frozenset({JobPhase.FAILED}),
    "cancelled": frozenset({JobPhase.CANCELLED}),
    "expired": frozenset({JobPhase.EXPIRED}),
}

FILTER_SPELLINGS: Final = tuple(_FILTERS)
"""Every spelling that a filter takes, in lower case; any case is taken."""


def filter_phases(text: str, parameter: str, *, with_expired: bool) -> frozenset[JobPhase]:
    """Return the phases that a filter names, in any version's spelling.

    Args:
        text: value of the parameter.
        parameter: `status` or `state`, for the error.
        with_expired: whether `failed` includes expired jobs, as in the versions that have no
            spelling for them.

    Raises:
        FieldInvalid: no version's spelling.
    """
    name = text.lower()
    phases = _FILTERS.get(name)
    if phases is None:
        raise FieldInvalid(parameter, f"must be one of {_listed(_FILTERS)}")
    if name == "failed" and with_expired:
        return phases | {JobPhase.EXPIRED}
    return phases


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
