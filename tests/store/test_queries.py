"""The read queries: complete pages, cheap plans, and nothing that input from outside can break."""

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from ledger.actions import Reason
from ledger.codec import encode
from ledger.outcomes import OutcomeKind
from ledger.store import (
    PAGE_MAX,
    FilterUnsupported,
    FoundKind,
    IndexReader,
    JobPhase,
)
from ledger.store.bulk import insert_rows
from ledger.store.columns import id_prefix, pack_position, prefix_range
from ledger.store.partition_tables import partition_tables
from ledger.store.tally import HOUR_MS
from tests.store.chains import (
    CLIENT,
    COORDINATOR,
    FEE,
    MINERS,
    OTHER,
    START_MS,
    Builder,
    Played,
    random_history,
)
from tests.store.every_query import every_query, recorded
from tests.store.indexes import SMALL, Indexed, open_indexed
from tests.store.plans import check_plan

ADDRESSES = [each.address for each in (CLIENT, OTHER, COORDINATOR, *MINERS)]
NOBODY = bytes(20)


@pytest.fixture(scope="module")
def played() -> Played:
    return random_history(seed=11, blocks=45)


MANY, ONE, SERVER = ("sqlite", SMALL), ("sqlite", None), ("server", SMALL)
READERS = {"many-partitions": MANY, "one-partition": ONE, "postgresql": SERVER}


def read_played(played: Played, request) -> Iterator[IndexReader]:
    engine, layout = READERS[request.param]
    template = request.getfixturevalue(f"{engine}_template")
    with template.places() as new_place, open_indexed(new_place(), layout) as indexed:
        indexed.take(played.builder)
        yield indexed.reader


reader = pytest.fixture(scope="module", params=list(READERS))(read_played)
file_reader = pytest.fixture(scope="module", params=list(READERS)[:2])(read_played)


def pages(
    fetch: Callable[..., Sequence[Any]],
    size: int,
    key: Callable[[Any], Any] = lambda row: row.position,
) -> list[Any]:
    """All rows, fetched page by page."""
    rows: list[Any] = []
    before = None
    while page := fetch(before, size):
        assert len(page) <= size
        rows.extend(page)
        before = key(page[-1])
    return rows


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_pages_put_together_are_the_whole_list_newest_first(played, reader, size):
    sealed = played.builder.sealed
    blocks = pages(reader.blocks, size, key=lambda row: row.height)
    assert [row.block_id for row in blocks] == [each.block_id for each in sealed[::-1]]
    rows = pages(reader.transactions, size)
    expected = [each for block in sealed for each in block.block.transactions]
    assert [row.content for row in rows] == expected[::-1]
    outcomes = pages(reader.outcomes, size)
    assert [row.outcome for row in outcomes] == [o for b in sealed for o in b.outcomes][::-1]
    jobs = pages(reader.jobs, size)
    assert [row.job_id for row in jobs] == [job.job_id for job in played.jobs[::-1]]
    receipts = pages(reader.receipts, size)
    assert {row.receipt_id for row in receipts} == {
        job.receipt_id for job in played.jobs if job.receipt_id
    }
    for listed in (rows, jobs, receipts, outcomes):
        positions = [row.position for row in listed]
        assert positions == sorted(set(positions), reverse=True)


@pytest.mark.parametrize("size", [3, 1_000])
def test_filters_give_what_filtering_the_whole_list_gives(played, reader, size):
    jobs = pages(reader.jobs, 1_000)
    for phase in (None, *JobPhase):
        for address in (None, *ADDRESSES, NOBODY):
            for name in ("client", "miner"):
                filters = {name: address, "phase": phase}
                found = pages(lambda b, s, f=filters: reader.jobs(b, s, **f), size)
                assert found == [
                    job
                    for job in jobs
                    if (phase is None or job.phase == phase)
                    and (address is None or getattr(job, name) == address)
                ]
    receipts = pages(reader.receipts, 1_000)
    for client in (None, CLIENT.address, NOBODY):
        for provider in (None, *ADDRESSES):
            filters = {"client": client, "provider": provider}
            found = pages(lambda b, s, f=filters: reader.receipts(b, s, **f), size)
            assert found == [
                row
                for row in receipts
                if client in {None, row.client} and provider in {None, row.miner}
            ]


def test_a_blocks_transactions_and_outcomes_are_found_by_its_height(played, file_reader):
    for sealed in played.builder.sealed:
        rows = pages(lambda b, s, h=sealed.height: file_reader.transactions(b, s, height=h), 2)
        assert [row.content for row in rows[::-1]] == list(sealed.block.transactions)
        assert {row.block_id for row in rows} <= {sealed.block_id}
        assert {row.timestamp_ms for row in rows} <= {sealed.block.header.timestamp_ms}
        outcomes = file_reader.outcomes(height=sealed.height)
        assert [row.outcome for row in outcomes[::-1]] == list(sealed.outcomes)
        for row in rows:
            done = [o for o in sealed.outcomes if o.cause == row.transaction_id]
            assert [each.outcome for each in file_reader.outcomes_of(row)] == done
            assert file_reader.transaction(row.transaction_id) == row
        caused = {o.cause for o in sealed.outcomes if o.cause}
        assert file_reader.causes_of(outcomes) == {
            row.transaction_id: row for row in rows if row.transaction_id in caused
        }


