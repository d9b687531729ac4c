"""Statements about more rows than one takes parameters for, as after a long absence."""

import sqlite3
from pathlib import Path

from sqlalchemy import Connection

from coordinator.database import Database
from coordinator.database.listed import VALUES_MAX
from coordinator.duties.facts import read_facts
from coordinator.events.changes import shown_states
from coordinator.follower.sheet import Sheet
from coordinator.outbox import OutboxState, SignedBytes, store
from tests.coordinator.world import World

PARAMETERS_MAX = 2 * VALUES_MAX + 100
"""Parameters of one statement in these tests: the values, in two places of it at most, and others.

SQLite takes 32,766 unless who built it changed that, PostgreSQL 65,535.
"""

MANY = [number.to_bytes(32, "big") for number in range(3 * PARAMETERS_MAX)]


def _bound(connection: Connection) -> None:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, PARAMETERS_MAX)


async def test_of_many_jobs_those_that_are_there_are_read(world: World) -> None:
    first, last = [(await world.job()).job_id for _ in range(2)]
    wanted = [first, *MANY, last]

    def work(connection: Connection) -> None:
        _bound(connection)
        assert read_facts(connection, wanted) == read_facts(connection, [first, last])
        assert shown_states(connection, wanted) == shown_states(connection, [first, last])
        sheet = Sheet(connection)
        sheet.read(wanted)
        assert sheet.jobs.keys() == {first, last}
        assert store.pending_of_jobs(connection, wanted) == []

    await world.services.core.database.read(work)


async def test_many_intents_are_signed_once_each(folder: Path) -> None:
    def intent(number: int) -> store.Intent:
        signed = SignedBytes(MANY[number], b"signed", "attest_receipt", 0, 1_000)
        return store.Intent(f"attest:{number}", lambda: signed)

    intents = [intent(number) for number in range(len(MANY))]
    database = Database(f"sqlite:///{folder}/coordinator.db")
    try:
        await database.write(_bound)
        made = await database.write(lambda c: store.ensure_all(c, intents, 0))
        assert [row.transaction_id for row in made] == MANY
        assert await database.write(lambda c: store.ensure_all(c, intents, 0)) == made
        assert sorted(await database.write(lambda c: store.mark_final(c, MANY))) == MANY
        await database.write(lambda c: store.mark(c, MANY, OutboxState.PENDING))
        expired = await database.write(lambda c: store.mark_expired(c, 1_001))
        assert {row.transaction_id for row in expired} == set(MANY)
        assert await database.read(lambda c: store.pending(c, 1)) == []
    finally:
        database.close()
