"""Lists of a client's jobs, newest first (J2 of the API)."""

import re
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, func, or_, select

from coordinator.database.tables import jobs
from coordinator.errors import InvalidRequest
from coordinator.jobs.model import JobFilter, JobPage
from coordinator.jobs.views import JobViews

_CURSOR: Final = re.compile(r"\Aj([1-9][0-9]{0,17})\Z")


def list_jobs(
    connection: Connection,
    views: JobViews,
    client_id: str,
    wanted: JobFilter,
    *,
    limit: int,
    offset: int,
    cursor: str | None,
) -> JobPage:
    """Return part of a client's jobs; `cursor` overrides `offset`.

    Raises:
        InvalidRequest: the cursor is none that this function made.
    """
    fits = _condition(client_id, wanted)
    total = connection.execute(select(func.count()).where(fits)).scalar_one()
    newest_first = select(jobs.c.seq, jobs.c.job_id).where(fits).order_by(jobs.c.seq.desc())
    if cursor is None:
        query = newest_first.offset(offset)
    else:
        query = newest_first.where(jobs.c.seq < _parse(cursor))
    # One more than asked for tells whether there are more.
    rows = connection.execute(query.limit(limit + 1)).all()
    shown = rows[:limit]
    next_cursor = f"j{shown[-1].seq}" if len(rows) > limit else None
    return JobPage(views.of(connection, [row.job_id for row in shown]), total, next_cursor)


def _condition(client_id: str, wanted: JobFilter) -> ColumnElement[bool]:
    conditions: list[ColumnElement[bool]] = [jobs.c.client_id == client_id]
    if wanted.phases:
        conditions.append(jobs.c.phase.in_([phase.value for phase in wanted.phases]))
    if wanted.shown_types:
        types = wanted.shown_types
        conditions.append(or_(jobs.c.shown_type.in_(types), jobs.c.service.in_(types)))
    return and_(*conditions)


def _parse(cursor: str) -> int:
    match = _CURSOR.match(cursor)
    if match is None:
        raise InvalidRequest.at("cursor", "is none that this list returned", "INVALID_CURSOR")
    return int(match[1])
