"""How long jobs of a kind usually take, for estimates (J5)."""

import statistics
from typing import Final

from sqlalchemy import Connection, bindparam, literal_column, select

from coordinator.database.prepared import Prepared
from coordinator.database.tables import jobs, results
from coordinator.jobs.model import JobPhase

UNKNOWN_MS: Final = 300_000
"""Said of a service and model of which no job was completed yet."""

SAMPLE: Final = 50
"""Newest completed jobs of the service and model whose median is taken."""

LOOKED_AT_MAX: Final = 1_000
"""Newest completed jobs of the service among which those of the model are sought: anybody may name
a model that no job ever had."""

_newest: Final = (
    select(jobs.c.seq, jobs.c.job_id, jobs.c.attempt, jobs.c.model)
    .where(
        jobs.c.phase == literal_column(f"'{JobPhase.COMPLETED.value}'"),
        jobs.c.service == bindparam("service"),
    )
    .order_by(jobs.c.seq.desc())
    .limit(literal_column(str(LOOKED_AT_MAX)))
    .subquery("newest")
)

_DURATIONS: Final = Prepared(
    select((results.c.completed_ms - results.c.started_ms).label("duration_ms"))
    .join(
        _newest,
        (_newest.c.job_id == results.c.job_id) & (_newest.c.attempt == results.c.attempt),
    )
    .where(_newest.c.model == bindparam("model"))
    .order_by(_newest.c.seq.desc())
    .limit(literal_column(str(SAMPLE)))
)

_READS_BEFORE_REFRESH: Final = 100
_KINDS_MAX: Final = 1_000


class UsualTimes:
    """Medians by service and model, remembered for a number of reads."""

    def __init__(self) -> None:
        """Begin with nothing known."""
        self._known: dict[tuple[str, str], tuple[int, int]] = {}

    def known(self, service: str, model: str) -> int | None:
        """Return what `of` returns, None where it has to ask the database."""
        key = (service, model)
        usual_ms, reads_left = self._known.get(key, (UNKNOWN_MS, 0))
        if reads_left == 0:
            return None
        self._known[key] = (usual_ms, reads_left - 1)
        return usual_ms

    def of(self, connection: Connection, service: str, model: str) -> int:
        """Return the usual time of such a job, in milliseconds."""
        key = (service, model)
        usual_ms, reads_left = self._known.get(key, (UNKNOWN_MS, 0))
        if reads_left == 0:
            if len(self._known) >= _KINDS_MAX:
                self._known.clear()
            usual_ms, reads_left = _median(connection, service, model), _READS_BEFORE_REFRESH
        self._known[key] = (usual_ms, reads_left - 1)
        return usual_ms


def _median(connection: Connection, service: str, model: str) -> int:
    rows = _DURATIONS.all(connection, service=service, model=model)
    durations = [int(row.duration_ms) for row in rows]
    return int(statistics.median(durations)) if durations else UNKNOWN_MS
