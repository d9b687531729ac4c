"""What somebody with a key can do to a node: be disconnected, and be banned if it is proved.

The attacker has said a proper hello. An honest peer is connected all the while.
"""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import msgspec
import pytest

from ledger.hashing import Tags
from node.p2p import BlockAnswer, NodeIdentity, Peer, Role, StatusMessage
from node.p2p.frames import FRAME_BYTES_MAX, encode_frame
from node.p2p.kinds import KINDS
from node.p2p.messages import PeerRecord, PeerRecords, VoteMessage
from node.p2p.records import RecordBook
from node.ports import SystemClock
from tests.p2p.attacker import EVIL, Attacker, frame_head
from tests.p2p.conftest import StartNode
from tests.p2p.meeting import GENESIS, QUICK, Node, eventually, key_pair, transactions

IMPATIENT = replace(QUICK, silent_ms=600, stuck_ms=300, queue_bytes_max=2_000_000)


@pytest.fixture
async def node(start: StartNode) -> AsyncIterator[Node]:
    """A node with an honest peer, which is still there and heard at the end."""
    made = await start(1, limits=IMPATIENT)
    honest = await start(2, peers=[made.address], listen=())
    await eventually(lambda: made.sees(honest))
    yield made
    await eventually(lambda: made.sees(honest))
    honest.peer(made).send(transactions(b"honest"))
    await eventually(lambda: transactions(b"honest") in made.handler.messages)
    assert ("disconnected", made.peer(honest)) not in made.handler.events


async def refuses_and_bans(
    node: Node, attack: Callable[[Attacker], Awaitable[None]], code: str
) -> None:
    """Attack after a hello; see the reason, and that the key does not get in again."""
    async with Attacker(node.address) as attacker:
        await attacker.greet()
        await attack(attacker)
        await attacker.until_ended()
    await eventually(lambda: node.ended("peer", code) == 1)
    async with Attacker(node.address) as again:
        await again.open()
        hello = again.hello()
        opening = await again.exchange_openings(hello)
        again.send(hello.proof(opening, SystemClock().wall_ms()))
        assert await again.refusal() == "BANNED"


FRAME = encode_frame(StatusMessage(1, 2, 3, bytes(32)))


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame_head(2, 0), "FRAME_MALFORMED"),
        (frame_head(2, 3) + b"\xff\xff\xff", "FRAME_MALFORMED"),
        (frame_head(2, len(FRAME) + 1) + FRAME + b"\x00", "FRAME_MALFORMED"),
        (
            frame_head(2, len(FRAME) + 1) + FRAME[:2] + b"\xcc\x01" + FRAME[3:],
            "FRAME_NOT_CANONICAL",
        ),
        (frame_head(2, FRAME_BYTES_MAX + 1), "FRAME_TOO_LARGE"),
        (
            frame_head(2, 10_000) + bytes([0x92, KINDS[VoteMessage].number]) + bytes(9_998),
            "FRAME_TOO_LARGE",
        ),
        (frame_head(1, 2) + b"hi", "FRAME_NOT_BINARY"),
        (frame_head(2, 2, fin=False) + b"hi", "FRAME_FRAGMENTED"),
        (b"\x82\x02hi", "WEBSOCKET_BROKEN"),
    ],
)
async def test_a_frame_that_no_honest_peer_sends_gets_its_key_banned(
    node: Node, data: bytes, code: str
):
    async def attack(attacker: Attacker) -> None:
        attacker.write(data)

    await refuses_and_bans(node, attack, code)


async def test_a_forged_record_of_a_validator_gets_who_passes_it_on_banned(node: Node):
    validator = key_pair(9).public_key
    node.network.set_validators(frozenset({validator}))
    now_ms = SystemClock().wall_ms()
    forged = PeerRecord(validator, "10.0.0.1:80", now_ms, now_ms + 1_000, bytes(64))

    async def attack(attacker: Attacker) -> None:
        attacker.send(encode_frame(PeerRecords((forged,))))

    await refuses_and_bans(node, attack, "RECORD_FORGED")


async def test_a_kind_of_a_later_version_is_refused_without_a_ban(node: Node):
    async with Attacker(node.address) as attacker:
        await attacker.greet()
        attacker.send(msgspec.msgpack.encode([126, b"what will be"]))
        assert await attacker.refusal() == "KIND_UNKNOWN"
    async with Attacker(node.address) as again:
        await again.greet()


