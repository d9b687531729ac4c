"""Signature verification: the same verdicts wherever it happens, whatever happens to a worker."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from ledger.hashing import Purpose, Tags
from ledger.keys import KeyPair
from node.signatures import FRAME_RECORDS_MAX, SignatureClaim, SignatureVerifier

TAGS = Tags(bytes(32))
KEY = KeyPair(b"\x05" * 32)


def claim(number: int, *, good: bool) -> SignatureClaim:
    identity = number.to_bytes(32, "big")
    signature = KEY.sign(TAGS[Purpose.TX_SIGN] + identity)
    if not good:
        signature = bytes([signature[0] ^ 1]) + signature[1:]
    return SignatureClaim(KEY.public_key, identity, signature)


def mixed(count: int) -> tuple[list[SignatureClaim], list[bool]]:
    expected = [number % 3 != 0 for number in range(count)]
    return [claim(number, good=good) for number, good in enumerate(expected)], expected


@pytest.fixture(params=[0, 2])
async def verifier(request: pytest.FixtureRequest) -> AsyncIterator[SignatureVerifier]:
    verifier = SignatureVerifier(TAGS, request.param)
    await verifier.start()
    yield verifier
    await verifier.stop()


@pytest.mark.parametrize("count", [0, 1, 10, 11, 137])
async def test_each_claim_gets_its_own_verdict_in_order(
    verifier: SignatureVerifier, count: int
) -> None:
    claims, expected = mixed(count)
    assert await verifier.verify(claims) == expected


async def test_batches_at_the_same_time_do_not_mix(verifier: SignatureVerifier) -> None:
    batches = [mixed(count) for count in (50, 20, FRAME_RECORDS_MAX + 1)]
    verdicts = await asyncio.gather(*(verifier.verify(claims) for claims, _ in batches))
    assert verdicts == [expected for _, expected in batches]


async def test_a_signature_for_another_chain_is_refused() -> None:
    verifier = SignatureVerifier(Tags(b"\x01" * 32), 0)
    assert await verifier.verify([claim(1, good=True)]) == [False]


async def test_killed_workers_cost_no_verdict_and_are_replaced() -> None:
    verifier = SignatureVerifier(TAGS, 1)
    await verifier.start()
    claims, expected = mixed(30)
    first = verifier._workers[0]._process
    assert first is not None
    os.kill(first.pid, signal.SIGKILL)
    await first.wait()
    assert await verifier.verify(claims) == expected
    second = verifier._workers[0]._process
    assert second is not None
    assert second.pid != first.pid
    assert await verifier.verify(claims) == expected
    await verifier.stop()


async def test_a_worker_ends_when_its_node_does() -> None:
    """The pipe is the leash: no signal is sent, the input ends as a killed parent's would."""
    verifier = SignatureVerifier(TAGS, 1)
    await verifier.start()
    process = verifier._workers[0]._process
    assert process is not None
    await verifier.stop()
    assert process.returncode == 0