def test_the_causes_of_outcomes_of_many_blocks_are_found_together(played, reader):
    outcomes = reader.outcomes(limit=1_000)
    caused = {row.cause for row in outcomes if row.cause}
    assert len({row.height for row in outcomes}) > 10
    assert any(row.cause is None for row in outcomes)
    assert reader.causes_of(outcomes) == {each: reader.transaction(each) for each in caused}
    assert reader.causes_of([]) == {}


def test_what_is_counted_of_a_miners_jobs_is_what_those_jobs_say(played, reader):
    counted = 0
    for miner in MINERS:
        jobs = reader.jobs(limit=1_000, miner=miner.address, phase=JobPhase.COMPLETED)
        found = reader.completed_jobs(miner.address, 1_000)
        assert [(each.service, each.paid) for each in found] == [
            (job.service, job.paid_miner) for job in jobs
        ]
        for each, job in zip(found, jobs, strict=True):
            assert job.assigned is not None
            assert job.received is not None
            assert each.took_ms == job.received.timestamp_ms - job.assigned.timestamp_ms
            assert each.ended_ms == (job.ended.timestamp_ms if job.ended else None)
        assert reader.completed_jobs(miner.address, 1) == found[:1]
        counted += len(found)
    assert counted > 1


def test_a_jobs_outcomes_are_its_timeline(played, reader):
    for job in played.jobs:
        timeline = [row.outcome.kind for row in reader.outcomes(object_id=job.job_id)][::-1]
        assert timeline[0] is OutcomeKind.JOB_LOCKED
        attempts = sum(kind is OutcomeKind.JOB_ASSIGNED for kind in timeline)
        assert attempts == job.attempt


@pytest.mark.parametrize("size", [3, 1_000])
def test_an_accounts_activity_is_every_entry_that_concerned_it(played, file_reader, size):
    for address in (*ADDRESSES, NOBODY):
        rows = pages(lambda b, s, a=address: file_reader.account_activity(a, b, s), size)
        assert [row.position for row in rows] == sorted(
            {row.position for row in rows}, reverse=True
        )
        automatic = [row.outcome.outcome for row in rows if row.outcome]
        assert automatic[::-1] == [
            outcome
            for sealed in played.builder.sealed
            for outcome in sealed.outcomes
            if not outcome.cause and address in outcome.parties
        ]
        signed = [row.transaction for row in rows if row.transaction]
        assert signed == pages(lambda b, s, a=address: file_reader.transactions(b, s, address=a), 9)
        assert [row.transaction_id for row in signed[::-1]] == [
            row.transaction_id
            for row in pages(file_reader.transactions, 1_000)[::-1]
            if address in {row.sender, row.recipient}
            or any(address in each.outcome.parties for each in file_reader.outcomes_of(row))
        ]


def test_objects_are_found_by_any_beginning_of_their_id(played, reader):
    sealed = played.builder.sealed[20]
    job = next(job for job in played.jobs if job.receipt_id)
    for digits in (6, 7, 15, 16, 17, 40, 63, 64):
        [block] = reader.find(sealed.block_id.hex()[:digits].upper())
        assert (block.kind, block.object_id, block.height) == (
            FoundKind.BLOCK,
            sealed.block_id,
            20,
        )
        found = reader.find(job.job_id.hex()[:digits])
        assert [each.kind for each in found] == [FoundKind.TRANSACTION, FoundKind.JOB]
        found = reader.find(job.receipt_id.hex()[:digits])
        assert [each.kind for each in found] == [FoundKind.TRANSACTION, FoundKind.RECEIPT]
        assert {each.object_id for each in found} == {job.receipt_id}


@pytest.mark.parametrize("text", ["", "abcde", "0x1234", "zzzzzz", "é" * 8, "a" * 65, "٣" * 8])
def test_what_is_no_beginning_of_an_id_finds_nothing(reader, text):
    assert reader.find(text) == []


def test_ids_that_share_their_first_eight_bytes_are_told_apart(indexed: Indexed):
    builder = Builder()
    wanted = builder.transfer(CLIENT, OTHER.address, 1)
    builder.seal()
    indexed.take(builder)
    twin = wanted[:8] + bytes(24)
    row = (pack_position(1, 9), id_prefix(twin), 0, 0, twin)
    signed = encode(builder.sealed[1].block.transactions[0])
    with indexed.indexer._database.writing() as connection:
        insert_rows(connection, partition_tables(1).transactions, [(*row, signed)])
    assert indexed.reader.transaction(wanted).index == 0
    assert indexed.reader.transaction(twin).index == 9
    assert indexed.reader.transaction(wanted[:8] + b"\x01" * 24) is None
    assert len(indexed.reader.find(wanted.hex()[:16])) == 2
    assert [each.object_id for each in indexed.reader.find(wanted.hex()[:20])] == [wanted]


