"""Reads that wait together share a state of the database; none sees one older than its call."""

import asyncio
import threading
from collections.abc import Callable
from functools import partial

import pytest
from sqlalchemy import Connection, func, insert, select

from coordinator.database.readers import Readers
from coordinator.database.tables import clients
from ledger.store import Database as Connections
from tests.databases import COORDINATOR, Place


class _Renewing(Connections):
    """Connections that count how often one of them was given a new state."""

    renewed = 0

    def renew(self, connection: Connection) -> None:
        self.renewed += 1
        super().renew(connection)


def _count(connection: Connection) -> int:
    counted: int = connection.execute(select(func.count()).select_from(clients)).scalar_one()
    return counted


class _Held:
    """A read that has its state, and then waits until it is let go."""

    def __init__(self) -> None:
        self.is_let_go = threading.Event()
        self._has_looked = threading.Event()

    def __call__(self, connection: Connection) -> int:
        counted = _count(connection)
        self._has_looked.set()
        self.is_let_go.wait()
        return counted

    async def look(self) -> None:
        await asyncio.to_thread(self._has_looked.wait)


def _add(connections: Connections, client_id: str) -> None:
    with connections.writing() as connection:
        values = {"address": client_id.encode().ljust(20, b"."), "label": "", "created_ms": 0}
        connection.execute(insert(clients).values(client_id=client_id, **values))


async def _asked(readers: Readers, works: list[Callable[[Connection], int]]) -> list[int | str]:
    """Ask for all in one turn of the loop; return what they found, or the name of what failed."""
    found = await asyncio.gather(*map(readers.read, works), return_exceptions=True)
    return [type(each).__name__ if isinstance(each, BaseException) else each for each in found]


async def _held_up(
    connections: Connections,
    works: list[Callable[[Connection], int]],
    meanwhile: Callable[[], object],
) -> tuple[int, list[int | str]]:
    """Ask for works while the one reader is held, after something happened; return what came."""
    readers, held = Readers(connections, 1), _Held()
    first = asyncio.create_task(readers.read(held))
    await held.look()
    meanwhile()
    others = asyncio.create_task(_asked(readers, works))
    asyncio.get_running_loop().call_soon(
        # Behind the turn in which the others are asked for.
        partial(asyncio.get_running_loop().call_soon, held.is_let_go.set)
    )
    found = await first, await others
    await asyncio.to_thread(readers.close)
    return found


async def test_a_read_sees_what_was_written_before_it_was_asked_for(place: Place) -> None:
    connections = Connections(place.url(COORDINATOR))
    found = await _held_up(connections, [_count], lambda: _add(connections, "a"))
    assert found == (0, [1])
    connections.close()


async def test_reads_that_wait_together_share_a_state(place: Place) -> None:
    connections = _Renewing(place.url(COORDINATOR))

    def write_and_count(connection: Connection) -> int:
        counted = _count(connection)
        _add(connections, f"after {counted}")
        return counted

    found = await _held_up(connections, [write_and_count, _count, _count], lambda: None)
    assert found == (0, [0, 0, 0])
    # After the one that was held, and after all the others.
    assert connections.renewed == 2
    connections.close()


@pytest.mark.parametrize("place_of_failure", [0, 1, 2])
async def test_a_read_that_fails_leaves_the_others_alone(
    place: Place, place_of_failure: int
) -> None:
    connections = Connections(place.url(COORDINATOR))

    def fail(connection: Connection) -> int:
        raise LookupError(_count(connection))

    works: list[Callable[[Connection], int]] = [_count, _count]
    works.insert(place_of_failure, fail)
    _, found = await _held_up(connections, works, lambda: _add(connections, "a"))
    wanted: list[int | str] = [1, 1]
    wanted.insert(place_of_failure, "LookupError")
    assert found == wanted
    connections.close()


async def test_a_state_that_cannot_be_renewed_fails_no_read(place: Place) -> None:
    class Unwilling(_Renewing):
        def renew(self, connection: Connection) -> None:
            super().renew(connection)
            raise ConnectionError("the server ended it")

    connections = Unwilling(place.url(COORDINATOR))
    found = await _held_up(connections, [_count, _count], lambda: _add(connections, "a"))
    assert found == (0, [1, 1])
    assert connections.renewed == 2
    connections.close()
