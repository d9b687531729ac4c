"""Bundles are made a few at a time, also when those who asked for them go away."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from threading import Event, current_thread, main_thread

import pytest

from node.http.proof_routes import CONCURRENT, ProofApi
from tests.node.proved_node import ProvedNode
from tests.vectors.proof_chain import tell


@pytest.fixture
def api(tmp_path: Path) -> Iterator[ProofApi]:
    with closing(ProvedNode(tmp_path, tell())) as node:
        yield ProofApi(node.chain, node.prover)


async def test_a_request_that_goes_away_keeps_its_turn_until_its_thread_ends(
    api: ProofApi,
) -> None:
    loop, all_began, may_end = asyncio.get_running_loop(), asyncio.Event(), Event()
    began, ended = count(1), []

    def slow() -> bytes:
        if next(began) == CONCURRENT:
            loop.call_soon_threadsafe(all_began.set)
        may_end.wait()
        ended.append("slow")
        return b"slow"

    def next_one() -> bytes:
        return b"after %d" % len(ended)

    given_up = [asyncio.create_task(api.made(slow)) for _ in range(CONCURRENT)]
    await all_began.wait()
    for task in given_up:
        task.cancel()
    assert all(
        isinstance(each, asyncio.CancelledError)
        for each in await asyncio.gather(*given_up, return_exceptions=True)
    )
    waiting = asyncio.create_task(api.made(next_one))
    await asyncio.sleep(0)
    assert api.turns.locked()
    may_end.set()
    assert (await waiting).data != b"after 0"


async def test_a_fault_ends_a_turn_and_reaches_who_asked(api: ProofApi) -> None:
    def fails() -> bytes:
        assert current_thread() is not main_thread()
        raise ZeroDivisionError

    for _ in range(2 * CONCURRENT):
        with pytest.raises(ZeroDivisionError):
            await api.made(fails)
    assert not api.turns.locked()
