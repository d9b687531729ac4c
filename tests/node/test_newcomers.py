"""Validators that are new to an epoch and start late, or forgot what they said in it (S10)."""

import shutil
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from ledger.actions import CastVote
from ledger.keys import KeyPair
from ledger.motions import AddAuthority, Motion, RemoveAuthority, prove_possession
from ledger.params import Parameters
from tests.node.lone_node import TAGS, LoneNode, TestClock, id_of
from tests.node.memory_peers import MemoryHub
from tests.node.test_network import VALIDATORS, reported, signing, submitted

SHORT = Parameters(account_fee=0, epoch_ms=3_600_000)
PAYOUT = b"\x0a" * 20
NEWCOMER = KeyPair(b"\x55" * 32)


class PassingClock(TestClock):
    """A clock on which time passes when a test says so, and which may have been slow at first."""

    slow_ms: int = 0

    def wall_ms(self) -> int:
        return super().wall_ms() - self.slow_ms

    def monotonic_ms(self) -> int:
        return super().monotonic_ms() + self.shift_ms


class Town:
    """A hub, folders, and nodes that share the time; the first set is the first few validators."""

    def __init__(self, folder: Path, size: int) -> None:
        self.folder = folder
        self.size = size
        self.hub = MemoryHub()
        self.shift_ms = 0
        self.nodes: list[LoneNode] = []

    def folder_of(self, name: str) -> Path:
        place = self.folder / name
        place.mkdir(exist_ok=True)
        return place

    def make(self, name: str, key: KeyPair, clock: TestClock) -> LoneNode:
        validators = VALIDATORS[: self.size]
        return LoneNode(
            self.folder_of(name),
            SHORT,
            clock=clock,
            validators=validators,
            key=key,
            hub=self.hub,
        )

    @asynccontextmanager
    async def running(self, *names: int | str, slow_ms: int = 0) -> AsyncIterator[list[LoneNode]]:
        """Run nodes: members of the first set by number, the newcomer by any name.

        Their clocks are slow while they start, and right from then on.
        """
        nodes = []
        for name in names:
            clock = PassingClock(self.shift_ms)
            clock.slow_ms = slow_ms
            key = VALIDATORS[name] if isinstance(name, int) else NEWCOMER
            nodes.append(self.make(str(name), key, clock))
            clock.slow_ms = 0
        self.nodes += nodes
        async with AsyncExitStack() as stack:
            for node in nodes:
                await stack.enter_async_context(node)
            yield nodes
        self.nodes = [node for node in self.nodes if node not in nodes]

    def pass_time(self, duration_ms: int) -> None:
        self.shift_ms += duration_ms
        for node in self.nodes:
            node.clock.shift_ms = self.shift_ms


async def decide(nodes: list[LoneNode], motion: Motion) -> None:
    """Have the first set pass a ballot; `nodes` are its members, in order."""
    opening = nodes[0].signed(CastVote(None, motion, support=True), VALIDATORS[0])
    await nodes[0].chain.submit([opening])
    await reported(nodes, opening)
    for number, node in enumerate(nodes[1:], 1):
        vote = node.signed(CastVote(id_of(opening), None, support=True), VALIDATORS[number])
        await node.chain.submit([vote])
        await nodes[0].chain.wait_final(id_of(vote), 5)  # Once it has passed it is closed.


async def admit(nodes: list[LoneNode]) -> None:
    proof = prove_possession(TAGS, NEWCOMER, "newcomer", PAYOUT)
    await decide(nodes, AddAuthority(NEWCOMER.public_key, "newcomer", PAYOUT, proof))


async def end_epoch(town: Town, nodes: list[LoneNode]) -> None:
    """Let an epoch end whose last block these nodes can make; the next may not get any further."""
    epoch = nodes[0].driver.status().epoch
    town.pass_time(SHORT.epoch_ms)
    await submitted(nodes[0])
    await entered(nodes, epoch + 1)


async def entered(nodes: list[LoneNode], epoch: int) -> None:
    for node in nodes:
        while node.driver.status().epoch < epoch:
            await node.chain.wait_final(bytes(32), 0.01)


def stopped_in(town: Town, name: str) -> list[str]:
    return [path.name for path in (town.folder_of(name) / "journal").glob("*.stopped")]


@pytest.mark.parametrize("size", [1, 2, 3])
async def test_a_set_that_grew_goes_on_when_the_newcomer_starts_after_the_boundary(
    tmp_path: Path, size: int
) -> None:
    town = Town(tmp_path, size)
    async with town.running(*range(size)) as nodes:
        await admit(nodes)
        await end_epoch(town, nodes)
        signed = await submitted(nodes[0])
        async with town.running("new") as (newcomer,):
            await signing(newcomer)
            await reported([*nodes, newcomer], signed)
            await reported([*nodes, newcomer], await submitted(newcomer))
            assert newcomer.driver.status().validators == size + 1
            assert all(node.driver.status().signs for node in [*nodes, newcomer])
        async with town.running("new") as (again,):  # Its journal is there now.
            assert again.driver.status().signs
            await reported([*nodes, again], await submitted(again))


