"""How much peers get: connections, rates, queues; and that validators get theirs."""

import asyncio
from dataclasses import replace

from node.p2p import BlockAnswer, Limits, NodeIdentity, RangeAnswer, Role
from node.p2p.frames import encode_frame
from node.p2p.messages import FinalBlock, StatusMessage
from tests.p2p.attacker import EVIL, Attacker, frame_head
from tests.p2p.conftest import StartNode
from tests.p2p.meeting import QUICK, eventually, key_pair, transactions


async def test_a_validator_gets_in_when_followers_have_taken_all_slots(start: StartNode):
    node = await start(1, limits=replace(QUICK, guests_max=2))
    validator = NodeIdentity(key_pair(5), Role.VALIDATOR)
    node.network.set_validators(frozenset({validator.keys.public_key}))
    followers = [await start(n, peers=[node.address], listen=()) for n in (2, 3, 4)]
    await eventually(lambda: node.ended("accept", "NO_SLOT") >= 1)
    assert len(node.network.peers()) == 2
    async with Attacker(node.address) as late:
        await late.greet(validator)
        await eventually(lambda: len(node.network.peers()) == 3)
    connected = [f for f in followers if f.network.peers()]
    await connected[0].network.stop()
    await eventually(lambda: all(f.network.peers() for f in followers if f is not connected[0]))


async def test_a_slow_handler_slows_its_peer_and_no_other(start: StartNode):
    node = await start(1)
    go_on = asyncio.Event()

    async def wait_for_the_slow(peer, message) -> None:
        if message == transactions(b"slow" * 200):
            await go_on.wait()

    node.handler.react = wait_for_the_slow
    slow = await start(2, peers=[node.address], listen=())
    quick = await start(3, peers=[node.address], listen=())
    await eventually(lambda: node.sees(slow, quick) and slow.sees(node) and quick.sees(node))
    peer = slow.peer(node)
    sent = 0
    while peer.send(transactions(b"slow" * 200)):
        sent += 1
    assert sent > 1_000, "the queue took some"
    for number in range(50):
        quick.peer(node).send(transactions(str(number).encode()))
    await eventually(lambda: transactions(b"49") in node.handler.messages)
    slow_ones = node.handler.messages.count(transactions(b"slow" * 200))
    assert slow_ones == 1
    assert node.measured("aitbc_p2p_held_bytes") < 2_000_000
    go_on.set()
    await eventually(lambda: node.handler.messages.count(transactions(b"slow" * 200)) == sent)


async def test_a_handler_that_is_slow_for_longer_than_silence_keeps_its_peer(start: StartNode):
    limits = replace(QUICK, silent_ms=200, ping_ms=50)
    node = await start(1, limits=limits)
    go_on = asyncio.Event()
    node.handler.react = lambda peer, message: go_on.wait()
    peer = await start(2, peers=[node.address], listen=(), limits=replace(QUICK, silent_ms=60_000))
    await eventually(lambda: peer.sees(node))
    while peer.peer(node).send(transactions(bytes(1_000))):
        pass
    # The node does not read, so it hears no answers to pings; that is not the peer's fault.
    await eventually(lambda: node.handler.messages)
    long_after = asyncio.get_running_loop().time() + 3 * limits.silent_ms / 1_000
    await eventually(lambda: asyncio.get_running_loop().time() > long_after)
    assert node.sees(peer)
    go_on.set()


