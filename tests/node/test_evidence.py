"""Evidence is kept until the chain knows of it, and submitted until it does (E5, T11)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from consensus import Committee, Evidence, Finalize, Notarize, Nullify, Vote
from consensus.messages import signed_bytes
from coordinator.ports import TransactionStatus
from ledger.actions import SubmitEvidence
from ledger.authorities import evidence_log_of, pending_of
from ledger.keys import KeyPair
from ledger.params import Parameters
from ledger.records import SetChangeKind
from node.evidence import EvidenceKeeper
from tests.node.lone_node import TAGS, VALIDATOR, LoneNode
from tests.node.memory_peers import MemoryHub

VALIDATORS = (VALIDATOR, *(KeyPair(bytes([n]) * 32) for n in (21, 22, 23)))
LONG = Parameters(account_fee=0, epoch_ms=604_800_000)


def vote(key: KeyPair, statement: Notarize | Nullify | Finalize) -> Vote:
    member = VALIDATORS.index(key)
    return Vote(statement, member, key.sign(signed_bytes(TAGS, statement)))


def two_notarizes(key: KeyPair, view: int = 5) -> Evidence:
    first, second = (Notarize(0, view, 1, bytes([n]) * 32) for n in (1, 2))
    return Evidence(vote(key, first), vote(key, second))


def committee() -> Committee:
    return Committee(TAGS, 0, [key.public_key for key in VALIDATORS])


def member(hub: MemoryHub, folder: Path, number: int) -> LoneNode:
    place = folder / str(number)
    place.mkdir(exist_ok=True)
    return LoneNode(place, LONG, validators=VALIDATORS, key=VALIDATORS[number], hub=hub)


def is_accepted(node: LoneNode, accused: KeyPair) -> bool:
    state = node.tree.final_view.state
    known = {each.authority for each in evidence_log_of(state).accepted}
    waiting = {
        change.validator.public_key
        for change in pending_of(state).set_changes
        if change.kind is SetChangeKind.EVICT
    }
    assert known == waiting
    return accused.public_key in known


async def accepted_by(nodes: list[LoneNode], accused: KeyPair) -> None:
    async with asyncio.timeout(30):
        for node in nodes:
            async for _ in node.chain.follow():
                if is_accepted(node, accused):
                    break


async def turns() -> AsyncIterator[None]:
    """Yield after each turn of everything else on the loop."""
    while True:
        await asyncio.sleep(0)
        yield


async def forgotten_by(keeper: EvidenceKeeper) -> None:
    """Have the keeper look again until it keeps nothing."""
    async with asyncio.timeout(30):
        async for _ in turns():
            keeper._wake.set()
            if not len(keeper):
                break


async def test_what_one_node_saw_is_accepted_on_all_and_then_forgotten(tmp_path: Path) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number) for number in range(4)]
    async with nodes[0], nodes[1], nodes[2], nodes[3]:
        nodes[1].evidence.report(committee(), two_notarizes(VALIDATORS[3]))
        await accepted_by(nodes, VALIDATORS[3])
        await forgotten_by(nodes[1].evidence)
        assert not list((tmp_path / "1" / "evidence").iterdir())


async def test_evidence_that_all_saw_is_accepted_once(tmp_path: Path) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number) for number in range(4)]
    async with nodes[0], nodes[1], nodes[2], nodes[3]:
        for node in nodes[:3]:
            for view in (5, 6, 7):
                node.evidence.report(committee(), two_notarizes(VALIDATORS[3], view))
            assert len(node.evidence) == 1
        await accepted_by(nodes, VALIDATORS[3])
        for node in nodes[:3]:
            await forgotten_by(node.evidence)
        blocks = await nodes[0].chain.blocks_after(0, 100)
        found = [
            signed
            for block in blocks
            for signed in block.transactions
            if isinstance(signed.transaction.action, SubmitEvidence)
        ]
        assert len(found) == 1


async def test_evidence_survives_the_process_that_saw_it(tmp_path: Path) -> None:
    hub = MemoryHub()
    first = member(hub, tmp_path, 0)
    async with first:  # Nothing is final without the others.
        first.evidence.report(committee(), two_notarizes(VALIDATORS[3]))
        folder = tmp_path / "0" / "evidence"
        async with asyncio.timeout(30):
            async for _ in turns():
                if list(folder.glob("*.evidence")):
                    break
    nodes = [member(hub, tmp_path, number) for number in range(4)]
    assert len(nodes[0].evidence) == 1
    async with nodes[0], nodes[1], nodes[2], nodes[3]:
        await accepted_by(nodes, VALIDATORS[3])


async def test_a_file_that_is_no_evidence_is_removed(tmp_path: Path) -> None:
    (tmp_path / "evidence").mkdir()
    damaged = tmp_path / "evidence" / f"0-{VALIDATOR.public_key.hex()}.evidence"
    damaged.write_bytes(b"\x93\x01")
    async with LoneNode(tmp_path) as node:
        assert len(node.evidence) == 0
        assert not damaged.exists()


async def test_what_the_chain_refuses_for_good_is_forgotten(tmp_path: Path) -> None:
    """A key that is in no set: removed already."""
    async with LoneNode(tmp_path) as node:
        work = asyncio.create_task(node.evidence.run())
        stranger = two_notarizes(VALIDATORS[2])
        node.evidence.report(committee(), stranger)
        await forgotten_by(node.evidence)
        work.cancel()


async def test_evidence_of_an_epoch_that_this_node_has_not_reached_waits(tmp_path: Path) -> None:
    async with LoneNode(tmp_path, validators=VALIDATORS[:1]) as node:
        later = [Notarize(3, 5, 1, bytes([n]) * 32) for n in (1, 2)]
        evidence = Evidence(*(vote(VALIDATOR, statement) for statement in later))
        work = asyncio.create_task(node.evidence.run())
        node.evidence.report(committee(), evidence)
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(node.evidence) == 1
        assert len(node.chain.pool.candidates(10, ())) == 0
        work.cancel()


async def test_a_follower_submits_what_it_saw_with_its_own_key(tmp_path: Path) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number) for number in range(4)]
    place = tmp_path / "follower"
    place.mkdir()
    key = KeyPair(b"\x77" * 32)
    follower = LoneNode(place, LONG, validators=VALIDATORS, key=key, hub=hub, is_follower=True)
    async with nodes[0], nodes[1], nodes[2], nodes[3], follower:
        follower.evidence.report(committee(), two_notarizes(VALIDATORS[2]))
        await accepted_by([*nodes, follower], VALIDATORS[2])
        assert TransactionStatus.FINAL in {
            await follower.chain.status(identity)
            for block in await follower.chain.blocks_after(0, 100)
            for identity in block.transaction_ids
        }
