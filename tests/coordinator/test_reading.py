"""Statements that are compiled once, and the threads that read."""

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Final

import pytest
from sqlalchemy import Connection, bindparam, func, insert, select, update

from coordinator.database import Database, DatabaseClosed
from coordinator.database.listed import VALUES_MAX, Listed
from coordinator.database.prepared import Found, Prepared, Value
from coordinator.database.tables import miners
from tests.databases import COORDINATOR, Place

COLUMNS: Final = (
    "name_key",
    "name",
    "client_id",
    "address",
    "custody",
    "wanted",
    "created_ms",
    "is_active",
)
ADD: Final = Prepared(insert(miners).inline(), COLUMNS)
BY_NAME: Final = Prepared(select(miners).where(miners.c.name_key == bindparam("wanted_key")))
RENAME: Final = Prepared(
    update(miners)
    .where(miners.c.name_key == bindparam("wanted_key"))
    .values(name=bindparam("new_name"))
)
BY_NAMES: Final = Listed(lambda names: select(miners).where(miners.c.name_key.in_(names)))
RENAME_SEVERAL: Final = Listed(
    lambda names: (
        update(miners).where(miners.c.name_key.in_(names)).values(name=bindparam("new_name"))
    )
)
RENAME_AND_TELL: Final = Listed(
    lambda names: (
        update(miners)
        .where(miners.c.name_key.in_(names))
        .values(name=bindparam("new_name"))
        .returning(miners.c.name_key)
    )
)
LARGEST: Final = 2**63 - 1


@pytest.fixture
def database(place: Place) -> Iterator[Database]:
    """Return a database with one miner."""
    database = Database(place.url(COORDINATOR))
    yield database
    database.close()


def _add(connection: Connection, name: str = "one") -> int:
    return ADD.run(connection, **_row(name))


def _row(name: str) -> dict[str, Value]:
    return {
        "name_key": name,
        "name": "It's 100% déjà vu: ?",
        "client_id": "client_1",
        "address": name.encode().ljust(20, b"\0"),
        "custody": 1,
        "wanted": "{}",
        "created_ms": LARGEST,
        "is_active": True,
    }


def _key(row: Found) -> str:
    return str(row.name_key)


def _by_name(connection: Connection) -> Found | None:
    return BY_NAME.one_or_none(connection, wanted_key="one")


async def test_a_prepared_statement_gives_the_rows_that_sqlalchemy_gives(
    database: Database,
) -> None:
    assert await database.write(_add) == 1
    found = await database.read(_by_name)
    same = await database.read(lambda c: c.execute(select(miners)).one())
    assert found == same
    assert found is not None
    assert (found.is_active, found.is_draining) == (True, False)
    assert isinstance(found.is_draining, bool)
    assert found.created_ms == LARGEST
    assert found.registered_ms is None


async def test_a_prepared_update_says_how_many_rows_it_changed(database: Database) -> None:
    await database.write(_add)
    changed = await database.write(lambda c: RENAME.run(c, wanted_key="one", new_name="new"))
    missed = await database.write(lambda c: RENAME.run(c, wanted_key="two", new_name="new"))
    assert (changed, missed) == (1, 0)
    found = await database.read(_by_name)
    assert found is not None
    assert found.name == "new"
    assert await database.read(lambda c: BY_NAME.all(c, wanted_key="two")) == []


@pytest.mark.parametrize("count", [0, 1, 3, VALUES_MAX, VALUES_MAX + 1, 3 * VALUES_MAX])
async def test_a_list_of_values_finds_the_rows_that_sqlalchemy_finds(
    database: Database, count: int
) -> None:
    await database.write(lambda c: ADD.run_all(c, [_row(f"{n}") for n in range(2 * VALUES_MAX)]))
    wanted = [f"{number * 3}" for number in range(count)]
    of_names = select(miners).where(miners.c.name_key.in_(wanted))
    expected = await database.read(lambda c: c.execute(of_names).all())
    found = await database.read(lambda c: BY_NAMES.all(c, wanted))
    assert sorted(found, key=_key) == sorted(expected, key=_key)
    changed = await database.write(lambda c: RENAME_SEVERAL.run(c, wanted, new_name="new"))
    assert changed == len(expected)
    renamed = await database.read(lambda c: BY_NAMES.all(c, wanted))
    assert [row.name for row in renamed] == ["new"] * len(expected)


async def test_an_update_of_listed_rows_tells_which_there_were(database: Database) -> None:
    await database.write(lambda c: ADD.run_all(c, [_row("one"), _row("two"), _row("three")]))
    told = await database.write(
        lambda c: RENAME_AND_TELL.all(c, ["one", "four", "three"], new_name="new")
    )
    assert sorted(row.name_key for row in told) == ["one", "three"]


def test_a_list_that_each_run_would_write_anew_is_not_prepared(database: Database) -> None:
    wanted = select(miners).where(miners.c.name_key.in_(bindparam("names", expanding=True)))
    with pytest.raises(AssertionError, match="a text of its own"):
        database.look(lambda c: Prepared(wanted).all(c))


async def test_a_write_that_raises_takes_back_what_a_prepared_statement_did(
    database: Database,
) -> None:
    def fail(connection: Connection) -> None:
        _add(connection)
        raise ValueError("refused")

    with pytest.raises(ValueError, match="refused"):
        await database.write(fail)
    assert await database.read(_by_name) is None


async def test_a_connection_that_is_kept_sees_what_was_written_since(database: Database) -> None:
    for number in range(6):
        names = ["0", f"{number}"]
        await database.write(partial(_add, name=names[1]))
        found = await database.read(lambda c: c.execute(select(miners)).all())
        listed = await database.read(partial(BY_NAMES.all, listed=names))
        assert len(found) == number + 1
        assert len({row.name_key for row in listed}) == min(2, number + 1)
        with pytest.raises(ZeroDivisionError):
            await database.read(lambda c: 1 // len(BY_NAMES.all(c, ["none"])))


async def test_all_statements_of_a_read_see_one_state(database: Database) -> None:
    began, written = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    count = select(func.count()).select_from(miners)

    def look(connection: Connection) -> tuple[Found | None, int]:
        first = _by_name(connection)
        loop.call_soon_threadsafe(began.set)
        asyncio.run_coroutine_threadsafe(written.wait(), loop).result()
        return first, connection.execute(count).scalar_one()

    reading = asyncio.create_task(database.read(look))
    await began.wait()
    await database.write(_add)
    # Another thread reads meanwhile, and sees it.
    assert await database.read(_by_name) is not None
    written.set()
    assert await reading == (None, 0)


async def test_a_failing_read_fails_its_own_caller_alone(database: Database) -> None:
    def fail(_: Connection) -> None:
        raise LookupError("not there")

    outcomes = await asyncio.gather(
        database.read(fail), database.read(_by_name), return_exceptions=True
    )
    assert isinstance(outcomes[0], LookupError)
    assert outcomes[1] is None


async def test_a_read_goes_on_although_its_caller_went_away(database: Database) -> None:
    await database.write(_add)
    reading = asyncio.create_task(database.read(_by_name))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert await database.read(_by_name) is not None


async def test_reads_of_a_closed_database_are_refused(place: Place) -> None:
    database = Database(place.url(COORDINATOR))
    database.close()
    with pytest.raises(DatabaseClosed):
        await database.read(_by_name)