async def test_votes_overtake_what_waits_for_a_slow_peer(start: StartNode):
    node = await start(1)
    async with Attacker(node.address) as slow:
        await slow.greet()
        await eventually(node.network.peers)
        (peer,) = node.network.peers()
        slow.stop_reading()
        block = BlockAnswer(bytes(100_000))
        for _ in range(80):
            assert peer.send(block)
        queued = node.measured("aitbc_p2p_queue_bytes")
        assert queued > 1_000_000, "much of it waits here and not in the kernel"
        peer.send(RangeAnswer(1, (FinalBlock(b"old", b""),), ()))
        peer.send(transactions(b"least"))
        peer.send(StatusMessage(1, 1, 1, bytes(32)))
        peer.send(StatusMessage(1, 1, 2, bytes(32)))
        slow.go_on_reading()
        received: list[bytes] = []
        while not received or received[-1] != encode_frame(transactions(b"least")):
            received.append(await slow.receive())
        blocks = [at for at, data in enumerate(received) if data == encode_frame(block)]
        statuses = [
            at
            for at, data in enumerate(received)
            if data == encode_frame(StatusMessage(1, 1, 2, bytes(32)))
        ]
        assert len(blocks) == 80
        assert len(statuses) == 1
        assert statuses[0] < blocks[-1]
        assert len(received) == 83, "of two statuses the newer one went out"
        assert received[-2] == encode_frame(RangeAnswer(1, (FinalBlock(b"old", b""),), ()))


async def test_transactions_for_a_slow_peer_are_dropped_and_the_peer_is_kept(start: StartNode):
    node = await start(1, limits=replace(QUICK, transaction_queue_bytes_max=10_000))
    async with Attacker(node.address) as slow:
        await slow.greet()
        await eventually(node.network.peers)
        (peer,) = node.network.peers()
        slow.stop_reading()
        for _ in range(40):
            assert peer.send(BlockAnswer(bytes(100_000)))
        while peer.send(transactions(bytes(1_000))):
            pass
        assert node.measured("aitbc_p2p_dropped_frames_total") == 1
        assert not peer.send(transactions(bytes(1_000)))
        assert node.network.peers() == (peer,)
        assert peer.send(BlockAnswer(bytes(100)))


async def test_a_peer_over_its_rate_is_read_more_slowly_and_not_punished(start: StartNode):
    limits = replace(QUICK, bytes_per_second=1_000_000, silent_ms=500)
    key = key_pair(2).public_key.hex()
    node = await start(1, limits=limits, peers=[f"{key}@127.0.0.1:1"])
    peer = await start(2, peers=[node.address], listen=())
    await eventually(lambda: peer.sees(node))
    began = asyncio.get_running_loop().time()
    for _ in range(20):
        peer.peer(node).send(BlockAnswer(bytes(100_000)))
    await eventually(lambda: len(node.handler.messages) == 20)
    assert asyncio.get_running_loop().time() - began > 0.7
    assert node.sees(peer)


async def test_the_follower_that_holds_most_memory_goes_when_it_is_short(start: StartNode):
    limits = replace(QUICK, held_bytes_max=3_000_000, stuck_ms=60_000, silent_ms=60_000)
    node = await start(1, limits=limits)
    async with Attacker(node.address) as modest, Attacker(node.address) as greedy:
        await modest.greet(NodeIdentity(key_pair(7), Role.FOLLOWER))
        await greedy.greet(EVIL)
        modest.write(_begun(4_000_000, 500_000))
        greedy.write(_begun(4_000_000, 3_500_000))
        await greedy.until_ended()
        await eventually(lambda: node.ended("peer", "MEMORY_SHORT") == 1)
        assert [peer.key for peer in node.network.peers()] == [key_pair(7).public_key]


async def test_a_frame_of_the_largest_size_goes_through(start: StartNode):
    node = await start(1)
    peer = await start(2, peers=[node.address], listen=())
    await eventually(lambda: peer.sees(node))
    largest = BlockAnswer(bytes(4 * 1_048_576))
    peer.peer(node).send(largest)
    await eventually(lambda: node.handler.messages == [largest])
    sent = peer.measured("aitbc_p2p_bytes_total", direction="sent", kind="block_answer")
    received = node.measured("aitbc_p2p_bytes_total", direction="received", kind="block_answer")
    assert sent == received == len(encode_frame(largest))


def test_the_usual_limits_leave_room_for_validators_and_for_a_vote_in_the_queue():
    limits = Limits()
    assert limits.guests_per_address_max < limits.guests_max
    assert limits.transaction_queue_bytes_max < limits.queue_bytes_max
    assert limits.ping_ms * 2 < limits.silent_ms


def _begun(length: int, sent: int) -> bytes:
    """Return the beginning of a frame."""
    return frame_head(2, length) + bytes(sent)
