"""The state table follows the deltas in slices; the loaded state is always that of the head."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from ledger.store import ChainStore, StoreFailed, chain_store, state_table
from ledger.store.chain_tables import CHAIN, DELTAS, STATE
from ledger.store.state_table import BLOCK_WEIGHT, _Round
from tests.databases import CHAIN as CHAIN_DATABASE
from tests.databases import NewPlace, Place
from tests.store.chains import TAGS, Builder
from tests.store.test_commits_together import new

KEYS = st.integers(0, 12).map(lambda number: b"key %d" % number)
DELTAS_OF_BLOCKS = st.dictionaries(KEYS, st.one_of(st.none(), st.binary(max_size=3)), max_size=6)
STEPS = st.lists(
    st.one_of(DELTAS_OF_BLOCKS, st.integers(1, 5), st.just("reopen")), min_size=1, max_size=25
)


ROUND, SLICE = 4_096, 100

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


@pytest.fixture
def small_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same pace with fewer records."""
    monkeypatch.setattr(state_table, "ROUND_WEIGHT", ROUND)
    monkeypatch.setattr(state_table, "SLICE_MIN", SLICE)


def initialised(place: Place) -> tuple[Builder, ChainStore]:
    builder, store = Builder(), open_store(place)
    store.initialise(TAGS, builder.sealed[0].block, {})
    return builder, store


def keep_up(store: ChainStore) -> None:
    """Do between two commits what a node does."""
    while store.wants_checkpoint:
        assert store.checkpoint()


def records_of_a_block(weight: int, value: bytes = b"x") -> dict[bytes, bytes | None]:
    return {b"%d" % number: value for number in range(weight - BLOCK_WEIGHT)}


@pytest.mark.usefixtures("small_rounds")
def test_a_round_begins_only_when_enough_waits_and_a_reopened_store_knows_what_waits(place: Place):
    builder, store = initialised(place)
    assert not store.checkpoint()
    assert not store.checkpoint(force=True)
    builder.seal(records_of_a_block(ROUND // 2)).commit_to(store)
    assert not store.wants_checkpoint
    assert not store.checkpoint()
    store.close()
    store = open_store(place)
    assert not store.wants_checkpoint
    builder.seal(records_of_a_block(ROUND // 2, b"y")).commit_to(store)
    keep_up(store)
    # What the process before left goes first.
    assert set(rows_of(store).values()) == {b"x"}
    while store.checkpoint(force=True):
        pass
    assert checkpoint_height(store) == 2
    assert rows_of(store) == records_of_a_block(ROUND // 2, b"y")
    store.close()


@pytest.mark.usefixtures("small_rounds")
def test_what_is_read_again_after_a_restart_is_bounded(place: Place):
    builder, store = initialised(place)
    for _ in range(3):
        builder.seal(records_of_a_block(ROUND // 2)).commit_to(store)
    store.close()
    store = open_store(place)
    store.checkpoint(keys=10**6, force=True)
    assert checkpoint_height(store) == 2
    assert deltas_kept(store) == 1
    store.close()


@pytest.mark.usefixtures("small_rounds")
def test_records_that_change_in_every_block_of_a_round_are_written_once(file_place: Place):
    builder, store = initialised(file_place)
    blocks = 8
    for _ in range(blocks):
        builder.seal(records_of_a_block(ROUND // blocks)).commit_to(store)
    slices = 0
    while checkpoint_height(store) < blocks:
        slices += store.checkpoint(keys=SLICE, force=True)
    assert slices == -(-(ROUND // blocks - BLOCK_WEIGHT) // SLICE)
    store.close()


@pytest.mark.usefixtures("small_rounds")
@pytest.mark.parametrize(("keys", "together"), [(300, 1), (300, 8), (ROUND * 2, 1), (0, 1)])
def test_what_waits_stays_bounded_however_long_the_load_lasts(
    file_place: Place, keys: int, together: int
):
    chance = random.Random(3)
    builder, store = initialised(file_place)
    expected: dict[bytes, bytes] = {}
    of_a_commit = together * (keys + BLOCK_WEIGHT)
    waited = []
    for height in range(1, max(5 * ROUND // of_a_commit, 6) + 1):
        news = []
        for _ in range(together):
            delta = {b"%05d" % chance.randrange(20_000): b"%d" % height for _ in range(keys)}
            expected |= delta
            news.append(new(builder.seal(delta)))
        store.commit_all(news)
        keep_up(store)
        waited.append(store._state.waiting)
    assert max(waited) <= 2 * max(ROUND, of_a_commit) + of_a_commit
    assert checkpoint_height(store) > 0
    store.close()
    store = open_store(file_place)
    assert store._state.waiting == waited[-1]
    assert store.load_records()[1] == expected
    store.close()


@pytest.mark.usefixtures("small_rounds")
def test_restarts_in_the_middle_of_rounds_do_not_let_more_and_more_wait(file_place: Place):
    chance = random.Random(4)
    builder, store = initialised(file_place)
    of_a_block, waited = 500 + BLOCK_WEIGHT, []
    for height in range(1, 8 * ROUND // of_a_block):
        delta = {b"%05d" % chance.randrange(20_000): b"%d" % height for _ in range(500)}
        builder.seal(delta).commit_to(store)
        keep_up(store)
        waited.append(store._state.waiting)
        if store._state._round is not None and chance.random() < 0.1:
            store.close()
            store = open_store(file_place)
    assert max(waited) <= 3 * ROUND
    store.close()


def test_the_log_is_copied_between_commits_and_not_within_one(
    sqlite_places: NewPlace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(chain_store, "LOG_BYTES", 20 * chain_store.COMMIT_BYTES)
    place = sqlite_places()
    builder, store = initialised(place)
    file = Path(place.url(CHAIN_DATABASE).removeprefix("sqlite:///"))
    log = Path(f"{file}-wal")
    store._database.copy_log()
    copied, sizes = file.read_bytes(), []
    for _ in range(100):
        builder.seal({b"a": b"1"}).commit_to(store)
        assert file.read_bytes() == copied
        if store.wants_checkpoint:
            keep_up(store)
            assert file.read_bytes() != copied
            copied = file.read_bytes()
            sizes.append(log.stat().st_size)
    assert len(sizes) == 5
    assert max(sizes) < 2 * sizes[0], "the log is used again from its beginning"
    store.close()


def test_no_sort_of_a_round_is_long_enough_to_hold_the_loop_up():
    chance = random.Random(5)
    changes: dict[bytes, bytes | None] = {
        b"\x01" + chance.randbytes(20): b"" for _ in range(20_000)
    }
    parts = _Round(changes, 1, 1, 1)._parts
    assert max(map(len, parts)) < 200
    assert [key for part in reversed(parts) for key in sorted(part)] == sorted(changes)


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
