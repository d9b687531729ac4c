"""Sums over the chain: of more units than exist at any time (S8); and many entries in a block."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.actions import RetireMiner, Transfer
from ledger.params import (
    ACTION_WEIGHT_US,
    OFFERS_PER_MINER_MAX,
    PARAMETER_BOUNDS,
    SIGNATURE_WEIGHT_US,
)
from ledger.store.columns import (
    ENTRIES_MAX,
    WideInt,
    height_in_range,
    pack_position,
    unpack_position,
    wide_bytes,
)
from tests.databases import Place
from tests.store.chains import CLIENT, MINERS, OTHER, Builder
from tests.store.indexes import open_indexed

RICHES = 2**61
CYCLES = 6
"""With so many of them each sum is above 2^63."""


def moved_again_and_again() -> Builder:
    """A chain on which the same units are locked, paid, refunded and given for fees many times."""
    builder = Builder()
    builder.register(MINERS[0], "gpu")
    builder.register(MINERS[1], "cpu")
    builder.seal()
    for _ in range(CYCLES):
        builder.submit(RICHES).cancel()
        builder.seal()
        job = builder.submit(RICHES)
        builder.seal()
        job.assign(MINERS[0])
        job.post_receipt(RICHES - 1)
        builder.seal()
        job.attest_and_settle()
        builder.act(CLIENT, Transfer(OTHER.address, 1), fee=RICHES)
        builder.seal()
    job = builder.submit(1_000)
    job.assign(MINERS[1])
    job.post_receipt(600)
    job.attest_and_settle()
    builder.seal()
    return builder


@pytest.mark.parametrize("limit", [1, 10**6])
def test_sums_above_64_bits_are_exact(place: Place, limit: int) -> None:
    builder = moved_again_and_again()
    with open_indexed(place) as indexed:
        indexed.take(builder, limit)
        assert indexed.indexer.indexed_height() == len(builder.sealed) - 1
        stats, reader = indexed.reader.stats(), indexed.reader
        assert stats.locked == 2 * CYCLES * RICHES + 1_000
        assert stats.locked > 2**63
        assert stats.paid + stats.refunded == stats.locked
        assert stats.fees == CYCLES * RICHES + sum(
            each.transaction.fee
            for sealed in builder.sealed
            for each in sealed.block.transactions
            if each.transaction.fee != RICHES
        )
        hours = reader.hours(limit=1_000)
        for name in ("paid", "refunded", "fees"):
            assert sum(getattr(hour, name) for hour in hours) == getattr(stats, name)
        best, second = reader.best_earners(2)
        assert (best.miner, second.miner) == (MINERS[0].address, MINERS[1].address)
        assert best.earned + second.earned == stats.earned
        assert best.earned > 2**63
        for miner in (best, second):
            days = reader.miner_days(miner.miner)
            assert sum(day.earned for day in days) == miner.earned
            assert sum(day.attempts for day in days) == miner.assignments


@given(st.integers(-(2**100), 2**100), st.integers(-(2**100), 2**100))
def test_bytes_of_a_sum_sort_as_the_numbers_do(one: int, other: int) -> None:
    assert (wide_bytes(one) < wide_bytes(other)) == (one < other)
    assert WideInt().process_result_value(wide_bytes(one), None) == one  # type: ignore[arg-type]


def test_a_block_holds_fewer_entries_than_can_be_numbered() -> None:
    """Whatever parameters are voted: most entries for their weight have miners that retire."""
    heaviest = PARAMETER_BOUNDS["block_weight_max"][1]
    lightest = ACTION_WEIGHT_US[RetireMiner] + SIGNATURE_WEIGHT_US
    assert heaviest // lightest * (OFFERS_PER_MINER_MAX + 1) < ENTRIES_MAX
    newest = 2**45 - 1
    assert height_in_range(newest)
    assert not height_in_range(newest + 1)
    assert unpack_position(pack_position(newest, ENTRIES_MAX - 1)) == (newest, ENTRIES_MAX - 1)
    assert pack_position(newest + 1, 0) < 2**63
