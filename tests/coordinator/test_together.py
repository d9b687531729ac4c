"""Reads for several who ask at the same time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import Connection

from coordinator.database import Database
from coordinator.database.together import ReadTogether


class Squares:
    """A read that notes what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[list[int]] = []
        self.fails = False

    def read(self, connection: Connection, keys: Sequence[int]) -> dict[int, int]:
        assert connection.exec_driver_sql("SELECT 1").scalar_one() == 1
        self.asked.append(sorted(keys))
        if self.fails:
            raise LookupError(str(sorted(keys)))
        return {key: key * key for key in keys if key >= 0}


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'coordinator.db'}")
    yield database
    database.close()


async def test_all_who_ask_in_one_round_are_answered_by_one_read(database: Database) -> None:
    squares = Squares()
    together = ReadTogether(database, squares.read)

    found = await asyncio.gather(*(together.of(key) for key in (2, 3, 2, -1)))

    assert found == [4, 9, 4, None]
    assert squares.asked == [[-1, 2, 3]]
    assert await together.of(5) == 25, "who asks later gets a read of its own"
    assert squares.asked == [[-1, 2, 3], [5]]


async def test_a_read_that_fails_is_told_to_all_who_asked_and_to_nobody_else(
    database: Database,
) -> None:
    squares = Squares()
    together = ReadTogether(database, squares.read)
    squares.fails = True

    failed = await asyncio.gather(together.of(1), together.of(2), return_exceptions=True)

    assert [type(each) for each in failed] == [LookupError, LookupError]
    squares.fails = False
    assert await together.of(1) == 1


async def test_who_goes_away_takes_nothing_from_the_others(database: Database) -> None:
    squares = Squares()
    together = ReadTogether(database, squares.read)
    first, second = (asyncio.create_task(together.of(key)) for key in (1, 2))
    await asyncio.sleep(0)

    first.cancel()

    assert await second == 4
    with pytest.raises(asyncio.CancelledError):
        await first
