"""Whom a node dials, how often, and what a liar or a slow name server can do about it."""

import asyncio
import random
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from ledger.types import PublicKey
from node.p2p.addresses import Endpoint, KnownEndpoint
from node.p2p.dialler import Dialler
from node.p2p.errors import ConnectionLost, NameUnresolved, OwnAddress
from node.p2p.link import Link
from node.p2p.resolver import LOOKUPS_AT_ONCE, Resolver, look_up
from tests.p2p.attacker import liar_that_claims
from tests.p2p.conftest import StartNode
from tests.p2p.meeting import PATIENCE, QUICK, eventually, key_pair

SOMEBODY = key_pair(9).public_key


def place(port: int, key: PublicKey | None = SOMEBODY, host: str = "127.0.0.1") -> KnownEndpoint:
    return KnownEndpoint(Endpoint(host, port), key)


class Attempts:
    """Dials that fail, each for the next of some reasons; the last one stays."""

    def __init__(self, *reasons: Exception) -> None:
        self.places: list[KnownEndpoint] = []
        self._reasons = list(reasons)

    async def __call__(self, place: KnownEndpoint) -> Link:
        self.places.append(place)
        raise self._reasons.pop(0) if len(self._reasons) > 1 else self._reasons[0]

    def dialler(self, first_ms: int = 1) -> Dialler:
        limits = replace(QUICK, backoff_first_ms=first_ms, backoff_max_ms=60_000)
        return Dialler(limits, random.Random(1), lambda: 0, self, lambda _key: None)


# ---------------------------------------------------------------------------------- dialler


async def test_whoever_claims_this_nodes_key_does_not_end_the_dials_to_a_place(start: StartNode):
    async with liar_that_claims(key_pair(1).public_key) as address:
        node = await start(1, peers=[address], listen=())
        await eventually(lambda: node.ended("dial", "OWN_KEY") >= 2)
    honest = await start(2, listen=(address,))
    await eventually(lambda: node.sees(honest))


async def test_a_dial_that_fails_for_a_reason_of_this_node_is_made_again():
    attempts = Attempts(RuntimeError("a defect"), ConnectionLost("nobody"))
    dialler = attempts.dialler()
    dialler.want([place(1)])
    await eventually(lambda: len(attempts.places) >= 2)
    await dialler.stop()


async def test_an_address_of_this_node_itself_is_dialled_again_only_when_places_change():
    attempts = Attempts(OwnAddress(), ConnectionLost("nobody"))
    dialler = attempts.dialler(first_ms=60_000)
    dialler.want([place(1)])
    await eventually(lambda: all(task.done() for task in dialler._tasks.values()))
    assert len(attempts.places) == 1
    dialler.want([place(1), place(2, key=None)])
    await eventually(lambda: len(attempts.places) == 3)
    await dialler.stop()


async def test_new_addresses_of_a_key_are_no_new_dials():
    attempts = Attempts(ConnectionLost("nobody"))
    dialler = attempts.dialler(first_ms=60_000)
    for port in range(1, 100):
        dialler.want([place(port)])
        await asyncio.sleep(0)
    await eventually(lambda: attempts.places)
    for port in range(100, 200):
        dialler.want([place(port)])
        await asyncio.sleep(0)
    assert len(attempts.places) == 1
    await dialler.stop()


async def test_all_addresses_of_a_key_are_dialled_in_turn_and_its_newest_ones_only():
    attempts = Attempts(ConnectionLost("nobody"))
    dialler = attempts.dialler()
    dialler.want([place(1), place(2)])
    await eventually(lambda: len(attempts.places) >= 4)
    assert attempts.places[:4] == [place(1), place(2)] * 2
    dialler.want([place(3)])
    dialled = len(attempts.places)
    await eventually(lambda: len(attempts.places) >= dialled + 2)
    assert set(attempts.places[dialled:]) == {place(3)}
    await dialler.stop()


async def test_a_host_name_leads_to_its_node(start: StartNode):
    node = await start(1)
    port = node.address.rsplit(":", 1)[1]
    peer = await start(2, peers=[f"localhost:{port}"], listen=())
    await eventually(lambda: node.sees(peer))


# --------------------------------------------------------------------------------- resolver


class Names:
    """A name server whose answers wait until they are let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._go_on = threading.Event()

    def __call__(self, host: str) -> list[str]:
        self.asked.append(host)
        if host.startswith("slow"):
            assert self._go_on.wait(PATIENCE)
        if host.startswith("none"):
            raise OSError(1, "no such name")
        return ["192.0.2.1", "2001:db8::1"]

    def let_go(self) -> None:
        self._go_on.set()


@pytest.fixture
def names():
    server = Names()
    yield server
    server.let_go()


def threads() -> int:
    return sum(thread.name == "resolver" for thread in threading.enumerate())


def named(host: str, number: int = 9) -> KnownEndpoint:
    return place(1, key_pair(number).public_key, host)


async def test_numeric_addresses_are_looked_up_nowhere(names: Names):
    resolver = Resolver(names)
    assert await resolver.resolve(place(1)) == ["127.0.0.1"]
    assert await resolver.resolve(place(1, host="2001:db8::1")) == ["2001:db8::1"]
    assert not names.asked


async def test_a_name_is_what_its_server_says_or_an_end_of_the_dial(names: Names):
    resolver = Resolver(names)
    assert await resolver.resolve(named("peer.example")) == ["192.0.2.1", "2001:db8::1"]
    with pytest.raises(NameUnresolved, match="no such name"):
        await resolver.resolve(named("none.example"))
    await eventually(lambda: threads() == 0)


async def test_one_peer_with_slow_names_keeps_one_thread_and_no_other_peer(names: Names):
    resolver = Resolver(names)
    slow = asyncio.create_task(resolver.resolve(named("slow.example")))
    await eventually(lambda: names.asked)
    for number in range(20):
        with pytest.raises(NameUnresolved, match="still being looked up"):
            await resolver.resolve(named(f"slow{number}.example"))
    assert await resolver.resolve(named("peer.example", 8))
    await eventually(lambda: threads() == 1)
    names.let_go()
    assert await slow


async def test_many_peers_with_slow_names_keep_no_more_than_some_threads(names: Names):
    resolver = Resolver(names)
    lookups = [
        asyncio.create_task(resolver.resolve(named(f"slow{number}.example", number)))
        for number in range(10)
    ]
    await eventually(lambda: len(names.asked) == LOOKUPS_AT_ONCE)
    assert threads() == LOOKUPS_AT_ONCE
    # The threads that the rest of the node works in are none of these.
    assert await asyncio.to_thread(threads) == LOOKUPS_AT_ONCE
    names.let_go()
    assert len(await asyncio.gather(*lookups)) == 10


async def test_what_a_slow_name_leads_to_is_there_for_the_next_dial(names: Names):
    resolver = Resolver(names)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await resolver.resolve(named("slow.example"))
    names.let_go()
    assert await resolver.resolve(named("slow.example"))
    assert names.asked == ["slow.example"]


def test_the_systems_resolver_knows_this_machine():
    find: Callable[[str], list[str]] = look_up
    assert "127.0.0.1" in find("localhost")
