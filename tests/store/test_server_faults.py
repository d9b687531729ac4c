"""A server that fails: who may write, what a lost connection means, what survives a kill."""

import random
import subprocess
import threading
import time
from contextlib import closing
from pathlib import Path
from signal import SIGKILL

import pytest
from sqlalchemy import insert, select

from devnet.network.postgresql import PostgresqlServer
from ledger.store import (
    ChainReader,
    ChainStore,
    Database,
    StoreFailed,
    StoreLocked,
    StoreUnsafe,
    postgresql_engine,
)
from ledger.store.chain_tables import STATE
from tests.databases import CHAIN, NewPlace, Place, ServerDatabase, temporary_server
from tests.store.chains import TAGS, Builder
from tests.store.test_crashes import BLOCKS, check_store, check_whole, committer, promised_by


@pytest.fixture
def server_place(server_places: NewPlace) -> Place:
    return server_places()


def started(place: Place) -> tuple[Builder, ChainStore]:
    builder, store = Builder(), ChainStore.open(place.url(CHAIN))
    store.initialise(TAGS, builder.sealed[0].block, {})
    return builder, store


def terminate(server: PostgresqlServer, place: Place, *, kind: str = "chain") -> None:
    """End the sessions of a kind of database, as an administrator would."""
    assert isinstance(place, ServerDatabase)
    with server.connect() as connection:
        ended = connection.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
            " WHERE datname = %s AND application_name LIKE %s",
            [place.name, f"aitbc {kind} %"],
        ).fetchall()
    assert ended


def test_two_processes_cannot_write_one_database_and_are_told_who_does(server_place: Place):
    _, store = started(server_place)
    began = time.monotonic()
    with pytest.raises(StoreLocked, match=r"another process \(server process \d+, 'aitbc chain "):
        ChainStore.open(server_place.url(CHAIN))
    assert time.monotonic() - began < 30
    with closing(ChainReader.open_to_read(server_place.url(CHAIN))) as reader:
        assert reader.head() == store.head()
    store.close()
    ChainStore.open(server_place.url(CHAIN)).close()


def test_schemas_of_one_database_are_written_by_whom_they_belong_to(server_place: Place):
    databases = [Database(server_place.url(kind)) for kind in ("chain", "index", "coordinator")]
    for database in databases:
        database.claim()
        database.claim()
    for database in databases:
        database.close()


def test_a_lost_connection_ends_writing_for_good_and_reading_goes_on(
    postgresql: PostgresqlServer, server_place: Place
):
    builder, store = started(server_place)
    builder.seal({b"a": b"1"}).commit_to(store)
    second = builder.seal({b"a": b"2"})
    terminate(postgresql, server_place)
    with pytest.raises(StoreFailed, match=r"connection lost .* when the node starts again"):
        second.commit_to(store)
    assert store.head().height == 1
    # The lock is free now: this process must not write behind the back of the next one.
    with closing(ChainStore.open(server_place.url(CHAIN))) as successor:
        second.commit_to(successor)
        for _ in range(2):
            with pytest.raises(StoreFailed, match="held the write lock is lost"):
                second.commit_to(store)
            with pytest.raises(StoreFailed, match="held the write lock is lost"):
                store.checkpoint(force=True)
        assert successor.head().height == 2
        assert store.block_at(2).block_id == second.block_id
        assert store.load_records()[1] == {b"a": b"2"}
    store.close()


def test_a_connection_lost_within_a_transaction_leaves_nothing_of_it(
    postgresql: PostgresqlServer, server_place: Place
):
    _, store = started(server_place)

    def write_half() -> None:
        with store._database.writing() as connection:
            connection.execute(insert(STATE).values(state_key=b"k", record=b"v"))
            terminate(postgresql, server_place)

    with pytest.raises(StoreFailed, match="connection lost"):
        write_half()
    with store._database.reading() as connection:
        assert connection.execute(select(STATE)).all() == []
    store.close()


