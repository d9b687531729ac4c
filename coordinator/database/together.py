"""One read for all who ask for the same kind of thing at the same time.

A block makes many leases and receipts final, and all who wait for one wake at once: to read them
together takes one trip to a thread and one statement, and not one of each for everybody.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

from sqlalchemy import Connection

from coordinator.database.engine import Database

K = TypeVar("K")
V = TypeVar("V")


class ReadTogether(Generic[K, V]):
    """Collects what is asked for in one round of the event loop. To be used from that loop."""

    def __init__(
        self, database: Database, read: Callable[[Connection, Sequence[K]], Mapping[K, V]]
    ) -> None:
        """Begin with nothing asked for.

        Args:
            database: where to read.
            read: returns what is there of several keys, each given once.
        """
        self._database = database
        self._read = read
        self._asked: dict[K, list[asyncio.Future[V | None]]] = {}
        self._under_way: set[asyncio.Task[None]] = set()

    async def of(self, key: K) -> V | None:
        """Return what is there of a key, not older than this call; None if there is nothing.

        Raises:
            Exception: what the read raises; whoever asked at the same time gets it, too.
        """
        answer: asyncio.Future[V | None] = asyncio.get_running_loop().create_future()
        if not self._asked:
            # It runs once all had their turn who wake in this round.
            task = asyncio.create_task(self._answer_all(), name="a read for several")
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)
        self._asked.setdefault(key, []).append(answer)
        return await answer

    async def _answer_all(self) -> None:
        asked, self._asked = self._asked, {}
        try:
            found = await self._database.read(lambda c: self._read(c, list(asked)))
        except Exception as error:  # noqa: BLE001 - everybody who asked has to learn it
            for answer in _open(asked):
                answer.set_exception(error)
        except BaseException:
            for answer in _open(asked):
                answer.cancel()
            raise
        else:
            for key, answers in asked.items():
                for answer in answers:
                    if not answer.done():
                        answer.set_result(found.get(key))


def _open(asked: Mapping[K, list[asyncio.Future[V | None]]]) -> list[asyncio.Future[V | None]]:
    return [answer for answers in asked.values() for answer in answers if not answer.done()]
