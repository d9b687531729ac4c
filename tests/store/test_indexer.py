"""The indexer: the same rows however it is stopped and started, and no block believed."""

import random
from dataclasses import fields

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from sqlalchemy import update

from ledger.block import Header
from ledger.codec import encode
from ledger.outcomes import OutcomeKind
from ledger.store import ChainStore, Indexer, IndexRefused, JobPhase, StoreLocked
from ledger.store.chain_tables import BLOCKS
from ledger.store.columns import pack_position
from ledger.store.entries import JobEntry, MinerEntry, ReceiptEntry
from ledger.store.history import _STEPS
from ledger.store.index_tables import JOBS, MINERS, RECEIPTS
from tests.databases import CHAIN, INDEX, NewPlace, Place
from tests.store.chains import CLIENT, OTHER, TAGS, Builder, random_history
from tests.store.chains import MINERS as MINER_KEYS
from tests.store.indexes import SMALL, Indexed, dump, open_indexed


@given(seed=st.integers(0, 2**32), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=8))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_rows_do_not_depend_on_batches_and_restarts(sqlite_places: NewPlace, seed, sizes):
    index_twice(sqlite_places, seed, sizes)


def test_nor_do_they_on_a_server(server_places: NewPlace):
    index_twice(server_places, 5, [3, 1, 9])


def index_twice(new_place: NewPlace, seed, sizes) -> None:
    """Index a chain at once, and another time in pieces with restarts; compare the rows."""
    builder = random_history(seed, blocks=25).builder
    with open_indexed(new_place(), SMALL) as indexed:
        indexed.take(builder, limit=10**6)
        expected = dump(indexed)
        assert len(expected["partitions"]) > 3
    place = new_place()
    chance = random.Random(seed)
    committed = 0
    while committed < len(builder.sealed):
        with open_indexed(place, SMALL) as indexed:
            indexed.store.initialise(TAGS, builder.sealed[0].block, {})
            for size in sizes:
                for sealed in builder.sealed[committed : committed + chance.randrange(8)]:
                    sealed.commit_to(indexed.store)
                    committed += 1
                indexed.indexer.advance(size)
    with open_indexed(place, SMALL) as indexed:
        indexed.catch_up()
        assert indexed.indexer.indexed_height() == len(builder.sealed) - 1
        assert dump(indexed) == expected
        assert indexed.indexer.advance() == 0
        assert dump(indexed) == expected


@given(seed=st.integers(0, 2**32))
@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_jobs_receipts_miners_and_totals_say_what_happened(sqlite_places: NewPlace, seed):
    index_and_ask(sqlite_places, seed)


def test_so_they_do_on_a_server(server_places: NewPlace):
    index_and_ask(server_places, 9)


def index_and_ask(new_place: NewPlace, seed) -> None:
    """Index a random history, and compare what the reader says with what was played."""
    played = random_history(seed, blocks=40)
    with open_indexed(new_place(), SMALL) as indexed:
        indexed.take(played.builder, limit=7)
        for job in played.jobs:
            row = indexed.reader.job(job.job_id)
            assert row is not None
            assert (row.client, row.terms) == (job.client.address, job.terms)
            assert (row.phase, row.payment, row.attempt) == (job.phase, job.payment, job.attempt)
            assert row.miner == (job.miner.address if job.miner else None)
            assert (row.paid_miner, row.paid_coordinator, row.paid_client) == job.paid
            assert (row.ended is not None) == job.is_over
            assert row.receipt_id == job.receipt_id
            receipt = indexed.reader.receipt_of_job(job.job_id)
            assert (receipt is not None) == (job.receipt_id is not None)
            if receipt is not None:
                assert job.receipt_id is not None
                assert receipt == indexed.reader.receipt(job.receipt_id)
                assert receipt.payment == job.payment
                assert receipt.content.price == job.price
                assert (receipt.paid_miner, receipt.paid_coordinator) == job.paid[:2]
                kinds = {attestation.kind.name for attestation in receipt.attestations}
                assert kinds == ({"DELIVERY"} if job.delivered else set())
        for miner in MINER_KEYS:
            mine = [job for job in played.jobs if job.miner is miner]
            record = indexed.reader.miner(miner.address)
            assert record.receipts == sum(job.receipt_id is not None for job in mine)
            assert record.settled == sum(job.payment == "RELEASED" for job in mine)
            assert record.earned == sum(job.paid[0] for job in mine)
            assert record.lost == sum(job.lost.count(miner.address) for job in played.jobs)
        stats = indexed.reader.stats()
        assert stats.jobs == len(played.jobs)
        assert stats.jobs_by_phase == {
            phase: sum(job.phase == phase for job in played.jobs) for phase in JobPhase
        }
        assert stats.locked == sum(job.terms.max_price for job in played.jobs)
        assert stats.paid == sum(job.paid[0] + job.paid[1] for job in played.jobs)
        assert stats.refunded == sum(job.paid[2] for job in played.jobs)
        blocks = [sealed.block for sealed in played.builder.sealed]
        assert stats.blocks == len(blocks)
        assert stats.transactions == sum(len(block.transactions) for block in blocks)
        assert stats.outcomes == sum(len(sealed.outcomes) for sealed in played.builder.sealed)
        assert stats.fees == sum(
            each.transaction.fee for block in blocks for each in block.transactions
        )
        hours = indexed.reader.hours()
        assert sum(hour.blocks for hour in hours) == stats.blocks
        assert sum(hour.paid for hour in hours) == stats.paid
        assert sum(hour.settled + hour.unpaid for hour in hours) == sum(
            job.is_over for job in played.jobs
        )