def test_a_transaction_of_another_session_cannot_hold_a_commit_up_for_ever(
    postgresql: PostgresqlServer, server_place: Place, monkeypatch
):
    monkeypatch.setitem(postgresql_engine._SESSION, "lock_timeout", "200ms")
    builder, store = started(server_place)
    assert isinstance(server_place, ServerDatabase)
    with postgresql.connect(server_place.name) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE chain.blocks IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(StoreFailed, match="lock timeout"):
            builder.seal().commit_to(store)
        other.execute("ROLLBACK")
    store.close()


def test_commits_are_confirmed_only_when_flushed_and_the_index_need_not_be(
    postgresql: PostgresqlServer, server_place: Place
):
    assert isinstance(server_place, ServerDatabase)
    postgresql.execute(f"ALTER DATABASE {server_place.name} SET synchronous_commit = 'local'")
    for durable, expected in ((True, "on"), (False, "off")):
        with (
            closing(Database(server_place.url(CHAIN), durable=durable)) as database,
            database.writing() as connection,
        ):
            found = connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()
            assert found == expected
    # A setting that waits for more than the default is kept.
    postgresql.execute(f"ALTER DATABASE {server_place.name} SET synchronous_commit = remote_apply")
    with closing(Database(server_place.url(CHAIN))) as database, database.writing() as connection:
        found = connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()
        assert found == "remote_apply"


def test_readers_cannot_write_and_see_one_state(server_place: Place):
    _, store = started(server_place)
    with store._database.reading() as connection:
        before = connection.execute(select(STATE)).all()
        with store._database.writing() as writer:
            writer.execute(insert(STATE).values(state_key=b"k", record=b"v"))
        assert connection.execute(select(STATE)).all() == before == []
    with (
        pytest.raises(StoreFailed, match="read-only transaction"),
        store._database.reading() as connection,
    ):
        connection.execute(insert(STATE).values(state_key=b"x", record=b""))
    store.close()


@pytest.fixture(scope="module")
def own_server(postgres: str):
    """A server that these tests may kill and set as they want."""
    with temporary_server(postgres) as server:
        yield server


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes"])
def test_a_server_that_may_lose_what_it_confirmed_is_refused(
    own_server: PostgresqlServer, setting: str
):
    own_server.make_database("careless")
    own_server.execute(f"ALTER SYSTEM SET {setting} = off", "SELECT pg_reload_conf()")
    try:
        wait_for_setting(own_server, setting, "off")
        with pytest.raises(StoreUnsafe, match=f"{setting} = off.*Set {setting} = on"):
            ChainStore.open(own_server.url("careless"))
    finally:
        own_server.execute(f"ALTER SYSTEM RESET {setting}", "SELECT pg_reload_conf()")
        wait_for_setting(own_server, setting, "on")
    ChainStore.open(own_server.url("careless")).close()


def wait_for_setting(server: PostgresqlServer, name: str, value: str) -> None:
    deadline = time.monotonic() + 30
    while True:
        with server.connect() as connection:
            if connection.execute(f"SHOW {name}".encode()).fetchone() == (value,):
                return
        assert time.monotonic() < deadline


def test_a_server_or_its_client_killed_during_commits_keeps_every_block_that_was_reported(
    own_server: PostgresqlServer, tmp_path: Path
):
    chance = random.Random(8)
    own_server.make_database("killed")
    place = ServerDatabase(own_server, "killed")
    promised = -1
    for victim in ("server", "client", "server"):
        words = b""
        with subprocess.Popen(
            committer(place, "--checkpoint"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as child:
            words += b"".join(child.stdout.readline() for _ in range(chance.randrange(2, 6)))
            killing = threading.Thread(target=own_server.kill if victim == "server" else child.kill)
            killing.start()
            out, told = child.communicate()
            killing.join()
        # It has reached its end, or stopped with the store's own error; it never went on.
        assert child.returncode in {0, -SIGKILL} or b"StoreFailed" in told
        promised = max(promised, promised_by(words + out))
        if victim == "server":
            own_server.start()
        with closing(ChainStore.open(place.url(CHAIN))) as store:
            promised = check_whole(store, promised)
    assert 3 < promised <= BLOCKS
    check_store(place, promised)
