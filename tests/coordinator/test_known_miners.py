"""Miners that are remembered, and the versions of tables by which what is remembered is right."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest
from sqlalchemy import Connection

from coordinator.database import Database, DatabaseClosed
from coordinator.miners import store
from coordinator.miners.known import KnownMiners
from coordinator.miners.store import MINERS
from ledger.actions import Custody
from tests.coordinator.world import World
from tests.databases import COORDINATOR, Place

ADDRESS = bytes(range(20))


@pytest.fixture
def database(place: Place) -> Iterator[Database]:
    """Return an empty database."""
    database = Database(place.url(COORDINATOR))
    yield database
    database.close()


def insert(connection: Connection) -> None:
    """Store a miner."""
    store.insert_miner(
        connection,
        name="One",
        client_id="client_1",
        address=ADDRESS,
        custody=Custody.MANAGED,
        wanted="{}",
        now_ms=1,
    )


CHANGES: tuple[Callable[[Connection], None], ...] = (
    partial(store.want, name="one", wanted='{"a":1}'),
    partial(store.activate, name="ONE", document="{}"),
    partial(store.change, address=ADDRESS, is_draining=True),
    partial(store.delete_miner, name="one"),
)


@pytest.mark.parametrize("change", CHANGES)
async def test_a_change_of_a_miner_is_seen_by_whoever_asks_after_it(
    database: Database, change: Callable[[Connection], None]
) -> None:
    known = KnownMiners(database)
    assert await known.find("one") is None
    await database.write(insert)
    before = await known.find("one")
    assert before is not None
    assert before.name == "One"
    await database.write(change)
    after = await known.find("ONE")
    assert after == await database.read(lambda c: store.find_miner(c, "one"))
    assert after != before


async def test_a_known_miner_is_not_read_again(database: Database) -> None:
    known = KnownMiners(database)
    await database.write(insert)
    first = await known.find("one")
    database.close()
    assert await known.find("One") is first
    with pytest.raises(DatabaseClosed):
        await known.find("two")


async def test_while_a_miner_is_written_to_nothing_of_miners_is_known(database: Database) -> None:
    known = KnownMiners(database)
    await database.write(insert)
    await known.find("one")
    version = database.version_of(MINERS)
    assert version is not None
    touched, may_end = threading.Event(), threading.Event()

    def slowly(connection: Connection) -> None:
        store.change(connection, ADDRESS, is_draining=True)
        touched.set()
        may_end.wait()
        raise ValueError("refused")

    writing = asyncio.create_task(database.write(slowly))
    await asyncio.to_thread(touched.wait)
    assert database.version_of(MINERS) is None
    assert database.version_of("jobs") is not None
    found = await known.find("one")
    assert found is not None
    assert not found.is_draining
    may_end.set()
    with pytest.raises(ValueError, match="refused"):
        await writing
    assert database.version_of(MINERS) not in (None, version)


async def test_other_writes_leave_what_is_known(database: Database) -> None:
    await database.write(insert)
    version = database.version_of(MINERS)
    await database.write(lambda c: store.find_miner(c, "one"))
    assert database.version_of(MINERS) == version


async def test_following_anew_forgets_what_is_known_of_miners(world: World) -> None:
    await world.miner()
    database = world.services.core.database
    version = database.version_of(MINERS)
    await world.services.core.follower.forget()
    assert database.version_of(MINERS) != version
    await world.services.core.follower.catch_up()
