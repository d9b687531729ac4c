"""What a validator does about its own past, and about a proposal on which its program fails."""

import asyncio
import shutil
from collections.abc import Collection
from pathlib import Path

import pytest
from msgspec import structs

from consensus import (
    BlockBuilt,
    BlockDeclined,
    BlockRef,
    Committee,
    Notarize,
    Propose,
    Verdict,
    Verified,
    Verify,
)
from ledger.actions import Transfer
from ledger.steps import at_once
from ledger.transaction import (
    CODEC,
    IdentifiedTransaction,
    SignedTransaction,
    identify,
    transaction_id,
)
from node.application import Application
from node.block_tree import BlockTree
from node.driver import NodeFatal
from node.failpoints import Failpoint
from node.journal import Journal
from node.journal_format import FORMAT_VERSION, SALT_BYTES, JournalIdentity
from node.ports import NoPeers
from node.watch import STALL_MS
from tests.node.lone_node import TAGS, VALIDATOR, LoneNode, id_of
from tests.node.memory_peers import MemoryHub
from tests.node.test_network import SHORT, VALIDATORS, member, reported, submitted


def save(folder: Path, name: str) -> None:
    """Keep a copy of a stopped node's folder."""
    shutil.copytree(folder / "3", folder / name)


def put_back(folder: Path, name: str, part: str = "") -> None:
    """Replace a stopped node's folder, or the files of a part of it, by a copy."""
    if not part:
        shutil.rmtree(folder / "3")
        shutil.copytree(folder / name, folder / "3")
        return
    for file in (folder / "3").glob(part + "*"):
        file.unlink()
    for file in (folder / name).glob(part + "*"):
        shutil.copy(file, folder / "3" / file.name)


async def test_a_validator_that_meets_votes_it_does_not_remember_stops_signing_for_good(
    tmp_path: Path,
) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number) for number in range(3)]
    async with nodes[0], nodes[1], nodes[2]:
        async with member(hub, tmp_path, 3) as fourth:
            await reported([*nodes, fourth], await submitted(nodes[0]))
        save(tmp_path, "older")
        async with member(hub, tmp_path, 3) as fourth:
            for _ in range(4):
                await reported([*nodes, fourth], await submitted(nodes[0]))
        put_back(tmp_path, "older")
        async with member(hub, tmp_path, 3) as fourth:
            signed = await submitted(nodes[0])
            await reported([*nodes, fourth], signed)
            assert not fourth.driver.status().signs
            assert "another process uses the key" in fourth.driver.status().silent_because
        assert [path.name for path in (tmp_path / "3" / "journal").glob("epoch*")] == [
            "epoch-0.stopped"
        ]
        async with member(hub, tmp_path, 3) as fourth:
            await reported([*nodes, fourth], await submitted(fourth))
            assert not fourth.driver.status().signs
            assert not fourth.driver.waits_for_word()


async def test_a_validator_with_an_older_database_fetches_what_its_journal_knows_of(
    tmp_path: Path,
) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number) for number in range(3)]
    async with nodes[0], nodes[1], nodes[2]:
        async with member(hub, tmp_path, 3) as fourth:
            await reported([*nodes, fourth], await submitted(nodes[0]))
        save(tmp_path, "older")
        async with member(hub, tmp_path, 3) as fourth:
            for _ in range(4):
                await reported([*nodes, fourth], await submitted(nodes[0]))
            floor = fourth.tree.final_view.header.view
        identity = JournalIdentity(
            FORMAT_VERSION, TAGS.genesis_digest, 0, VALIDATORS[3].public_key, bytes(SALT_BYTES)
        )
        journal = Journal(tmp_path / "3" / "journal" / "epoch-0.journal", identity)
        journal.forget(floor)
        journal.compact()
        journal.close()
        put_back(tmp_path, "older", "chain.db")
        fourth = member(hub, tmp_path, 3)
        assert not fourth.driver.status().signs
        assert "does not hold those blocks" in fourth.driver.status().silent_because
        async with fourth:
            await reported([*nodes, fourth], await submitted(nodes[0]))
            signed = await submitted(fourth)
            await reported([*nodes, fourth], signed)
            assert fourth.driver.status().signs


class FailsAt:
    """A disk that fails when a place is reached for the n-th time."""

    def __init__(self, place: Failpoint, count: int) -> None:
        self.place = place
        self.left = count

    def reached(self, place: Failpoint) -> None:
        if place is self.place:
            self.left -= 1
            if self.left == 0:
                raise OSError(5, "input/output error")


@pytest.mark.parametrize("place", list(Failpoint))
async def test_a_validator_that_fails_while_it_catches_up_goes_on_after_a_restart(
    tmp_path: Path, place: Failpoint
) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number, SHORT) for number in range(3)]
    async with nodes[0], nodes[1], nodes[2]:
        async with member(hub, tmp_path, 3, SHORT) as fourth:
            await reported([*nodes, fourth], await submitted(nodes[0]))
        while nodes[0].driver.status().epoch < 2:
            for node in nodes:
                node.clock.shift_ms += 2_500
            await reported(nodes, await submitted(nodes[0]))
        signed = await submitted(nodes[0])
        await reported(nodes, signed)
        failed = 0
        for count in (1, 2, 3):
            fourth = member(hub, tmp_path, 3, SHORT, failpoints=FailsAt(place, count))
            fourth.clock.shift_ms = nodes[0].clock.shift_ms
            try:
                async with fourth:
                    final = asyncio.create_task(fourth.chain.wait_final(id_of(signed), 20))
                    await asyncio.wait({final, fourth.running}, return_when=asyncio.FIRST_COMPLETED)
                    final.cancel()
            except NodeFatal:
                failed += 1
        assert failed
        fourth = member(hub, tmp_path, 3, SHORT)
        fourth.clock.shift_ms = nodes[0].clock.shift_ms
        async with fourth:
            signed = await submitted(fourth)
            await reported([*nodes, fourth], signed)
            assert fourth.driver.status().signs


