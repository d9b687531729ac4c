"""The state table follows the deltas in slices; the loaded state is always that of the head."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from ledger.store import ChainStore, StoreFailed
from ledger.store.chain_tables import CHAIN, DELTAS, STATE
from ledger.store.state_table import ROUND_WEIGHT_MAX, ROUND_WEIGHT_MIN
from tests.databases import CHAIN as CHAIN_DATABASE
from tests.databases import NewPlace, Place
from tests.store.chains import TAGS, Builder

KEYS = st.integers(0, 12).map(lambda number: b"key %d" % number)
DELTAS_OF_BLOCKS = st.dictionaries(KEYS, st.one_of(st.none(), st.binary(max_size=3)), max_size=6)
STEPS = st.lists(
    st.one_of(DELTAS_OF_BLOCKS, st.integers(1, 5), st.just("reopen")), min_size=1, max_size=25
)


REFUSAL = {
    "sqlite": (
        "CREATE TRIGGER full BEFORE INSERT ON state BEGIN SELECT RAISE(ABORT, 'disk full'); END"
    ),
    "postgresql": 'ALTER TABLE state ADD CONSTRAINT "disk full" CHECK (false) NOT VALID',
}
"""What has every insert into the state table fail."""

REFUSAL_ENDS = {
    "sqlite": "DROP TRIGGER full",
    "postgresql": 'ALTER TABLE state DROP CONSTRAINT "disk full"',
}


def open_store(place: Place) -> ChainStore:
    return ChainStore.open(place.url(CHAIN_DATABASE))


def rows_of(store: ChainStore) -> dict[bytes, bytes]:
    with store._database.reading() as connection:
        return dict(connection.execute(select(STATE)).all())


def checkpoint_height(store: ChainStore) -> int:
    with store._database.reading() as connection:
        height: int = connection.execute(select(CHAIN.c.checkpoint_height)).scalar_one()
        return height


def deltas_kept(store: ChainStore) -> int:
    with store._database.reading() as connection:
        return connection.execute(select(func.count()).select_from(DELTAS)).scalar_one()


@given(steps=STEPS, genesis=st.dictionaries(KEYS, st.binary(max_size=3)))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_replaying_deltas_gives_the_full_state_however_blocks_checkpoints_and_restarts_mix(
    sqlite_places: NewPlace, steps, genesis
):
    play(sqlite_places(), steps, genesis)


def test_so_it_does_on_a_server(server_places: NewPlace):
    first, second = {b"key 1": b"a", b"key 2": None}, {b"key 1": None, b"key 3": b""}
    steps = [first, 2, second, "reopen", first, 1, first | {b"key 4": b"x"}, 5, "reopen", 1, {}]
    play(server_places(), steps, {b"key 2": b"1", b"key 5": b"2"})


def play(place: Place, steps, genesis) -> None:
    """Commit, carry over and reopen; the state is that of the blocks after each step."""
    builder, expected = Builder(), dict(genesis)
    store = open_store(place)
    store.initialise(TAGS, builder.sealed[0].block, genesis)
    for step in steps:
        if step == "reopen":
            store.close()
            store = open_store(place)
        elif isinstance(step, int):
            store.checkpoint(keys=step, force=True)
        else:
            builder.seal(step).commit_to(store)
            expected.update(step)
            expected = {key: value for key, value in expected.items() if value is not None}
        assert store.load_records()[1] == expected
    while store.checkpoint(keys=4, force=True):
        assert store.load_records()[1] == expected
    assert rows_of(store) == expected
    assert checkpoint_height(store) == store.head().height
    assert deltas_kept(store) == 0
    store.close()


def test_a_round_begins_only_when_enough_waits_and_a_reopened_store_knows_what_waits(place: Place):
    builder, store = Builder(), open_store(place)
    store.initialise(TAGS, builder.sealed[0].block, {})
    assert not store.checkpoint()
    assert not store.checkpoint(force=True)
    half = ROUND_WEIGHT_MIN // 2
    builder.seal({b"%d" % number: b"x" for number in range(half)}).commit_to(store)
    assert not store.checkpoint()
    store.close()
    store = open_store(place)
    builder.seal({b"%d" % number: b"y" for number in range(half)}).commit_to(store)
    slices = 0
    while store.checkpoint(keys=1_000):
        slices += 1
    # The two blocks changed the same keys, and each is written once.
    assert slices == half // 1_000
    assert rows_of(store) == {b"%d" % number: b"y" for number in range(half)}
    store.close()


def test_a_round_takes_a_bounded_part_of_what_waits(file_place: Place):
    builder, store = Builder(), open_store(file_place)
    store.initialise(TAGS, builder.sealed[0].block, {})
    per_block = ROUND_WEIGHT_MAX // 2
    for block in range(3):
        keys = range(block * per_block, (block + 1) * per_block - 1)
        builder.seal({b"%d" % number: b"x" for number in keys}).commit_to(store)
    store.checkpoint(keys=10**6)
    assert checkpoint_height(store) == 2
    assert deltas_kept(store) == 1
    store.close()


def test_a_slice_that_failed_is_written_by_the_next_call(place: Place):
    builder, store = Builder(), open_store(place)
    store.initialise(TAGS, builder.sealed[0].block, {})
    builder.seal({b"a": b"1", b"b": b"2"}).commit_to(store)
    with store._database.writing() as connection:
        connection.exec_driver_sql(REFUSAL[place.engine])
    with pytest.raises(StoreFailed, match="disk full"):
        store.checkpoint(force=True)
    assert rows_of(store) == {}
    with store._database.writing() as connection:
        connection.exec_driver_sql(REFUSAL_ENDS[place.engine])
    assert store.checkpoint(force=True)
    assert rows_of(store) == {b"a": b"1", b"b": b"2"}
    store.close()
