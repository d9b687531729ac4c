"""Receipts: from the index, and from final blocks that the index has not reached."""

import pytest

from coordinator.errors import InvalidRequest, JobNotFound, ReceiptNotFound
from coordinator.receipts import ReceiptPage
from ledger.hashing import Purpose, sha256
from ledger.keys import verify
from ledger.transaction import transaction_id_of_bytes
from tests.coordinator.own_miner import OwnMiner
from tests.coordinator.world import AITBC, CLIENT, STRANGER, World


async def _receipts(world: World, count: int) -> list[bytes]:
    """Complete so many jobs; return the receipts' ids, newest first."""
    ids = []
    for _ in range(count):
        job = await world.job(max_price=AITBC // 10)
        done = await world.done(job.job_id)
        assert done.receipt_id is not None
        ids.append(done.receipt_id)
    return ids[::-1]


def _ids(page: ReceiptPage) -> list[bytes]:
    return [receipt.receipt_id for receipt in page.items]


async def test_a_receipt_is_there_as_soon_as_it_is_final(world: World) -> None:
    await world.miner()
    job = await world.job()
    await world.claim(job.job_id)
    receipt = await world.complete(job.job_id)
    assert world.chain.reader.indexed_height() < receipt.height
    assert (await world.services.receipts.get(receipt.receipt_id)).job_id == job.job_id
    of_job = await world.services.receipts.of_job(job.job_id)
    assert of_job is not None
    assert of_job.receipt_id == receipt.receipt_id
    assert _ids(await world.services.receipts.list()) == [receipt.receipt_id]


async def test_lists_join_the_index_with_newer_blocks(world: World) -> None:
    await world.miner()
    older = await _receipts(world, 3)
    world.chain.index()
    newer = await _receipts(world, 2)
    everything = await world.services.receipts.list(limit=10)
    assert _ids(everything) == newer + older
    assert everything.next_cursor is None
    paged: list[bytes] = []
    cursor = None
    for turn in range(5):
        page = await world.services.receipts.list(limit=1, cursor=cursor)
        paged += _ids(page)
        cursor = page.next_cursor
        if turn == 1:
            # The index may catch up between two pages.
            world.chain.index()
    assert paged == newer + older
    assert cursor is None


async def test_a_receipt_is_listed_once_while_the_index_moves(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.miner()
    older = await _receipts(world, 2)
    world.chain.index()
    newer = await _receipts(world, 2)
    reader = world.chain.reader
    height = reader.indexed_height()

    def then_move() -> int:
        world.chain.index()
        return height

    monkeypatch.setattr(type(reader), "indexed_height", lambda _reader: then_move())
    assert _ids(await world.services.receipts.list(limit=10)) == newer + older


async def test_index_and_tables_tell_the_same(world: World) -> None:
    await world.miner()
    await OwnMiner(world).register()
    (receipt_id,) = await _receipts(world, 1)
    own = await world.services.receipts.get(receipt_id)
    world.chain.index()
    indexed = (await world.services.receipts.list()).items[0]
    assert indexed == own
    assert own.is_settled


async def test_filters_name_client_and_provider(world: World) -> None:
    await world.miner("miner-1")
    await _receipts(world, 2)
    world.chain.index()
    await _receipts(world, 1)
    client = (await world.services.clients.view(CLIENT)).address
    miner = (await world.services.miners.get("miner-1")).address
    list_ = world.services.receipts.list
    assert len((await list_(client=client)).items) == 3
    assert len((await list_(provider="MINER-1")).items) == 3
    assert len((await list_(provider=miner, client=client)).items) == 3
    assert (await list_(client=STRANGER.address)).items == ()
    assert (await list_(provider="nobody")).items == ()
    assert (await list_(provider=STRANGER.address)).items == ()


async def test_the_signature_is_the_miners_over_the_transaction(world: World) -> None:
    await world.miner()
    (receipt_id,) = await _receipts(world, 1)
    receipt = await world.services.receipts.get(receipt_id)
    tags = world.chain.tags
    assert transaction_id_of_bytes(tags, receipt.transaction) == receipt_id
    message = tags[Purpose.TX_SIGN] + receipt_id
    assert verify(receipt.public_key, message, receipt.signature)
    assert sha256(receipt.public_key)[:20] == receipt.miner


async def test_unknown_receipts_and_jobs_are_told_apart(world: World) -> None:
    job = await world.job()
    receipts = world.services.receipts
    assert await receipts.of_job(job.job_id) is None
    with pytest.raises(JobNotFound):
        await receipts.of_job(bytes(32))
    with pytest.raises(ReceiptNotFound):
        await receipts.get(bytes(32))
    for cursor in ("", "r", "r1", "r-1.0", "r1.1; --", "r" + "9" * 40 + ".1"):
        with pytest.raises(InvalidRequest):
            await receipts.list(cursor=cursor)


async def test_statistics_count_what_the_index_has_not_reached(world: World) -> None:
    await world.miner()
    world.chain.index()
    before = await world.services.stats.network()
    assert (before.total_jobs, before.active_miners, before.total_receipts) == (0, 1, 0)
    await _receipts(world, 2)
    lagging = await world.services.stats.network()
    assert (lagging.total_jobs, lagging.total_receipts) == (2, 2)
    assert lagging.block_height == world.chain.head().height
    world.chain.index()
    current = await world.services.stats.network()
    assert (current.total_jobs, current.total_receipts) == (2, 2)