class CrashingPool:
    """A pool on which a proposal makes the ledger's side crash."""

    def is_verified(self, signed: IdentifiedTransaction) -> bool:
        raise RuntimeError("a defect of this program")


class CrashingChain:
    def __init__(self, tree: BlockTree) -> None:
        self.tree = tree
        self.pool = CrashingPool()


async def test_a_proposal_on_which_the_program_fails_is_refused_and_counted(tmp_path: Path) -> None:
    for name in ("leader", "voter"):
        (tmp_path / name).mkdir()
    leader, voter = LoneNode(tmp_path / "leader"), LoneNode(tmp_path / "voter")
    async with leader, voter:
        parent = voter.tree.final_view.block_id
        body = [identify(TAGS, _signed(leader))]
        now_ms = leader.clock.wall_ms()
        steps = leader.tree.build(parent, 1, VALIDATOR.public_key, now_ms, body)
        built, refused = at_once(steps)
        assert not refused
        voter.tree.offer(built.data)
        crashes: list[None] = []
        committee = Committee(TAGS, 0, (VALIDATOR.public_key,))
        application = Application(
            CrashingChain(voter.tree),  # type: ignore[arg-type]
            committee,
            voter.clock,
            NoPeers(),
            lambda: crashes.append(None),
        )
        proposal = Notarize(0, 1, 0, built.view.block_id)
        answer = await application.verify(Verify(proposal, BlockRef(0, parent)))
        assert isinstance(answer, Verified)
        assert answer.verdict is Verdict.INVALID
        assert len(crashes) == 1


def _signed(node: LoneNode) -> SignedTransaction:
    return CODEC.decode(node.transfer(1))


class OfferingPool(CrashingPool):
    """A pool that offers transactions, and remembers which were doubted."""

    def __init__(self, offered: list[SignedTransaction]) -> None:
        self.offered = [identify(TAGS, each) for each in offered]
        self.doubted: list[bytes] = []

    def candidates(self, limit: int, excluded: Collection[bytes]) -> list[IdentifiedTransaction]:
        return self.offered[:limit]

    def doubt(self, refused: list[bytes]) -> None:
        self.doubted += refused


@pytest.mark.parametrize("is_broken", [False, True])
async def test_a_leader_whose_program_fails_on_the_pool_proposes_an_empty_block_or_none(
    tmp_path: Path, *, is_broken: bool
) -> None:
    async with LoneNode(tmp_path) as node:
        good = _signed(node)
        amount: int = "one"  # type: ignore[assignment]  # No wire has it: the ledger fails on it.
        action = Transfer(bytes(20), amount)
        transaction = structs.replace(good.transaction, action=action, fee=2 * good.transaction.fee)
        crashing = structs.replace(good, transaction=transaction)
        chain = CrashingChain(node.tree)
        chain.pool = pool = OfferingPool([good, crashing])
        crashes: list[None] = []
        application = Application(
            chain,  # type: ignore[arg-type]
            # No member of the set proposes: not even an empty block can be built.
            Committee(TAGS, 0, (bytes(32) if is_broken else VALIDATOR.public_key,)),
            node.clock,
            NoPeers(),
            lambda: crashes.append(None),
        )
        parent = BlockRef(0, node.tree.final_view.block_id)
        answer = await application.build(Propose(1, parent, empty=False))
        ids = [transaction_id(TAGS, each.transaction) for each in (good, crashing)]
        assert pool.doubted == ids
        if is_broken:
            assert isinstance(answer, BlockDeclined)
            assert len(crashes) == 2
        else:
            assert isinstance(answer, BlockBuilt)
            built = node.tree.get(answer.block_id)
            assert built is not None
            assert built.transaction_ids == ()
            assert len(crashes) == 1


async def test_a_node_without_a_quorum_says_whom_it_lacks(tmp_path: Path) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number) for number in range(4)]
    async with nodes[0], nodes[1]:
        async with nodes[2], nodes[3]:
            await reported(nodes, await submitted(nodes[0]))
        await submitted(nodes[0])
        report = nodes[0].watch.report()
        assert report.waits_for == "peers"
        assert [each.is_connected for each in report.validators] == [False, True, False, False]
        assert report.silent_validators(STALL_MS) == []
        assert report.peers == {"validators": 1}


async def test_a_node_whose_clock_is_behind_the_chain_says_that_it_waits_for_it(
    tmp_path: Path,
) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number) for number in range(4)]
    for node in nodes:
        node.clock.shift_ms += 60_000
    async with nodes[0], nodes[1], nodes[2], nodes[3]:
        await reported(nodes, await submitted(nodes[0]))
        assert nodes[0].watch.report().waits_for != "clock"
        nodes[0].clock.shift_ms -= 60_000
        report = nodes[0].watch.report()
        assert report.waits_for == "clock"
        assert 0 < report.clock_behind_ms <= 60_000
        nodes[0].clock.shift_ms += 60_000
        assert nodes[0].watch.report().waits_for != "clock"


async def test_a_lone_validator_goes_on_from_the_chains_time_whatever_its_clock_says(
    tmp_path: Path,
) -> None:
    node = LoneNode(tmp_path)
    node.clock.shift_ms += 60_000
    async with node:
        await reported([node], await submitted(node))
        node.clock.shift_ms -= 60_000
        assert node.watch.report().waits_for != "clock"
        await reported([node], await submitted(node))
