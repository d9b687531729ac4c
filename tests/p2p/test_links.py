"""Connections over time: found again, kept once, missed when they are gone."""

import asyncio
import socket
import time
from dataclasses import replace

import pytest

from node.p2p import Message, Peer, PeerFault, Role
from node.p2p.frames import encode_frame
from tests.p2p.attacker import Attacker
from tests.p2p.conftest import StartNode
from tests.p2p.meeting import (
    PATIENCE,
    QUICK,
    Node,
    eventually,
    key_pair,
    make_node,
    transactions,
)
from tests.p2p.proxy import cable_to

SMALL, LARGE = sorted((1, 2), key=lambda number: key_pair(number).public_key)


async def test_two_nodes_meet_and_talk_both_ways(start: StartNode):
    listener = await start(1)
    dialler = await start(2, peers=[listener.address], listen=())
    await eventually(lambda: listener.sees(dialler) and dialler.sees(listener))
    assert dialler.peer(listener).is_outbound
    assert not listener.peer(dialler).is_outbound
    assert dialler.peer(listener).send(transactions(b"there"))
    assert listener.peer(dialler).send(transactions(b"back"))
    await eventually(lambda: listener.handler.messages and dialler.handler.messages)
    assert listener.handler.messages == [transactions(b"there")]
    assert dialler.handler.messages == [transactions(b"back")]


async def test_neither_end_holds_a_message_back_for_more_to_send(start: StartNode):
    """asyncio switches Nagle's algorithm off by itself only for sockets that it connects."""
    listener = await start(1)
    dialler = await start(2, peers=[listener.address], listen=())
    await eventually(lambda: listener.sees(dialler) and dialler.sees(listener))
    for node in (listener, dialler):
        (wire,) = node.network._wires
        connection = wire.transport.get_extra_info("socket")
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_messages_of_one_peer_arrive_in_order(start: StartNode):
    listener = await start(1)
    dialler = await start(2, peers=[listener.address], listen=())
    await eventually(lambda: dialler.sees(listener))
    sent = [transactions(str(number).encode()) for number in range(500)]
    for message in sent:
        dialler.peer(listener).send(message)
    await eventually(lambda: len(listener.handler.messages) == 500)
    assert listener.handler.messages == sent


async def test_an_address_with_a_key_is_dialled_and_another_key_there_is_not_talked_to(
    start: StartNode,
):
    listener = await start(1)
    right = await start(2, peers=[f"{listener.key.hex()}@{listener.address}"], listen=())
    wrong = await start(3, peers=[f"{right.key.hex()}@{listener.address}"], listen=())
    await eventually(lambda: right.sees(listener) and wrong.ended("dial", "WRONG_KEY") > 1)
    assert wrong.sees()
    assert listener.sees(right)


async def test_a_node_dials_its_own_address_once_and_talks_to_no_second_process_of_its_key(
    start: StartNode,
):
    listener = await start(1)
    alone = make_node(2)
    await alone.network.start()
    address = alone.address
    await alone.network.stop()
    itself = await start(2, listen=(address,), peers=[address, listener.address])
    await eventually(lambda: itself.sees(listener))
    await eventually(lambda: itself.ended("dial", "OWN_ADDRESS") == 1)
    twin = await start(2, listen=(), peers=[address])
    await eventually(lambda: twin.ended("dial", "CLOSED_BY_PEER") >= 3)
    assert itself.ended("dial", "OWN_ADDRESS") == 1
    assert itself.sees(listener)


async def test_an_address_nobody_listens_at_is_tried_again_until_somebody_does(start: StartNode):
    absent = make_node(1)
    await absent.network.start()
    address = absent.address
    await absent.network.stop()
    dialler = await start(2, peers=[address], listen=())
    await eventually(lambda: dialler.ended("dial", "CONNECTION_LOST") >= 3)
    late = await start(1, listen=(address,))
    await eventually(lambda: dialler.sees(late))


async def test_a_peer_that_is_started_again_is_connected_again(start: StartNode):
    first = make_node(1)
    await first.network.start()
    address = first.address
    dialler = await start(2, peers=[address], listen=())
    await eventually(lambda: dialler.sees(first))
    await first.network.stop()
    await eventually(lambda: dialler.handler.happened() == ["connected", "disconnected"])
    again = await start(1, listen=(address,))
    await eventually(lambda: dialler.sees(again))
    assert dialler.handler.happened() == ["connected", "disconnected", "connected"]


