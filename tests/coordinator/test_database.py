"""The coordinator's database: migrations, group commit, refusals."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, String, insert, select, text
from sqlalchemy.exc import IntegrityError

from coordinator.database import Database, DatabaseClosed, DatabaseTooNew
from coordinator.database.schema import MIGRATIONS, REVISIONS
from coordinator.database.tables import api_keys, chain, clients, metadata, payloads
from devnet.network.postgresql import PostgresqlServer
from ledger.store import Database as Connections
from ledger.store import StoreFailed
from tests.databases import COORDINATOR, NewPlace, Place

DURABLE = {
    "sqlite": ("PRAGMA synchronous", 2),
    "postgresql": ("SHOW synchronous_commit", "on"),
}
"""What tells that a commit is on disk before it is confirmed."""


def _insert(client_id: str) -> Callable[[Connection], str]:
    def work(connection: Connection) -> str:
        address = client_id.encode().ljust(20, b".")
        connection.execute(
            insert(clients).values(client_id=client_id, label="", address=address, created_ms=0)
        )
        return client_id

    return work


async def _ids(database: Database) -> list[str]:
    query = select(clients.c.client_id).order_by(clients.c.client_id)
    return list(await database.read(lambda c: list(c.execute(query).scalars())))


async def test_the_migrations_make_exactly_the_tables_of_the_code(place: Place) -> None:
    database = Database(place.url(COORDINATOR))

    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    assert await database.read(differences) == []
    database.close()


async def test_a_database_is_durable_and_opens_again(place: Place) -> None:
    url = place.url(COORDINATOR)
    database = Database(url)
    await database.write(_insert("a"))
    statement, durable = DURABLE[place.engine]
    assert await database.write(lambda c: c.execute(text(statement)).scalar_one()) == durable
    database.close()
    again = Database(url)
    assert await _ids(again) == ["a"]
    again.close()


def test_the_revisions_are_written_down_as_alembic_finds_them() -> None:
    found = ScriptDirectory(str(MIGRATIONS)).walk_revisions()
    assert tuple(script.revision for script in found)[::-1] == REVISIONS


async def test_an_older_database_is_brought_up_and_follows_the_chain_anew(place: Place) -> None:
    url = place.url(COORDINATOR)
    # A place has its tables already.
    place.forget(COORDINATOR)
    job = {"job_id": b"j" * 32, "deadline_ms": 1_000}

    def fill(connection: Connection, old: MetaData) -> None:
        needed = {
            column.name: "" if isinstance(column.type, String) else 0
            for column in old.tables["jobs"].columns
            if not column.nullable and column.name != "seq"
        }
        digests = {"payload_digest": bytes(32), "client": bytes(20)}
        connection.execute(insert(old.tables["jobs"]).values({**needed, **digests, **job}))
        payload = {"job_id": job["job_id"], "payload": b"{}", "blind": bytes(32)}
        connection.execute(insert(old.tables["payloads"]).values(payload))
        followed = {"chain_id": "c", "height": 7, "block_id": b"b" * 32}
        connection.execute(insert(old.tables["chain"]).values(followed))

    _write_as_of("0001", url, fill)
    database = Database(url)
    expires_ms = await database.read(
        lambda c: c.execute(select(payloads.c.expires_ms)).scalar_one()
    )
    assert expires_ms == 1_000 + 7 * 86_400_000
    followed = await database.read(lambda c: c.execute(select(chain)).one())
    assert (followed.height, followed.block_id) == (7, bytes(32))
    database.close()


async def test_only_first_keys_of_an_older_database_may_send_units(place: Place) -> None:
    url = place.url(COORDINATOR)
    place.forget(COORDINATOR)
    usual = "client miner read"
    made = {
        "first": ("a", usual, 1, None),
        "second": ("a", usual, 2, None),
        "revoked": ("b", usual, 1, 3),
        "after it": ("b", usual, 2, None),
        "narrow": ("c", "read", 1, None),
        "operator": ("d", "admin read", 1, None),
    }

    def fill(connection: Connection, old: MetaData) -> None:
        clients, keys = old.tables["clients"], old.tables["api_keys"]
        for name in "abcd":
            client = {"client_id": name, "label": name, "created_ms": 1}
            connection.execute(insert(clients).values(**client, address=name.encode() * 20))
        for key_id, (client_id, scopes, created_ms, revoked_ms) in made.items():
            key = {"key_id": key_id, "client_id": client_id, "scopes": scopes, "label": ""}
            times = {"created_ms": created_ms, "revoked_ms": revoked_ms}
            connection.execute(insert(keys).values(**key, **times, digest=bytes(32)))

    _write_as_of("0007", url, fill)
    database = Database(url)
    statement = select(api_keys.c.key_id, api_keys.c.scopes)
    found = await database.read(lambda c: c.execute(statement).all())
    database.close()
    expected = {key_id: scopes for key_id, (_, scopes, _, _) in made.items()}
    now = {row.key_id: row.scopes for row in found}
    assert now == expected | {"first": f"{usual} wallet"}


def _write_as_of(revision: str, url: str, fill: Callable[[Connection, MetaData], None]) -> None:
    """Make a database as an older version left it."""
    store = Connections(url)
    store.claim()
    with store.writing() as connection:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        old = MetaData()
        old.reflect(connection)
        fill(connection, old)
    store.close()


async def test_a_newer_schema_is_refused_and_not_touched(place: Place) -> None:
    url = place.url(COORDINATOR)
    database = Database(url)
    await database.write(lambda c: c.execute(text("UPDATE alembic_version SET version_num='9999'")))
    database.close()
    with pytest.raises(DatabaseTooNew, match="9999"):
        Database(url)


async def test_one_failing_write_does_not_undo_its_neighbours(place: Place) -> None:
    database = Database(place.url(COORDINATOR))
    await database.write(_insert("taken"))
    names = ["a", "taken", "b", "taken", "c"]
    answers = await asyncio.gather(
        *(database.write(_insert(name)) for name in names), return_exceptions=True
    )
    assert [isinstance(answer, IntegrityError) for answer in answers] == [
        False,
        True,
        False,
        True,
        False,
    ]
    assert await _ids(database) == ["a", "b", "c", "taken"]
    database.close()


async def test_a_write_that_raises_leaves_nothing(place: Place) -> None:
    database = Database(place.url(COORDINATOR))

    def half(connection: Connection) -> None:
        _insert("half")(connection)
        raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        await database.write(half)
    assert await _ids(database) == []
    database.close()


async def test_a_write_is_done_although_its_caller_went_away(place: Place) -> None:
    database = Database(place.url(COORDINATOR))
    caller = asyncio.create_task(database.write(_insert("a")))
    await asyncio.sleep(0)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    await database.write(_insert("b"))
    assert await _ids(database) == ["a", "b"]
    database.close()


async def test_any_text_from_outside_can_be_kept_and_asked_for(place: Place) -> None:
    database = Database(place.url(COORDINATOR))
    label = "nul \x00, half \u0007, wide 🜁, quote ' \\ %s %(x)s ?"

    def keep(connection: Connection) -> None:
        row = {"client_id": "a", "label": label, "address": b"a", "created_ms": 0}
        connection.execute(insert(clients).values(row))

    await database.write(keep)
    kept = select(clients.c.label)
    found = await database.read(lambda c: c.execute(kept).scalar_one())
    assert found.replace("\N{REPLACEMENT CHARACTER}", "\x00") == label

    def matches(connection: Connection, asked: str) -> int:
        fits = clients.c.client_id.in_([*asked]) | (clients.c.label == asked)
        return len(connection.execute(select(clients).where(fits)).all())

    for asked, rows in (("\x00", 0), ("%", 0), ("x\x00", 0), ("\x00a", 1)):
        assert await database.read(partial(matches, asked=asked)) == rows
    database.close()


async def test_many_writes_are_all_there(place: Place) -> None:
    database = Database(place.url(COORDINATOR))
    names = [f"{n:04}" for n in range(300)]
    await asyncio.gather(*(database.write(_insert(name)) for name in names))
    assert await _ids(database) == names
    database.close()


async def test_a_write_to_a_closed_database_is_refused_and_waits_for_nothing(
    place: Place,
) -> None:
    database = Database(place.url(COORDINATOR))
    first = asyncio.ensure_future(database.write(_insert("a")))
    await asyncio.sleep(0)
    await asyncio.to_thread(database.close)
    assert await first == "a"
    with pytest.raises(DatabaseClosed):
        await database.write(_insert("b"))


async def test_when_a_commit_fails_every_writer_learns_it_and_nothing_is_written_after(
    postgresql: PostgresqlServer, server_places: NewPlace
) -> None:
    url = server_places().url(COORDINATOR)
    database = Database(url)
    await database.write(_insert("a"))
    watching = asyncio.create_task(database.until_failure())

    def end_session(connection: Connection) -> None:
        pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        postgresql.execute(f"SELECT pg_terminate_backend({pid}, 10000)")

    works = [_insert("b"), end_session, _insert("c")]
    answers = await asyncio.gather(*map(database.write, works), return_exceptions=True)
    assert all(isinstance(answer, Exception) for answer in answers)
    with pytest.raises(StoreFailed, match="connection lost"):
        await watching
    with pytest.raises(StoreFailed, match="connection lost"):
        await database.write(_insert("d"))
    assert await _ids(database) == ["a"]
    database.close()
    again = Database(url)
    assert await _ids(again) == ["a"]
    again.close()
