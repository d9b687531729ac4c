"""The log of events in a database: in order, with its change or not at all, pruned from its end."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection

from coordinator.database import Database
from coordinator.events import EventKind, NewEvent, record
from coordinator.events.hub import EventHub, Retention
from coordinator.events.log import events_after, newest_seq, oldest_seq, visible_after
from tests.databases import COORDINATOR, Place

DAY_MS = 86_400_000


def event(at_ms: int, client_id: str | None = None) -> NewEvent:
    return NewEvent(EventKind.RECEIPT_CREATED, at_ms, {"at": at_ms}, client_id=client_id)


@pytest.fixture
async def database(place: Place) -> AsyncIterator[Database]:
    opened = Database(place.url(COORDINATOR))
    yield opened
    opened.close()


async def times(database: Database) -> list[int]:
    told = await database.read(lambda c: events_after(c, 0, 1_000))
    assert [each.seq for each in told] == sorted(each.seq for each in told)
    return [each.at_ms for each in told]


async def test_what_a_change_tells_is_undone_with_it(database: Database) -> None:
    def fail(connection: Connection) -> None:
        record(connection, [event(1)])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await database.write(fail)
    await database.write(lambda c: record(c, [event(2), event(3)]))
    assert await times(database) == [2, 3]


async def test_a_client_sees_what_is_public_and_what_is_its_own(database: Database) -> None:
    told = [event(1), event(2, "client_a"), event(3, "client_b"), event(4)]
    await database.write(lambda c: record(c, told))
    seen = await database.read(lambda c: visible_after(c, "client_a", 0, 10))
    assert [each.at_ms for each in seen] == [1, 2, 4]


async def test_the_oldest_go_first_and_numbers_go_on(database: Database) -> None:
    now_ms = [10 * DAY_MS]
    hub = EventHub(database, lambda: now_ms[0], Retention(events_max=3, age_ms=DAY_MS))
    await database.write(lambda c: record(c, [event(now_ms[0] - n) for n in range(10)]))
    await hub.prune()
    assert len(await times(database)) == 3
    newest = await database.read(newest_seq)
    now_ms[0] += 2 * DAY_MS
    await hub.prune()
    # The newest stays, so that no number is given twice.
    assert await database.read(oldest_seq) == newest
    await database.write(lambda c: record(c, [event(now_ms[0])]))
    assert await database.read(newest_seq) > newest
    await hub.prune()
    assert await times(database) == [now_ms[0]]