@pytest.mark.parametrize("attempt", range(5))
async def test_two_nodes_that_dial_each_other_at_one_moment_keep_one_connection(
    start: StartNode, attempt: int
):
    small, large = await _meet_crosswise(start)
    # Both keep the connection that the smaller key dialled.
    await eventually(
        lambda: (
            small.sees(large)
            and large.sees(small)
            and small.peer(large).is_outbound
            and not large.peer(small).is_outbound
        )
    )
    kept = small.peer(large)
    small.peer(large).send(transactions(b"over the one"))
    large.peer(small).send(transactions(b"and back"))
    await eventually(lambda: small.handler.messages and large.handler.messages)
    assert small.peer(large) is kept
    for node in (small, large):
        names = node.handler.happened()
        assert names == ["connected", "disconnected"] * (len(names) // 2) + ["connected"]


async def test_a_second_process_with_a_peers_key_takes_its_place(start: StartNode):
    node = await start(1)
    async with Attacker(node.address) as first:
        await first.greet()
        await eventually(lambda: node.handler.happened() == ["connected"])
        async with Attacker(node.address) as second:
            await second.greet()
            assert await first.refusal() == "REPLACED"
            await eventually(
                lambda: node.handler.happened() == ["connected", "disconnected", "connected"]
            )
            assert len(node.network.peers()) == 1


async def test_one_key_at_two_addresses_is_one_peer(start: StartNode):
    listener = await start(1, listen=("127.0.0.1:0", "127.0.0.1:0"))
    dialler = await start(2, peers=listener.network.addresses, listen=())
    await eventually(lambda: dialler.sees(listener))
    await eventually(
        lambda: (
            dialler.ended("dial", "ALREADY_CONNECTED") + dialler.ended("dial", "ALREADY_DIALLING")
        )
    )
    assert dialler.handler.happened() == ["connected"]
    assert listener.handler.happened() == ["connected"]


async def test_a_cable_that_is_cut_is_noticed_at_both_ends_and_mended(start: StartNode):
    limits = replace(QUICK, silent_ms=500, handshake_ms=300)
    listener = await start(1, limits=limits)
    async with cable_to(listener.address) as cable:
        dialler = await start(2, peers=[cable.address], listen=(), limits=limits)
        await eventually(lambda: listener.sees(dialler) and dialler.sees(listener))
        cable.cut()
        await eventually(lambda: listener.sees() and dialler.sees())
        await eventually(
            lambda: listener.ended("peer", "SILENT") and dialler.ended("peer", "SILENT")
        )
        cable.mend()
        await eventually(lambda: listener.sees(dialler) and dialler.sees(listener))
        await dialler.network.stop()


async def test_a_process_that_was_away_does_not_blame_its_peers(start: StartNode):
    limits = replace(QUICK, silent_ms=400)
    listener = await start(1, limits=limits)
    patient = await start(2, peers=[listener.address], listen=())
    await eventually(lambda: listener.sees(patient) and patient.sees(listener))
    # The whole process stands still, as after SIGSTOP; the peer's silence meanwhile is its own.
    time.sleep(3 * limits.silent_ms / 1_000)  # noqa: ASYNC251 - blocking is the point
    measured = "aitbc_p2p_round_trip_seconds_count"
    before = listener.measured(measured)
    await eventually(lambda: listener.measured(measured) > before + 2)
    assert listener.handler.happened() == ["connected"]


async def test_quiet_peers_stay_connected_and_their_round_trips_are_measured(start: StartNode):
    limits = replace(QUICK, ping_ms=20, silent_ms=1_000, controls_per_second=1_000)
    listener = await start(1, limits=limits)
    dialler = await start(2, peers=[listener.address], listen=(), limits=limits)

    def fewest() -> float:
        measured = "aitbc_p2p_round_trip_seconds_count"
        return min(listener.measured(measured), dialler.measured(measured))

    await eventually(lambda: fewest() >= 2 * limits.silent_ms / limits.ping_ms)
    assert listener.handler.happened() == ["connected"]


async def test_a_provable_fault_gets_a_peer_banned_and_another_one_does_not(start: StartNode):
    node = await start(1)

    def judge(peer: Peer, message: Message) -> None:
        raise PeerFault("VOTE_FORGED", provable=message == transactions(b"forged"))

    node.handler.react = judge
    honest = await start(2, peers=[node.address], listen=())
    await eventually(lambda: honest.sees(node))
    honest.peer(node).send(transactions(b"a mistake"))
    await eventually(lambda: node.ended("peer", "VOTE_FORGED") == 1)
    await eventually(lambda: node.sees(honest) and honest.sees(node))
    honest.peer(node).send(transactions(b"forged"))
    await eventually(lambda: honest.ended("dial", "CLOSED_BY_PEER") >= 2)
    assert node.sees()
    assert node.ended("accept", "BANNED") >= 2


async def test_a_fault_that_is_found_later_is_reported(start: StartNode):
    node = await start(1)
    async with Attacker(node.address) as peer:
        await peer.greet()
        await eventually(node.network.peers)
        node.network.report_fault(node.network.peers()[0], "LIES", provable=True)
        assert await peer.refusal() == "LIES"
    await eventually(lambda: node.handler.happened() == ["connected", "disconnected"])


async def test_a_defect_of_the_handler_costs_one_peer_and_not_the_node(start: StartNode):
    node = await start(1)

    def stumble(peer: Peer, message: Message) -> None:
        if message == transactions(b"stumble"):
            raise ZeroDivisionError

    node.handler.react = stumble
    one = await start(2, peers=[node.address], listen=())
    other = await start(3, peers=[node.address], listen=())
    await eventually(lambda: one.sees(node) and node.sees(one, other))
    one.peer(node).send(transactions(b"stumble"))
    await eventually(lambda: node.ended("peer", "HANDLER_FAILED") == 1)
    await eventually(lambda: node.sees(one, other) and other.sees(node))
    other.peer(node).send(transactions(b"fine"))
    await eventually(lambda: transactions(b"fine") in node.handler.messages)


async def test_who_waits_in_the_handler_is_told_of_the_end_and_nothing_follows(start: StartNode):
    node = await start(1)
    never = asyncio.Event()
    node.handler.react = lambda peer, message: never.wait()
    async with Attacker(node.address) as peer:
        await peer.greet()
        peer.send(encode_frame(transactions(b"first")), encode_frame(transactions(b"second")))
        await eventually(lambda: node.handler.messages)
    await eventually(lambda: node.handler.happened() == ["connected", "disconnected"])
    assert node.handler.messages == [transactions(b"first")]


async def test_what_a_peer_said_before_it_hung_up_is_still_heard(start: StartNode):
    node = await start(1)
    leaving = make_node(2, peers=[node.address], listen=())
    await leaving.network.start()
    await eventually(lambda: leaving.sees(node))
    last = [transactions(str(number).encode()) for number in range(20)]
    for message in last:
        leaving.peer(node).send(message)
    await leaving.network.stop()
    await eventually(lambda: node.handler.messages == last)


async def test_stop_ends_in_time_though_a_handler_hangs_and_hellos_are_half_done():
    node = make_node(1)
    await node.network.start()
    never = asyncio.Event()
    node.handler.react = lambda peer, message: never.wait()
    dialler = make_node(2, peers=[node.address, "127.0.0.1:1"], listen=())
    await dialler.network.start()
    await eventually(lambda: dialler.sees(node))
    dialler.peer(node).send(transactions(b"wait"))
    async with Attacker(node.address) as half, Attacker(node.address, plain=True):
        await half.open()
        await eventually(lambda: node.handler.messages)
        began = asyncio.get_running_loop().time()
        await node.network.stop()
        await dialler.network.stop()
        assert asyncio.get_running_loop().time() - began < PATIENCE / 4
    assert node.handler.happened() == ["connected", "disconnected"]
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_port_that_is_taken_is_an_error_at_start(start: StartNode):
    node = await start(1)
    second = make_node(2, listen=("127.0.0.1:0", node.address))
    with pytest.raises(OSError, match="in use"):
        await second.network.start()


async def test_a_role_follows_the_set_of_validators(start: StartNode):
    listener = await start(1)
    validator = await start(2, peers=[listener.address], listen=(), role=Role.VALIDATOR)
    pretender = await start(3, peers=[listener.address], listen=(), role=Role.FOLLOWER)
    await eventually(lambda: listener.sees(validator, pretender))
    assert listener.peer(validator).role is Role.FOLLOWER
    listener.network.set_validators(frozenset({validator.key, pretender.key}))
    assert listener.peer(validator).role is Role.VALIDATOR
    assert listener.peer(pretender).role is Role.FOLLOWER, "it does not claim to be one"
    counted = {"role": "validator", "direction": "inbound"}
    assert listener.measured("aitbc_p2p_peers", **counted) == 1
    listener.network.set_validators(frozenset())
    assert listener.peer(validator).role is Role.FOLLOWER
    assert listener.measured("aitbc_p2p_peers", **counted) == 0


async def test_a_broadcast_reaches_the_role_it_is_for_and_not_the_one_it_came_from(
    start: StartNode,
):
    listener = await start(1)
    validator = await start(2, peers=[listener.address], listen=(), role=Role.VALIDATOR)
    follower = await start(3, peers=[listener.address], listen=())
    listener.network.set_validators(frozenset({validator.key}))
    await eventually(lambda: listener.sees(validator, follower))
    network = listener.network
    network.broadcast(transactions(b"validators"), to=Role.VALIDATOR)
    network.broadcast(transactions(b"others"), but=listener.peer(validator))
    network.broadcast(transactions(b"all"))
    await eventually(
        lambda: (
            validator.handler.messages == [transactions(b"validators"), transactions(b"all")]
            and follower.handler.messages == [transactions(b"others"), transactions(b"all")]
        )
    )


async def _meet_crosswise(start: StartNode) -> tuple[Node, Node]:
    """Start two nodes that know each other's address."""
    probe = make_node(LARGE)
    await probe.network.start()
    address = probe.address
    await probe.network.stop()
    small = await start(SMALL, peers=[address])
    large = await start(LARGE, listen=(address,), peers=[small.address])
    return small, large
