"""Chains that lack their first blocks: pruned ones, and those that began with a snapshot."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, update

from coordinator.database import ChainIncomplete
from coordinator.database.account_tables import account_entries
from coordinator.database.tables import attempts, attestations, chain, jobs, receipts
from coordinator.follower import followed_height
from coordinator.ports import BlocksNotKept
from tests.chains import InProcessChain
from tests.coordinator.world import World

TABLES = (chain, jobs, attempts, receipts, attestations, account_entries)


def lengthen(short: InProcessChain, blocks: int) -> None:
    for _ in range(blocks):
        short.make_block()


def shorten(short: InProcessChain, first: int) -> None:
    """Keep whole blocks only from a height on."""
    while short.store.checkpoint(force=True):
        pass
    while short.store.prune(first):
        pass
    assert short.store.first_height == first


def rows(connection: Connection) -> dict[str, list[tuple[object, ...]]]:
    return {
        table.name: sorted((tuple(row) for row in connection.execute(table.select())), key=repr)
        for table in TABLES
    }


@pytest.fixture
async def fresh(folder: Path) -> AsyncIterator[World]:
    """A coordinator that was never started."""
    made = World(folder)
    yield made
    await made.services.stop()
    made.chain.close()


async def stop_with_a_history(world: World) -> int:
    """Let a job be paid, then stop the coordinator; return the height that it followed to."""
    await world.start()
    await world.miner()
    await world.done((await world.job()).job_id)
    await world.quiet()
    height = await world.services.core.database.read(followed_height)
    assert height == world.chain.head().height
    await world.services.stop()
    return height


async def test_blocks_below_the_first_whole_one_are_refused_and_no_others_given(
    fresh: World,
) -> None:
    lengthen(fresh.chain, 10)
    shorten(fresh.chain, 4)
    with pytest.raises(BlocksNotKept, match=r"block 3 is not kept.* from height 4 on"):
        await fresh.chain.blocks_after(2, 100)
    assert [each.header.height for each in await fresh.chain.blocks_after(3, 3)] == [4, 5, 6]


async def test_a_new_coordinator_begins_where_the_chain_of_its_node_does(fresh: World) -> None:
    lengthen(fresh.chain, 10)
    shorten(fresh.chain, 9)
    await fresh.start()
    assert (fresh.services.core.follower.followed or 0) >= 10
    await fresh.miner()
    await fresh.done((await fresh.job()).job_id)
    await fresh.check()
    await fresh.restart()
    await fresh.check()


async def test_a_coordinator_goes_on_while_its_next_block_is_whole(fresh: World) -> None:
    height = await stop_with_a_history(fresh)
    lengthen(fresh.chain, 5)
    shorten(fresh.chain, height + 1)
    fresh.services = fresh.build()
    await fresh.start()
    await fresh.check()
    assert (fresh.services.core.follower.followed or 0) >= height + 5


async def test_a_coordinator_whose_next_block_is_gone_is_refused_and_nothing_is_emptied(
    fresh: World,
) -> None:
    height = await stop_with_a_history(fresh)
    lengthen(fresh.chain, 5)
    shorten(fresh.chain, height + 2)
    fresh.services = fresh.build()
    before = await fresh.services.core.database.read(rows)
    with pytest.raises(ChainIncomplete, match=f"up to block {height}, .* only from {height + 2}"):
        await fresh.start()
    assert await fresh.services.core.database.read(rows) == before
    assert before["receipts"]


@pytest.mark.parametrize("kept", [0, 1])
async def test_a_cursor_that_is_not_of_this_past_empties_nothing_that_cannot_come_again(
    fresh: World, kept: int
) -> None:
    """As after a migration that wants the chain followed anew, which zeroes the block's id."""
    height = await stop_with_a_history(fresh)
    lengthen(fresh.chain, 5)
    shorten(fresh.chain, height + 1 - kept)
    fresh.services = fresh.build()
    database = fresh.services.core.database
    await database.write(lambda c: c.execute(update(chain).values(block_id=bytes(32))))
    before = await database.read(rows)
    with pytest.raises(ChainIncomplete, match="hold"):
        await fresh.start()
    assert await database.read(rows) == before


async def test_a_database_that_is_at_the_beginning_and_not_empty_is_refused(fresh: World) -> None:
    await stop_with_a_history(fresh)
    shorten(fresh.chain, fresh.chain.head().height)
    fresh.services = fresh.build()
    database = fresh.services.core.database
    await database.write(
        lambda c: c.execute(update(chain).values(height=0, block_id=bytes(32))),
    )
    with pytest.raises(ChainIncomplete, match="up to block 0"):
        await fresh.start()
    assert await database.read(followed_height) == 0


async def test_while_running_a_foreign_parent_empties_nothing_that_cannot_come_again(
    fresh: World,
) -> None:
    height = await stop_with_a_history(fresh)
    lengthen(fresh.chain, 2)
    shorten(fresh.chain, height + 1)
    fresh.services = fresh.build()
    await fresh.start()
    follower, database = fresh.services.core.follower, fresh.services.core.database
    await database.write(lambda c: c.execute(update(chain).values(block_id=b"\xee" * 32)))
    before = await database.read(rows)
    fresh.chain.make_block()
    with pytest.raises(ChainIncomplete):
        await follower.catch_up()
    assert follower.followed is None, "so that the node prunes nothing"
    assert await database.read(rows) == before
