"""Connections that prove nothing: few, not for long, and never in the way of wanted ones."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import count

from node.p2p import Limits, NodeIdentity, Role
from node.p2p.addresses import parse_endpoint
from node.p2p.familiar import RECENT_MAX, Familiar
from node.p2p.gate import Gate, Visit
from tests.p2p.attacker import Attacker
from tests.p2p.conftest import StartNode
from tests.p2p.meeting import PATIENCE, QUICK, eventually, key_pair

Enter = Callable[[str], tuple[Visit | None, Visit | None]]


def entrance(gate: Gate) -> Enter:
    """Return how to enter a second after each other."""
    seconds = count()
    return lambda near: gate.enter(near, 1_000 * next(seconds))


def nobody(_near: str) -> bool:
    return False


def test_a_place_that_has_too_many_inside_loses_its_oldest():
    limits = replace(QUICK, unproved_max=5, unproved_per_address_max=3)
    enter = entrance(Gate(limits, nobody, 0))
    visits = [enter("here")[0] for _ in range(3)]
    assert enter("here")[1] is visits[0]
    assert enter("there")[1] is None
    assert enter("here")[1] is visits[1]


def test_a_full_gate_makes_room_at_the_cost_of_who_has_most_inside():
    limits = replace(QUICK, unproved_max=5, unproved_per_address_max=3)
    enter = entrance(Gate(limits, nobody, 0))
    alone = enter("alone")[0]
    many = [enter("many")[0] for _ in range(3)]
    enter("another")
    gone = [enter(near)[1] for near in ("a newcomer", "one more")]
    assert gone == many[:2]
    # Nobody has more than one now: the oldest goes.
    assert enter("last")[1] is alone
    assert alone is not None
    assert alone.is_crowded_out


def test_who_has_left_takes_no_room():
    limits = replace(QUICK, unproved_max=2, unproved_per_address_max=2)
    gate = Gate(limits, nobody, 0)
    first, _ = gate.enter("here", 0)
    gate.enter("there", 0)
    assert first is not None
    gate.leave(first)
    assert gate.enter("elsewhere", 0)[1] is None


def test_the_gate_bounds_how_often_one_place_may_come():
    limits = replace(
        QUICK, accepts_per_address_per_second=2, unproved_per_address_max=4, unproved_max=100
    )
    gate = Gate(limits, nobody, 0)

    def comes_and_goes(near: str, now_ms: int) -> bool:
        visit, _ = gate.enter(near, now_ms)
        if visit is not None:
            gate.leave(visit)
        return visit is not None

    assert [comes_and_goes("here", 0) for _ in range(6)] == [True] * 4 + [False] * 2
    assert comes_and_goes("there", 0)
    assert not comes_and_goes("here", 499)
    assert comes_and_goes("here", 500)


def test_strangers_take_neither_room_nor_turns_of_familiar_places():
    limits = replace(Limits(), unproved_max=4, accepts_per_second=10)
    gate = Gate(limits, lambda near: near.startswith("validator"), 0)
    wanted = [gate.enter(f"validator {number}", 0)[0] for number in range(4)]
    strangers = [gate.enter(f"stranger {number}", 0) for number in range(1_000)]
    assert all(gone not in wanted for _, gone in strangers)
    assert sum(visit is not None for visit, _ in strangers) == 4, "their own turns are used up"
    for visit in filter(None, wanted):
        gate.leave(visit)
    assert gate.enter("validator 5", 500)[0] is not None


def test_places_are_familiar_that_were_named_or_where_a_wanted_peer_was():
    familiar = Familiar()
    familiar.expect(
        [parse_endpoint(text) for text in ("192.0.2.1:1", "[2001:db8::1]:1", "peer.example:1")]
    )
    assert "192.0.2.1" in familiar
    assert "2001:db8::/64" in familiar
    assert "192.0.2.2" not in familiar
    familiar.note("192.0.2.2")
    familiar.expect([])
    assert "192.0.2.2" in familiar
    assert "192.0.2.1" not in familiar
    for number in range(RECENT_MAX):
        familiar.note(f"place {number}")
    assert "192.0.2.2" not in familiar
    assert "" not in familiar


async def test_whoever_speaks_gets_in_while_others_hold_all_places_and_say_nothing(
    start: StartNode,
):
    limits = replace(QUICK, unproved_max=6, unproved_per_address_max=3, handshake_ms=60_000)
    node = await start(1, limits=limits)
    async with AsyncExitStack() as silent:
        for number in range(6):
            await silent.enter_async_context(
                Attacker(node.address, plain=True, source=f"127.0.1.{number % 2 + 1}")
            )
        honest = await start(2, peers=[node.address], listen=())
        await eventually(lambda: node.sees(honest))
        assert node.ended("accept", "TOO_MANY") == 1
        opened = await silent.enter_async_context(Attacker(node.address))
        await opened.open()
        for _ in range(3):
            await silent.enter_async_context(Attacker(node.address, plain=True))
        assert await opened.refusal() == "TOO_MANY"


async def test_a_validator_whose_address_is_known_comes_in_whatever_strangers_do(start: StartNode):
    """Its record names the address; the strangers use up the turns of everybody else."""
    limits = replace(QUICK, unproved_max=4, accepts_per_second=1, handshake_ms=60_000)
    node = await start(1, limits=limits, role=Role.VALIDATOR)
    keys = [key_pair(number).public_key for number in (1, 2, 5)]
    node.network.set_validators(frozenset(keys))
    await start(2, role=Role.VALIDATOR, advertise="127.0.3.1:9", peers=[node.address], listen=())
    await eventually(lambda: "127.0.3.1" in node.network._familiar)
    async with AsyncExitStack() as strangers:
        for number in range(8):
            source = f"127.0.4.{number + 1}"
            await strangers.enter_async_context(Attacker(node.address, plain=True, source=source))
        await eventually(lambda: node.ended("accept", "TOO_MANY") >= 4)
        async with Attacker(node.address, source="127.0.3.1") as late:
            await late.greet(NodeIdentity(key_pair(5), Role.VALIDATOR))
            await eventually(lambda: len(node.network.peers()) == 2)


async def test_tls_and_hello_have_one_deadline_together(start: StartNode):
    node = await start(1, limits=replace(QUICK, handshake_ms=1_000))
    loop = asyncio.get_running_loop()
    began = loop.time()
    host, port = node.address.split(":")
    attacker = Attacker(node.address)
    reader, writer = await asyncio.open_connection(host, int(port))
    await eventually(lambda: loop.time() > began + 0.6)
    async with asyncio.timeout(PATIENCE):
        await writer.start_tls(attacker.context, server_hostname="")
        assert await reader.read() is not None
    assert loop.time() - began < 1.5
    assert node.ended("accept", "HANDSHAKE_SLOW") == 1
    writer.close()