def some_chain() -> Builder:
    builder = Builder()
    builder.register(MINER_KEYS[0], "gpu")
    builder.seal()
    builder.transfer(CLIENT, OTHER.address, 5)
    builder.submit()
    builder.seal()
    builder.seal()
    return builder


def tamper(store: ChainStore, column: str, value: bytes) -> None:
    """Put something else into block 2."""
    with store._database.writing() as connection:
        connection.execute(update(BLOCKS).where(BLOCKS.c.height == 2).values({column: value}))


def other_body(builder: Builder) -> bytes:
    return encode(builder.sealed[2].block.transactions[:1])


def header_on_nothing(builder: Builder) -> Header:
    return replace(builder.sealed[2].block.header, parent_id=bytes(32))


@pytest.mark.parametrize(
    ("what", "column", "value"),
    [
        ("transaction root of block 2", "body", other_body),
        ("outcome root of block 2", "outcomes", lambda _: encode(())),
        ("id of block 2", "block_id", lambda _: bytes(32)),
        ("block 2 is missing", "header", lambda b: encode(b.sealed[3].block.header)),
        ("parent of block 2", "header", lambda b: encode(header_on_nothing(b))),
    ],
)
def test_a_block_that_is_not_what_its_header_commits_to_is_refused(
    indexed: Indexed, what, column, value
):
    builder = some_chain()
    indexed.store.initialise(TAGS, builder.sealed[0].block, {})
    for sealed in builder.sealed:
        sealed.commit_to(indexed.store)
    assert indexed.indexer.advance(2) == 2
    before = dump(indexed)
    stored = {
        "body": encode(builder.sealed[2].block.transactions),
        "outcomes": encode(builder.sealed[2].outcomes),
        "block_id": builder.sealed[2].block_id,
        "header": encode(builder.sealed[2].block.header),
    }
    tamper(indexed.store, column, value(builder))
    with pytest.raises(IndexRefused, match=what):
        indexed.indexer.advance()
    assert dump(indexed) == before
    tamper(indexed.store, column, stored[column])
    indexed.catch_up()
    assert indexed.indexer.indexed_height() == 3


def test_an_index_of_another_chain_is_made_anew(new_place: NewPlace):
    place = new_place()
    with open_indexed(place) as indexed:
        indexed.take(random_history(seed=5, blocks=20).builder)
    place.forget(CHAIN)
    other = some_chain()
    with open_indexed(place) as indexed:
        indexed.take(other)
        rebuilt = dump(indexed)
    with open_indexed(new_place()) as indexed:
        indexed.take(other)
        assert dump(indexed) == rebuilt


@pytest.mark.parametrize("blocks", [3, 20, 30])
def test_an_index_is_made_anew_when_the_store_has_another_block_at_its_cursor(
    place: Place, blocks: int
):
    # The other chain is shorter, as long, and longer than what was indexed.
    with open_indexed(place) as indexed:
        indexed.take(random_history(seed=5, blocks=20).builder)
    place.forget(CHAIN)
    with open_indexed(place) as indexed:
        indexed.take(random_history(seed=6, blocks=blocks).builder)
        assert indexed.reader.indexed_height() == blocks - 1
        assert indexed.reader.stats().blocks == blocks
        for height in range(blocks):
            stored = indexed.store.block_at(height)
            assert indexed.reader.block_at(height).block_id == stored.block_id


@given(seed=st.integers(0, 2**32), cut=st.integers(1, 24), size=st.integers(1, 9))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_index_begins_where_the_chain_does_when_old_blocks_were_pruned(
    sqlite_places: NewPlace, seed, cut, size
):
    index_the_rest(sqlite_places, seed, cut, size)


