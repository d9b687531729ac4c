"""A node of one validator on real files: finality, quiet, time, epochs, and what stops it."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest
from msgspec.structs import replace

from coordinator.ports import TransactionStatus
from ledger.actions import SubmitJob, Verification
from ledger.outcomes import OutcomeKind
from ledger.params import Parameters
from node.driver import NodeFatal
from node.failpoints import Failpoint
from tests.node.lone_node import COORDINATOR, PEER, LoneNode, StillClock, id_of

PARAMETERS = Parameters(account_fee=0)
EPOCH_MS = 10_000
SHORT_EPOCHS = replace(PARAMETERS, epoch_ms=EPOCH_MS)


async def test_a_transaction_is_final_in_the_block_that_follows_it(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node:
        signed = node.transfer(7)
        assert await node.finalize(signed) == 1
        assert node.chain.balance(PEER.address) == 7
        assert await node.chain.status(id_of(signed)) is TransactionStatus.FINAL
        head = node.store.head()
        assert head is not None
        assert head.block_id == node.chain.head().block_id


async def test_a_batch_is_final_in_one_order_that_the_store_and_followers_see(
    tmp_path: Path,
) -> None:
    async with LoneNode(tmp_path) as node:
        batch = [node.transfer(1) for _ in range(100)]
        outcomes = await node.chain.submit(batch)
        assert {outcome.status for outcome in outcomes} == {TransactionStatus.POOLED}
        for signed in batch:
            assert await node.chain.wait_final(id_of(signed), 10) is not None
        blocks = await node.chain.blocks_after(0, 1_000)
        assert sorted(i for b in blocks for i in b.transaction_ids) == sorted(map(id_of, batch))
        assert [b.header.height for b in blocks] == list(range(1, len(blocks) + 1))
        assert len(node.chain.pool.candidates(10, ())) == 0


async def test_waiting_for_what_never_comes_ends_in_time(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node:
        assert await node.chain.wait_final(bytes(32), 0.01) is None
        assert await node.chain.status(bytes(32)) is TransactionStatus.UNKNOWN


async def test_followers_are_told_the_height_now_and_whenever_it_rises(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node:
        heights = node.chain.follow()
        assert await anext(heights) == 0
        await node.finalize(node.transfer())
        assert await anext(heights) == 1


# Quiet --------------------------------------------------------------------------------------


async def test_without_work_there_are_heartbeats_only_and_the_state_does_not_change(
    tmp_path: Path,
) -> None:
    async with LoneNode(tmp_path, parameters=replace(PARAMETERS, heartbeat_ms=1_000)) as node:
        await node.finalize(node.transfer())
        await node.reach(3)
        blocks = await node.chain.blocks_after(0, 10)
        assert len({block.header.state_root for block in blocks}) == 1
        times = [block.header.timestamp_ms for block in blocks]
        assert all(later - earlier >= 990 for earlier, later in pairwise(times))


async def test_automatic_work_that_is_due_makes_a_block_without_any_transaction(
    tmp_path: Path,
) -> None:
    async with LoneNode(tmp_path) as node:
        now_ms = node.clock.wall_ms()
        job = node.signed(
            SubmitJob(
                coordinator=COORDINATOR.address,
                service="llm_inference",
                payload_digest=bytes(32),
                max_price=1_000,
                start_by_ms=now_ms + 500,
                deadline_ms=now_ms + 1_000,
                dispute_ms=0,
                streamed=False,
                verification=Verification.NONE,
            )
        )
        height = await node.finalize(job)
        assert node.chain.job(id_of(job)) is not None
        await node.reach(height + 1)
        assert node.chain.job(id_of(job)) is None
        (block,) = await node.chain.blocks_after(height, 1)
        assert [outcome.kind for outcome in block.outcomes] == [OutcomeKind.JOB_EXPIRED]
        assert not block.transactions


# Time ---------------------------------------------------------------------------------------


async def test_block_time_rises_although_the_wall_clock_jumps_back(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node:
        await node.finalize(node.transfer())
        first = node.chain.head().timestamp_ms
        node.clock.shift_ms = -60_000
        for later in (1, 2):
            await node.finalize(node.transfer())
            assert node.chain.head().timestamp_ms == first + later


# Epochs -------------------------------------------------------------------------------------


async def test_epochs_follow_each_other_and_leave_one_journal(tmp_path: Path) -> None:
    async with LoneNode(tmp_path, SHORT_EPOCHS, StillClock()) as node:
        heights = []
        while node.driver.status().epoch < 4:
            heights.append(await node.finalize(node.transfer()))
            node.clock.shift_ms += EPOCH_MS // 2
        epoch = node.driver.status().epoch
        await node.finalize(node.transfer())
    journals = {path.name for path in (tmp_path / "journal").glob("*.journal")}
    assert f"epoch-{epoch}.journal" in journals
    assert len(journals) <= 2
    assert heights == sorted(set(heights))


async def test_a_node_restarts_at_the_boundary_of_an_epoch_and_inside_of_one(
    tmp_path: Path,
) -> None:
    later = StillClock(shift_ms=EPOCH_MS)
    async with LoneNode(tmp_path, SHORT_EPOCHS, later) as node:
        await node.finalize(node.transfer())
        assert node.tree.final_view.ends_epoch
    async with LoneNode(tmp_path, SHORT_EPOCHS, later) as node:
        assert node.driver.status().epoch == 1
        await node.finalize(node.transfer())
    async with LoneNode(tmp_path, SHORT_EPOCHS, later) as node:
        assert node.driver.status().epoch == 1
        assert await node.finalize(node.transfer()) == 3
        assert node.chain.balance(PEER.address) == 3 * 10**9


# What stops it ------------------------------------------------------------------------------


class Broken:
    """A disk that fails at one place."""

    def __init__(self, place: Failpoint) -> None:
        self.place = place

    def reached(self, place: Failpoint) -> None:
        if place is self.place:
            raise OSError(5, "input/output error")


@pytest.mark.parametrize("place", [Failpoint.BEFORE_JOURNAL_SYNC, Failpoint.BEFORE_STORE_COMMIT])
async def test_a_disk_that_fails_stops_the_node_and_nothing_becomes_final(
    tmp_path: Path, place: Failpoint
) -> None:
    node = LoneNode(tmp_path, failpoints=Broken(place))
    running = asyncio.create_task(node.driver.run())
    signed = node.transfer()
    await node.chain.submit([signed])
    with pytest.raises(NodeFatal, match="input/output error"):
        await running
    assert await node.chain.status(id_of(signed)) is not TransactionStatus.FINAL
    assert node.chain.head().height == 0
    node.store.close()
    async with LoneNode(tmp_path) as again:
        assert await again.finalize(again.transfer()) >= 1