async def test_a_flood_of_pings_ends_the_connection(node: Node):
    async with Attacker(node.address) as attacker:
        await attacker.greet()
        attacker.write(frame_head(9, 125) + bytes(125))
        attacker.write((frame_head(9, 125) + bytes(125)) * 10_000)
        await attacker.until_ended()
    await eventually(lambda: node.ended("peer", "CONTROL_FLOOD") == 1)


async def test_a_peer_that_never_reads_is_disconnected(node: Node):
    async with Attacker(node.address) as attacker:
        await attacker.greet()
        # Nobody reads the attacker's end of the socket any more.
        attacker.stop_reading()
        peer = await _peer(node, EVIL.keys.public_key)
        filling = transactions(bytes(1_000))

        def talk() -> bool:
            # How much the system takes for it is not ours to say, so there is always more.
            while peer.send(filling):
                pass
            # It is not silent, so that only its deafness can be what ends it.
            attacker.write(frame_head(2, len(FRAME)) + FRAME)
            return node.ended("peer", "STUCK") == 1

        await eventually(talk)


async def test_a_peer_for_whom_too_much_waits_is_disconnected(node: Node):
    async with Attacker(node.address) as attacker:
        await attacker.greet()
        attacker.stop_reading()
        peer = await _peer(node, EVIL.keys.public_key)
        sent = 0
        while peer.send(BlockAnswer(bytes(500_000))):
            sent += 1
            assert sent < 50
        assert node.network.peer_of(EVIL.keys.public_key) is None
        assert node.ended("peer", "TOO_SLOW") == 0
        await eventually(lambda: node.ended("peer", "TOO_SLOW") == 1)


async def test_a_peer_that_says_nothing_and_answers_no_ping_is_disconnected(node: Node):
    async with Attacker(node.address) as attacker:
        await attacker.greet()
        await attacker.until_ended()
    await eventually(lambda: node.ended("peer", "SILENT") == 1)


async def test_a_frame_that_is_begun_and_never_ended_is_dropped(node: Node):
    async with Attacker(node.address) as attacker:
        await attacker.greet()
        attacker.write(frame_head(2, 4_000_000) + b"\x92\x15")

        def drip() -> bool:
            # A byte now and then, so that the connection is not silent.
            attacker.write(b"x")
            return node.ended("peer", "FRAME_STALLED") == 1

        await eventually(drip)


async def test_frames_of_noise_end_connections_and_nothing_else(node: Node):
    noise = random.Random(1)
    for number in range(30):
        identity = NodeIdentity(key_pair(1_000 + number), Role.FOLLOWER)
        async with Attacker(node.address) as attacker:
            await attacker.greet(identity)
            for _ in range(5):
                size = noise.randrange(1, 400)
                data = bytearray(noise.randbytes(size))
                if noise.random() < 0.7:
                    row = noise.choice(list(KINDS.values()))
                    data[:2] = bytes([0x90 + noise.randrange(1, 8), row.number])
                attacker.send(bytes(data))
            await attacker.until_ended()
    await eventually(lambda: len(node.network.peers()) == 1)


async def test_a_claim_to_be_a_validator_is_worth_nothing_without_the_set(node: Node):
    async with Attacker(node.address) as attacker:
        await attacker.greet(NodeIdentity(EVIL.keys, Role.VALIDATOR))
        peer = await _peer(node, EVIL.keys.public_key)
        roles = [peer.role]
        node.network.set_validators(frozenset({EVIL.keys.public_key}))
        roles.append(peer.role)
        assert roles == [Role.FOLLOWER, Role.VALIDATOR]


async def test_addresses_told_again_and_again_are_not_all_looked_at(node: Node):
    validator = NodeIdentity(key_pair(9), Role.VALIDATOR)
    node.network.set_validators(frozenset({validator.keys.public_key}))
    now_ms = SystemClock().wall_ms()
    async with Attacker(node.address) as attacker:
        await attacker.greet()
        for number in range(200):
            book = RecordBook(validator, Tags(GENESIS), "127.0.0.1:1")
            record = book.renew(now_ms + number)
            assert record is not None
            attacker.send(encode_frame(PeerRecords((record,))))
        attacker.send(encode_frame(transactions(b"last")))
        await eventually(lambda: transactions(b"last") in node.handler.messages)
        told = node.measured("aitbc_p2p_frames_total", direction="sent", kind="peer_records")
        assert 0 < told <= 30


async def _peer(node: Node, key: bytes) -> Peer:
    await eventually(lambda: node.network.peer_of(key))
    peer = node.network.peer_of(key)
    assert peer is not None
    return peer