def test_so_it_does_on_a_server(server_places: NewPlace):
    index_the_rest(server_places, 3, 9, 4)


def index_the_rest(new_place: NewPlace, seed, cut, size) -> None:
    """Index a chain that was pruned, and compare with the index of the whole chain."""
    builder = random_history(seed, blocks=25).builder
    with open_indexed(new_place()) as indexed:
        indexed.take(builder)
        whole = dump(indexed)
    with open_indexed(new_place(), SMALL) as indexed:
        indexed.store.initialise(TAGS, builder.sealed[0].block, {})
        for sealed in builder.sealed[1:]:
            sealed.commit_to(indexed.store)
        while indexed.store.checkpoint(force=True):
            pass
        while indexed.store.prune(cut):
            pass
        while indexed.indexer.advance(size):
            pass
        part = dump(indexed)
    # What is about one block is the same; jobs and miners are those that began since.
    for name in ("blocks", "transactions", "outcomes"):
        assert part[name] == [row for row in whole[name] if row in part[name]]
    assert len(part["blocks"]) == len(builder.sealed) - cut
    begun = {row[2] for row in whole["jobs"] if row[0] >= pack_position(cut, 0)}
    assert {row[2] for row in part["jobs"]} == begun


def test_a_second_indexer_of_the_same_index_is_told_to_stop(indexed: Indexed):
    builder, url = some_chain(), indexed.place.url(INDEX)
    if indexed.place.engine == "postgresql":
        with pytest.raises(StoreLocked, match="another process"):
            Indexer(indexed.store, url)
        indexed.take(builder)
    else:
        second = Indexer(indexed.store, url)
        indexed.take(builder)
        with pytest.raises(IndexRefused, match="another process"):
            second.advance()
        second.close()
    assert indexed.reader.stats().blocks == len(builder.sealed)


def test_an_empty_store_gives_an_empty_index(indexed: Indexed):
    assert indexed.indexer.advance() == 0
    assert indexed.indexer.indexed_height() == -1
    assert indexed.reader.indexed_height() == -1
    assert indexed.reader.stats().height == -1


def test_every_kind_of_outcome_has_a_meaning_for_the_rows():
    assert set(_STEPS) == set(OutcomeKind)


@pytest.mark.parametrize(
    ("entry", "table"), [(JobEntry, JOBS), (ReceiptEntry, RECEIPTS), (MinerEntry, MINERS)]
)
def test_an_entrys_fields_are_its_tables_columns_in_order(entry, table):
    assert [field.name for field in fields(entry)] == [column.name for column in table.columns]


def test_a_miner_that_registers_again_keeps_its_record_and_gets_its_new_name(indexed: Indexed):
    builder = Builder()
    builder.register(MINER_KEYS[0], "First", bond=3)
    job = builder.submit()
    builder.seal()
    job.assign(MINER_KEYS[0])
    builder.seal()
    job.post_receipt()
    builder.seal()
    job.attest_and_settle()
    builder.seal()
    builder.retire(MINER_KEYS[0], bond=3)
    builder.seal()
    builder.register(MINER_KEYS[0], "Second")
    builder.register(MINER_KEYS[1], "FIRST")
    builder.seal()
    indexed.take(builder)
    row = indexed.reader.miner(MINER_KEYS[0].address)
    assert (row.name, row.retired, row.settled, row.earned) == ("Second", None, 1, 570)
    assert indexed.reader.miner_by_name("first").miner == MINER_KEYS[1].address
    assert indexed.reader.receipt_of_job(job.job_id).miner_name == "First"
    assert indexed.reader.stats().miners == 2


def test_a_chain_of_many_thousand_entries_is_indexed_in_one_batch(indexed: Indexed):
    builder = Builder()
    sender = CLIENT
    for number in range(3_000):
        builder.transfer(sender, number.to_bytes(20, "big"), 1)
    builder.seal()
    indexed.take(builder)
    assert indexed.reader.stats().transactions == 3_000
    page = indexed.reader.transactions(limit=1_000)
    seen = [row.transaction_id for row in page]
    while page:
        page = indexed.reader.transactions(page[-1].position, limit=1_000)
        seen.extend(row.transaction_id for row in page)
    stored = indexed.store.block_at(1)
    assert seen[::-1] == list(stored.transaction_ids)


def test_closing_an_indexer_in_between_leaves_the_store_usable(place: Place):
    builder = some_chain()
    with open_indexed(place) as indexed:
        indexed.take(builder)
    store = ChainStore.open(place.url(CHAIN))
    builder.seal().commit_to(store)
    store.close()
