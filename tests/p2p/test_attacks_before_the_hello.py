"""What somebody with a socket and no key can do to a node: be disconnected.

After each attack a node that was connected before is still connected, and a new one gets in.
"""

import datetime as dt
import socket
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from ledger.codec import encode
from node.p2p import NodeIdentity, Role
from node.p2p.certificates import make_tls_identity
from node.p2p.hello import PROTOCOL_VERSION, Opening, Proof
from node.ports import SystemClock
from tests.p2p.attacker import EVIL, Attacker, frame_head
from tests.p2p.conftest import StartNode
from tests.p2p.meeting import GENESIS, QUICK, Node, eventually, key_pair, transactions

IMPATIENT = replace(QUICK, handshake_ms=600)

Attack = Callable[[Node], Awaitable[None]]


@pytest.fixture
async def survives(start: StartNode) -> Callable[[Attack], Awaitable[Node]]:
    """Run an attack on a node with an honest peer, and see that nothing else changed."""

    async def run(attack: Attack) -> Node:
        node = await start(1, limits=IMPATIENT)
        before = await start(2, peers=[node.address], listen=())
        await eventually(lambda: node.sees(before))
        await attack(node)
        after = await start(3, peers=[node.address], listen=())
        await eventually(lambda: node.sees(before, after) and after.sees(node))
        before.peer(node).send(transactions(b"before"))
        after.peer(node).send(transactions(b"after"))
        await eventually(lambda: len(node.handler.messages) == 2)
        assert node.handler.happened() == ["connected", "connected"]
        return node

    return run


# ----------------------------------------------------------------------------- TCP and TLS


async def test_a_connection_that_says_nothing_is_dropped(survives):
    async def silence(node: Node) -> None:
        async with Attacker(node.address, plain=True) as attacker:
            await attacker.until_ended()

    node = await survives(silence)
    assert node.ended("accept", "TLS_FAILED") == 1


async def test_a_connection_that_speaks_one_byte_at_a_time_is_dropped(survives):
    async def drip(node: Node) -> None:
        # A TLS record's head that promises bytes which do not come.
        async with Attacker(node.address, plain=True) as attacker:
            for byte in b"\x16\x03\x01\x02\x00\x01":
                attacker.write(bytes([byte]))
                await attacker.drain()
            await attacker.until_ended()

    await survives(drip)


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\n\r\n", bytes(1_000), b"\x16\x03\x01\xff\xff" + bytes(70_000)]
)
async def test_bytes_that_are_no_tls_are_dropped(survives, garbage: bytes):
    async def speak(node: Node) -> None:
        async with Attacker(node.address, plain=True) as attacker:
            attacker.write(garbage)
            await attacker.until_ended()

    await survives(speak)


async def test_a_client_without_a_certificate_is_refused(survives):
    async def anonymous(node: Node) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        async with Attacker(node.address, tls=context) as attacker:
            await attacker.until_ended()

    node = await survives(anonymous)
    assert node.ended("accept", "TLS_FAILED") == 1


async def test_a_certificate_of_another_authority_is_refused(survives, tmp_path: Path):
    async def stranger(node: Node) -> None:
        async with Attacker(node.address, tls=_context_of_a_stranger(tmp_path)) as attacker:
            await attacker.until_ended()

    node = await survives(stranger)
    assert node.ended("accept", "TLS_FAILED") == 1


async def test_an_older_tls_is_refused(survives):
    async def old(node: Node) -> None:
        context = make_tls_identity().client
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            async with Attacker(node.address, tls=context):
                pass

    await survives(old)


async def test_a_connection_reset_in_the_middle_of_tls_costs_nothing(survives):
    async def reset(node: Node) -> None:
        host, port = node.address.split(":")
        for _ in range(20):
            raw = socket.create_connection((host, int(port)))
            raw.send(b"\x16\x03\x01")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00" + bytes(4))
            raw.close()

    await survives(reset)


# ------------------------------------------------------------------------------ WebSocket


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x01\x02\x03\r\n",
        b"GET /v1/chain/status HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET " + b"a" * 10_000,
        frame_head(2, 2**63),
    ],
)
async def test_bytes_that_are_no_websocket_are_dropped(survives, garbage: bytes):
    async def speak(node: Node) -> None:
        async with Attacker(node.address) as attacker:
            attacker.write(garbage)
            await attacker.until_ended()

    await survives(speak)


async def test_a_request_that_never_ends_is_dropped(survives):
    async def drip(node: Node) -> None:
        async with Attacker(node.address) as attacker:
            attacker.write(b"GET /aitbc/p2p/1 HTTP/1.1\r\nHost: ")
            await attacker.until_ended()

    node = await survives(drip)
    assert node.ended("accept", "HANDSHAKE_SLOW") == 1


async def test_a_websocket_without_a_hello_is_dropped(survives):
    async def silence(node: Node) -> None:
        async with Attacker(node.address) as attacker:
            await attacker.open()
            assert await attacker.refusal() == "HANDSHAKE_SLOW"

    await survives(silence)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (frame_head(1, 5) + b"hello", "FRAME_NOT_BINARY"),
        (frame_head(2, 5, fin=False) + b"hello", "FRAME_FRAGMENTED"),
        (frame_head(2, 10_000), "FRAME_TOO_LARGE"),
        (frame_head(2, 2**63 - 1), "FRAME_TOO_LARGE"),
        (frame_head(3, 0), "WEBSOCKET_BROKEN"),
        (b"\x82\x05hello", "WEBSOCKET_BROKEN"),
        (frame_head(9, 0) * 1_000, "CONTROL_FLOOD"),
        (frame_head(10, 0) * 1_000, "CONTROL_FLOOD"),
        (frame_head(2, 0), "HELLO_MALFORMED"),
        (frame_head(2, 5) + b"hello", "HELLO_MALFORMED"),
    ],
)
async def test_a_frame_that_is_no_opening_is_refused(survives, frame: bytes, code: str):
    async def speak(node: Node) -> None:
        async with Attacker(node.address) as attacker:
            await attacker.open()
            attacker.write(frame)
            await attacker.until_ended()

    node = await survives(speak)
    assert node.ended("accept", code) == 1