def test_prefixes_sort_as_the_ids_do():
    chance = random.Random(3)
    ids = [chance.randbytes(32) for _ in range(500)] + [bytes(32), b"\xff" * 32]
    assert sorted(ids) == sorted(ids, key=lambda each: (id_prefix(each), each))
    for each in ids:
        for digits in (1, 6, 15, 16):
            low, high = prefix_range(each.hex()[:digits])
            assert low <= id_prefix(each) <= high


@pytest.mark.parametrize("number", [-(2**70), -1, 0, 2**46, 2**63, 2**70])
def test_numbers_from_outside_are_answered_and_not_crashed_on(reader, number):
    assert reader.block_at(number) is None or number == 0
    for before in ((number, 0), (0, number), (number, number)):
        for rows in (
            reader.transactions(before),
            reader.outcomes(before),
            reader.jobs(before),
            reader.receipts(before),
            reader.miners(before),
            reader.account_activity(CLIENT.address, before),
        ):
            assert len(rows) <= 100
    newest = [row.height for row in reader.blocks(limit=25)]
    heights = [row.height for row in reader.blocks(before_height=number)]
    assert heights == (newest if number > 45 else [])
    reader.transactions(height=number)
    reader.outcomes(height=number)
    reader.hours(before_ms=number)
    assert len(reader.blocks(limit=number)) <= PAGE_MAX


def test_a_negative_limit_gives_no_rows(reader):
    assert reader.blocks(limit=-1) == []
    assert reader.jobs(limit=-1) == []


def test_combinations_that_no_index_serves_are_refused(reader):
    with pytest.raises(FilterUnsupported):
        reader.jobs(client=CLIENT.address, miner=MINERS[0].address)
    with pytest.raises(FilterUnsupported):
        reader.transactions(height=1, address=CLIENT.address)
    with pytest.raises(FilterUnsupported):
        reader.offers(service="llm_inference")


def test_hours_are_paged_newest_first_and_hours_without_blocks_have_no_row(indexed: Indexed):
    builder = Builder()
    for _ in range(3):
        builder.pass_time(2 * HOUR_MS)
        builder.transfer(CLIENT, OTHER.address, 1)
        builder.seal()
        builder.seal()
    indexed.take(builder)
    hours = pages(indexed.reader.hours, 3, key=lambda row: row.start_ms)
    first = START_MS // HOUR_MS * HOUR_MS
    assert [row.start_ms for row in hours] == [first + n * HOUR_MS for n in (6, 4, 2, 0)]
    assert [row.blocks for row in hours] == [2, 2, 2, 1]
    assert [row.fees for row in hours] == [FEE, FEE, FEE, 0]


def test_a_miners_days_and_the_reasons_add_up_to_its_record_and_the_totals(played, reader):
    for keys in MINERS:
        row = reader.miner(keys.address)
        days = reader.miner_days(keys.address)
        assert row.assignments == sum(day.attempts for day in days) > 0
        assert row.receipts == sum(day.completed for day in days)
        assert row.settled == sum(day.settled for day in days)
        assert row.refuted == sum(day.refuted for day in days)
        assert row.earned == sum(day.earned for day in days)
        assert row.lost <= sum(day.faults for day in days) <= row.lost + row.released
        assert row.timeouts <= row.lost + row.released
    earners = reader.best_earners()
    assert [row.earned for row in earners] == sorted((row.earned for row in earners), reverse=True)
    stats, hours = reader.stats(), reader.hours()
    assert sum(row.earned for row in earners) == stats.earned
    assert sum(hour.assigned for hour in hours) == sum(job.attempt > 0 for job in played.jobs)
    ends = [row for row in reader.reasons(0) if row.kind is not OutcomeKind.JOB_RELEASED]
    assert sum(row.count for row in ends) == sum(hour.unpaid for hour in hours) > 0
    released = sum(row.count for row in reader.reasons(0)) - sum(row.count for row in ends)
    assert released == sum(reader.miner(keys.address).released for keys in MINERS)


@pytest.mark.parametrize("size", [1, 3, 1_000])
def test_reasons_page_by_page_are_all_and_their_totals_are_their_sums(played, reader, size):
    rows = pages(
        lambda before, limit: reader.reasons(0, before, limit),
        size,
        key=lambda row: (row.start_ms, row.kind, row.reason),
    )
    assert len(rows) > 1
    assert rows == reader.reasons(0)
    for since_ms in (0, rows[0].start_ms):
        sums: Counter[tuple[OutcomeKind, Reason]] = Counter()
        for row in rows:
            if row.start_ms >= since_ms:
                sums[row.kind, row.reason] += row.count
        totals = reader.reason_totals(since_ms)
        assert {(each.kind, each.reason): each.count for each in totals} == sums
        assert all(type(each.count) is int for each in totals)


def test_no_query_scans_or_sorts_whatever_the_chain_holds(reader):
    with recorded(reader) as statements:
        every_query(reader)
    selects = {text: values for text, values in statements if text.startswith("SELECT")}
    assert len(selects) >= 40
    with reader._database.reading() as connection:
        for text, values in selects.items():
            check_plan(connection, text, values)