@pytest.mark.parametrize("size", [1, 2])
async def test_a_newcomer_that_voted_and_lost_its_disk_is_silent_though_nothing_goes_on_without_it(
    tmp_path: Path, size: int
) -> None:
    town = Town(tmp_path, size)
    async with town.running(*range(size)) as nodes:
        await admit(nodes)
        await end_epoch(town, nodes)
        async with town.running("new") as (newcomer,):
            await signing(newcomer)
            await reported([*nodes, newcomer], await submitted(nodes[0]))
        shutil.rmtree(tmp_path / "new")
        async with town.running("new") as (emptied,):
            while not stopped_in(town, "new"):
                await emptied.chain.wait_final(bytes(32), 0.01)
            assert not emptied.driver.status().signs
        async with town.running("new") as (emptied,):
            assert "voted in epoch 1" in emptied.driver.status().silent_because
            assert not emptied.driver.waits_for_word()


async def test_members_that_restarted_meanwhile_still_know_of_a_newcomers_votes(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path, 2)
    async with town.running(0, 1) as nodes:
        await admit(nodes)
        await end_epoch(town, nodes)
        async with town.running("new") as (newcomer,):
            await signing(newcomer)
            await reported([*nodes, newcomer], await submitted(nodes[0]))
    shutil.rmtree(tmp_path / "new" / "journal")
    async with town.running(0, 1) as nodes, town.running("new") as (emptied,):
        while not stopped_in(town, "new"):
            await emptied.chain.wait_final(bytes(32), 0.01)
        assert not emptied.driver.status().signs
        assert all(node.driver.status().signs for node in nodes)


async def test_a_newcomer_whose_disk_is_lost_is_silent_for_the_epoch_and_signs_in_the_next(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path, 3)
    async with town.running(0, 1, 2) as nodes:
        await admit(nodes)
        await end_epoch(town, nodes)
        async with town.running("new") as (newcomer,):
            await signing(newcomer)
            for _ in range(4):
                await reported([*nodes, newcomer], await submitted(nodes[0]))
        shutil.rmtree(tmp_path / "new")
        async with town.running("new") as (emptied,):
            signed = await submitted(nodes[0])
            await reported([*nodes, emptied], signed)
            while not stopped_in(town, "new"):
                await emptied.chain.wait_final(bytes(32), 0.01)
            assert not emptied.driver.status().signs
            await end_epoch(town, [*nodes, emptied])
            await signing(emptied)
            await reported([*nodes, emptied], await submitted(emptied))


async def test_a_member_of_the_epoch_before_is_not_vouched_for(tmp_path: Path) -> None:
    town = Town(tmp_path, 4)
    async with town.running(0, 1, 2) as nodes:
        async with town.running(3) as (fourth,):
            await reported([*nodes, fourth], await submitted(nodes[0]))
        await end_epoch(town, nodes)
        await reported(nodes, await submitted(nodes[0]))
        shutil.rmtree(tmp_path / "3")
        async with town.running(3) as (emptied,):
            await reported([*nodes, emptied], await submitted(nodes[0]))
            status = emptied.driver.status()
            assert status.epoch == 1
            assert not status.signs
            assert not emptied.driver.waits_for_word()
            assert "never did" in status.silent_because


async def test_a_validator_that_left_and_comes_back_is_new_again(tmp_path: Path) -> None:
    town = Town(tmp_path, 4)
    async with town.running(0, 1, 2) as nodes:
        async with town.running(3) as (fourth,):
            everybody = [*nodes, fourth]
            await decide(everybody, RemoveAuthority(VALIDATORS[3].public_key))
            await end_epoch(town, everybody)
            await reported(everybody, await submitted(fourth))
            assert not fourth.driver.status().signs
        proof = prove_possession(TAGS, VALIDATORS[3], "v3", PAYOUT)
        await decide(nodes, AddAuthority(VALIDATORS[3].public_key, "v3", PAYOUT, proof))
        await end_epoch(town, nodes)
        await reported(nodes, await submitted(nodes[0]))
        async with town.running(3) as (fourth,):
            await signing(fourth)
            assert fourth.driver.status().epoch == 2
            await reported([*nodes, fourth], await submitted(fourth))


async def test_a_slow_clock_is_no_proof_that_a_lost_journal_is_of_an_earlier_epoch(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path, 4)
    async with town.running(0, 1, 2) as nodes:
        async with town.running(3) as (fourth,):
            await end_epoch(town, [*nodes, fourth])
            await reported([*nodes, fourth], await submitted(nodes[0]))
        shutil.rmtree(tmp_path / "3")
        async with town.running(3, slow_ms=SHORT.epoch_ms // 2) as (emptied,):
            await entered([emptied], 1)
            assert not emptied.driver.status().signs
            assert not emptied.driver.waits_for_word()


async def test_a_journal_that_was_put_aside_before_the_epochs_first_block_stays_aside(
    tmp_path: Path,
) -> None:
    town = Town(tmp_path, 4)
    async with town.running(0, 1, 2, 3) as nodes:
        await end_epoch(town, nodes)
        assert all(node.tree.final_view.ends_epoch for node in nodes)
    journals = tmp_path / "3" / "journal"
    assert {path.name for path in journals.glob("*.journal")} == {
        "epoch-0.journal",
        "epoch-1.journal",
    }
    (journals / "epoch-1.journal").rename(journals / "epoch-1.stopped")
    async with town.running(3) as (stopped,):
        assert not stopped.driver.status().signs
        assert not stopped.driver.waits_for_word()