# ---------------------------------------------------------------------------------- hello


@pytest.mark.parametrize(
    ("opening", "code"),
    [
        ({"version": PROTOCOL_VERSION + 1}, "WRONG_VERSION"),
        ({"genesis_digest": bytes(32)}, "WRONG_GENESIS"),
        ({"key": key_pair(1).public_key}, "OWN_KEY"),
        ({"key": bytes(32)}, "KEY_INVALID"),
    ],
)
async def test_an_opening_that_is_not_wanted_is_told_why(survives, opening, code: str):
    fields = {
        "version": PROTOCOL_VERSION,
        "genesis_digest": GENESIS,
        "role": Role.FOLLOWER,
        "key": EVIL.keys.public_key,
        "nonce": bytes(32),
    }

    async def speak(node: Node) -> None:
        async with Attacker(node.address) as attacker:
            await attacker.open()
            attacker.send(encode(Opening(**{**fields, **opening})))
            assert await attacker.refusal() == code

    node = await survives(speak)
    assert node.ended("accept", code) == 1


async def test_half_a_hello_is_dropped(survives):
    async def half(node: Node) -> None:
        async with Attacker(node.address) as attacker:
            await attacker.open()
            await attacker.exchange_openings(attacker.hello())
            assert await attacker.refusal() == "HANDSHAKE_SLOW"

    await survives(half)


async def test_an_opening_in_the_name_of_another_key_is_not_enough(survives):
    async def impersonate(node: Node) -> None:
        victim = NodeIdentity(key_pair(2), Role.FOLLOWER)
        async with Attacker(node.address) as attacker:
            await attacker.open()
            hello = attacker.hello(victim)
            opening = await attacker.exchange_openings(hello)
            as_evil = attacker.hello(EVIL).proof(opening, SystemClock().wall_ms())
            attacker.send(as_evil)
            assert await attacker.refusal() == "PROOF_FORGED"

    await survives(impersonate)


async def test_a_hello_that_was_recorded_on_another_connection_is_refused(survives):
    async def replay(node: Node) -> None:
        tls = make_tls_identity()
        async with Attacker(node.address, tls=tls) as honest:
            await honest.open()
            hello = honest.hello()
            opening = await honest.exchange_openings(hello)
            proof = hello.proof(opening, SystemClock().wall_ms())
        # The same certificate, the same frames; only the node's nonce is another one.
        async with Attacker(node.address, tls=tls) as attacker:
            await attacker.open()
            await attacker.exchange_openings(hello)
            attacker.send(proof)
            assert await attacker.refusal() == "PROOF_FORGED"

    await survives(replay)


async def test_a_hello_that_is_passed_on_by_a_middleman_is_refused(survives):
    async def relay(node: Node) -> None:
        async with Attacker(node.address) as middleman:
            await middleman.open()
            # Made for the connection to the middleman, whose certificate the victim saw.
            victim = Attacker(node.address)
            async with victim:
                await victim.open()
                hello = victim.hello(NodeIdentity(key_pair(7), Role.VALIDATOR))
                opening = await middleman.exchange_openings(hello)
                middleman.send(hello.proof(opening, SystemClock().wall_ms()))
                assert await middleman.refusal() == "PROOF_FORGED"

    await survives(relay)


async def test_a_proof_from_a_clock_that_is_days_off_is_refused_with_a_word_about_clocks(survives):
    async def late(node: Node) -> None:
        async with Attacker(node.address) as attacker:
            await attacker.open()
            hello = attacker.hello()
            opening = await attacker.exchange_openings(hello)
            attacker.send(hello.proof(opening, SystemClock().wall_ms() - 2 * 86_400_000))
            assert await attacker.refusal() == "PROOF_EXPIRED"

    await survives(late)


async def test_a_proof_of_nothing_is_refused(survives):
    async def speak(node: Node) -> None:
        async with Attacker(node.address) as attacker:
            await attacker.open()
            await attacker.exchange_openings(attacker.hello())
            attacker.send(encode(Proof(SystemClock().wall_ms(), bytes(64))))
            assert await attacker.refusal() == "PROOF_FORGED"

    await survives(speak)


async def test_messages_before_the_hello_reach_nobody(survives):
    async def speak(node: Node) -> None:
        async with Attacker(node.address) as attacker:
            await attacker.open()
            attacker.send(encode(transactions(b"evil")))
            assert await attacker.refusal() == "HELLO_MALFORMED"

    node = await survives(speak)
    assert transactions(b"evil") not in node.handler.messages


def _context_of_a_stranger(folder: Path) -> ssl.SSLContext:
    """Return a context whose certificate signs itself."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "aitbc peer")])
    begin, end = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (2000, 9999))
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, begin, end)
    certificate = builder.sign(key, None).public_bytes(Encoding.PEM)
    path = folder / "stranger.pem"
    path.write_bytes(
        certificate + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(path)
    return context
