"""Signatures of proposals: each verified once, and never taken for another's."""

import asyncio
import os
import signal

import pytest
from msgspec.structs import replace

from ledger.codec import encode
from ledger.transaction import identify
from node import signatures
from node.mempool import Mempool
from node.pool_admission import PoolLimits
from node.references import reference_of
from node.signature_worker import verify_record
from node.signatures import SignatureVerifier
from tests.gossip.proposing import (
    BODY,
    CLOCK,
    pair,
    propose,
    transfer,
    vote_for,
)
from tests.node.lone_node import TAGS
from tests.p2p.meeting import eventually


async def test_what_the_pool_is_verifying_when_the_proposal_comes_is_not_verified_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_at: list[bytes] = []
    begun = asyncio.Event()
    hub, leader, other = pair()
    await leader.pooled(BODY)
    block = leader.build(BODY)

    def noting(tag: bytes, record: bytes) -> bool:
        looked_at.append(record)
        begun.set()
        return verify_record(tag, record)

    monkeypatch.setattr(signatures, "verify_record", noting)
    other.arriving |= {reference_of(encode(signed)): encode(signed) for signed in BODY}
    arriving = asyncio.create_task(other.pooled(BODY))
    await begun.wait()
    assert len(other.pool) == 0
    propose(leader, other, block)
    await hub.settle()
    await arriving
    assert other.delivered == [(vote_for(block), block.data)]
    assert len(looked_at) == len(BODY) == len(other.pool)


async def test_a_leader_that_hangs_up_while_its_proposal_is_verified_lets_nothing_forged_pass() -> (
    None
):
    """Its proposal's signatures are good; what is judged next must not get their verdicts."""
    _, leader, other = pair()
    block = leader.build(BODY)
    leader.unsent |= {reference_of(encode(signed)) for signed in BODY}
    verifier = SignatureVerifier(TAGS, 1)
    other.pool = Mempool(other.tree, verifier, CLOCK, PoolLimits())
    other.proposals._pool = other.pool
    await verifier.start()
    pid = verifier._processes[0].pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    propose(leader, other, block)
    reading = asyncio.create_task(other.transport.handle_one())
    await eventually(lambda: verifier._lanes._frames)
    reading.cancel()  # As the end of a link does.
    stolen = [transfer(amount) for amount in range(100, 100 + len(BODY))]
    forged = [replace(signed, signature=bytes(64)) for signed in stolen]
    judged = asyncio.create_task(other.pool.add([encode(signed) for signed in forged]))
    await asyncio.sleep(0)
    os.kill(pid, signal.SIGCONT)
    assert {outcome.code for outcome in await judged} == {"SIGNATURE_INVALID"}
    assert not any(other.pool.is_verified(identify(TAGS, signed)) for signed in forged)
    outcomes = await other.pool.add([encode(signed) for signed in stolen])
    assert {outcome.code for outcome in outcomes} == {""}, "and good ones are not refused"
    assert not other.delivered
    await verifier.stop()
