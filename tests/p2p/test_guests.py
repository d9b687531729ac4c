"""What strangers get together, however many they are, and what others get meanwhile."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from node.p2p import BlockAnswer, Limits, NodeIdentity, Peer, RangeRequest, Role
from node.p2p.buckets import Allowance, TokenBucket
from node.p2p.frames import FRAME_BYTES_MAX, encode_frame
from node.p2p.rates import GUEST_PIECE_BYTES, Rates, RateTable
from tests.p2p.attacker import Attacker
from tests.p2p.conftest import StartNode
from tests.p2p.meeting import QUICK, eventually, key_pair, transactions


def takes(allowance: Allowance, now_ms: int) -> bool:
    """Take one token if the peer would not have to wait for it."""
    is_there = allowance.wait_ms(now_ms) == 0
    if is_there:
        allowance.payer(now_ms).take(1, now_ms)
    return is_there


def guests(count: int) -> list[Rates]:
    limits = Limits(guest_frames_per_second=10, guests_frames_per_second=100)
    table = RateTable(limits, 0)
    return [table.rates(is_guest=True, now_ms=0) for _ in range(count)]


def test_a_guest_alone_gets_all_that_guests_may_take():
    (alone,) = guests(1)
    taken = sum(takes(alone.frames, now_ms) for now_ms in range(10_000))
    assert abs(taken - 10 * (10 + 100) - 100 - 10) < 5


@settings(max_examples=20)
@given(st.integers(2, 40))
def test_many_greedy_guests_take_their_own_and_one_measure_together(count: int):
    greedy = guests(count)
    taken = sum(takes(each.frames, now_ms) for now_ms in range(0, 10_000, 20) for each in greedy)
    # Ten seconds of what each is sure of and of what all share, and both bursts; each bucket may be
    # overdrawn by the one frame that empties it.
    assert taken <= count * (10 * 10 + 10 + 1) + 10 * 100 + 100 + 1


def test_a_modest_guest_never_waits_whatever_others_do():
    *greedy, modest = guests(30)
    for now_ms in range(0, 10_000, 5):
        for each in greedy:
            takes(each.frames, now_ms)
        if now_ms % 100 == 0:
            assert takes(modest.frames, now_ms)


def test_a_guest_may_use_what_is_its_own_after_the_shared_measure_is_owed():
    shared = TokenBucket(1, 1, 0)
    shared.take(1_000, 0)
    allowance = Allowance(TokenBucket(10, 2, 0), shared)
    assert [takes(allowance, 0) for _ in range(3)] == [True, True, True]
    assert not takes(allowance, 0)
    assert allowance.wait_ms(0) == 100


async def test_a_flood_of_guests_leaves_the_loop_to_validators_and_modest_guests(start: StartNode):
    limits = replace(
        QUICK,
        guest_frames_per_second=5,
        guests_frames_per_second=50,
        silent_ms=60_000,
        stuck_ms=60_000,
    )
    node = await start(1, limits=limits)
    validator = NodeIdentity(key_pair(50), Role.VALIDATOR)
    node.network.set_validators(frozenset({validator.keys.public_key}))
    loop = asyncio.get_running_loop()
    noise, word = encode_frame(transactions(b"noise")), encode_frame(transactions(b"modest"))
    async with AsyncExitStack() as stack:

        async def connect(identity: NodeIdentity) -> Attacker:
            attacker = await stack.enter_async_context(Attacker(node.address))
            await attacker.greet(identity)
            return attacker

        flooding = [
            await connect(NodeIdentity(key_pair(10 + number), Role.FOLLOWER)) for number in range(8)
        ]
        modest = await connect(NodeIdentity(key_pair(40), Role.FOLLOWER))
        member = await connect(validator)
        began = loop.time()
        for attacker in flooding:
            attacker.send(*[noise] * 5_000)
        for number in range(300):
            member.send(encode_frame(transactions(f"vote {number}".encode())))
        modest.send(word)
        heard = node.handler.messages
        await eventually(lambda: transactions(b"vote 299") in heard)
        await eventually(lambda: transactions(b"modest") in heard)
        await eventually(lambda: loop.time() > began + 2)
        # A piece may overdraw a guest's own bucket, and the shared one, once each; what comes then
        # is 5 frames a second of each, and 50 of all.
        overdrawn = 9 * GUEST_PIECE_BYTES // len(noise)
        assert heard.count(transactions(b"noise")) < overdrawn + 8 * 5 * 4 + 50 * 4


async def test_a_guest_that_becomes_a_validator_is_one_from_then_on(start: StartNode):
    limits = replace(QUICK, guest_frames_per_second=1, guests_frames_per_second=1)
    node = await start(1, limits=limits)
    peer = await start(2, role=Role.VALIDATOR, peers=[node.address], listen=())
    await eventually(lambda: node.sees(peer) and peer.sees(node))
    node.network.set_validators(frozenset({peer.key}))
    for number in range(200):
        peer.peer(node).send(transactions(str(number).encode()))
    await eventually(lambda: len(node.handler.messages) == 200)


async def test_a_guest_that_asks_and_does_not_read_is_given_one_answer(start: StartNode):
    """64 of them made a node hold 32 MiB each."""
    node = await start(1, limits=replace(QUICK, stuck_ms=60_000, silent_ms=60_000))
    largest = BlockAnswer(bytes(2 * 1_048_576))
    node.handler.react = lambda peer, _message: peer.send(largest)
    question = encode_frame(RangeRequest(1, 1, 1, 1, 0))
    async with Attacker(node.address) as greedy:
        await greedy.greet()
        greedy.stop_reading()
        greedy.send(*[question] * 20)
        await eventually(lambda: len(node.handler.messages) >= 2)
        modest = await start(2, peers=[node.address], listen=())
        await eventually(lambda: modest.sees(node))
        modest.peer(node).send(RangeRequest(1, 1, 1, 1, 0))
        await eventually(lambda: largest in modest.handler.messages)
        # One answer is on its way and one waits; the other questions stay in the socket.
        assert node.measured("aitbc_p2p_queue_bytes") < 3 * FRAME_BYTES_MAX
        greedy.go_on_reading()
        for _ in range(20):
            assert await greedy.receive() == encode_frame(largest)


async def test_what_waits_for_guests_counts_when_memory_is_short(start: StartNode):
    limits = replace(QUICK, held_bytes_max=20_000_000, stuck_ms=60_000, silent_ms=60_000)
    node = await start(1, limits=limits)
    node.handler.react = lambda peer, _message: peer.send(BlockAnswer(bytes(4_000_000)))
    async with AsyncExitStack() as stack:
        for number in range(6):
            greedy = await stack.enter_async_context(Attacker(node.address))
            await greedy.greet(NodeIdentity(key_pair(20 + number), Role.FOLLOWER))
            greedy.stop_reading()
            greedy.send(*[encode_frame(RangeRequest(1, 1, 1, 1, 0))] * 5)
        await eventually(lambda: node.ended("peer", "MEMORY_SHORT") >= 1)
        await eventually(lambda: node.measured("aitbc_p2p_queue_bytes") <= 20_000_000)
        assert node.network.peers()


async def test_guests_do_not_go_for_what_a_validator_makes_a_node_hold(start: StartNode):
    limits = replace(QUICK, held_bytes_max=20_000_000, stuck_ms=60_000, silent_ms=60_000)
    node = await start(1, limits=limits)
    validator = NodeIdentity(key_pair(5), Role.VALIDATOR)
    node.network.set_validators(frozenset({validator.keys.public_key}))
    guest = await start(2, peers=[node.address], listen=())
    await eventually(lambda: node.sees(guest))
    async with Attacker(node.address) as stuck:
        await stuck.greet(validator)
        await eventually(lambda: len(node.network.peers()) == 2)
        stuck.stop_reading()
        peer: Peer | None = node.network.peer_of(validator.keys.public_key)
        assert peer is not None
        for _ in range(6):
            peer.send(BlockAnswer(bytes(4_000_000)))
        await eventually(lambda: node.ended("peer", "MEMORY_SHORT") == 1)
        assert node.sees(guest)
