"""Schema versions: upgrades from every revision, refusal of what cannot be used."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from ledger.store import (
    ChainStore,
    IndexReader,
    SchemaTooNew,
    SchemaTooOld,
    StoreFailed,
    StoreMissing,
    StoreUnreadable,
    StoreUrlInvalid,
    WrongStore,
)
from ledger.store.block_rows import transaction_ids
from ledger.store.chain_tables import CHAIN_METADATA
from ledger.store.engine import Database
from ledger.store.index_tables import INDEX_METADATA
from ledger.store.schema import REVISIONS, Schema, alembic_config, upgrade_schema
from tests.databases import NewPlace, Place
from tests.store import frozen
from tests.store.chains import TAGS, Builder

METADATA = {Schema.CHAIN: CHAIN_METADATA, Schema.INDEX: INDEX_METADATA}
EVERY_REVISION = [(schema, revision) for schema in Schema for revision in REVISIONS[schema]]


def url_of(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.mark.parametrize(("schema", "revision"), EVERY_REVISION)
def test_a_database_of_any_revision_is_upgraded_to_the_tables_that_the_code_uses(
    place: Place, tmp_path: Path, schema: Schema, revision: str
):
    place.forget(schema)
    with closing(Database(place.url(schema))) as database:
        upgrade_schema(database, schema, revision)
        upgrade_schema(database, schema)
        with database.reading() as connection:
            context = MigrationContext.configure(connection)
            assert context.get_current_revision() == REVISIONS[schema][-1]
            assert compare_metadata(context, METADATA[schema]) == []
            made = statements(connection) if place.engine == "sqlite" else {}
    # What the comparison does not see: the tables' options.
    if made:
        assert made_directly(METADATA[schema], tmp_path) == {
            name: sql for name, sql in made.items() if "alembic" not in name
        }


def statements(connection: Connection) -> dict[str, str]:
    """What made each table and index, by its name."""
    rows = connection.exec_driver_sql("SELECT name, sql FROM sqlite_schema")
    # SQLite quotes the name of a table that a revision made anew and renamed.
    return {row.name: (row.sql or "").replace('"', "") for row in rows}


def made_directly(metadata, folder: Path) -> dict[str, str]:
    database = Database(url_of(folder / "direct.db"))
    with database.writing() as connection:
        metadata.create_all(connection)
        made = statements(connection)
    database.close()
    return made


@pytest.mark.parametrize("revision", REVISIONS[Schema.CHAIN])
def test_a_chain_that_any_revision_stored_is_upgraded_with_all_it_holds(
    tmp_path: Path, revision: str
):
    path = tmp_path / "chain.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((frozen.FOLDER / f"{revision}.sql").read_text())
    expected = frozen.frozen_chain().sealed
    with closing(ChainStore.open(url_of(path))) as store:
        stored = store.final_blocks(-1, 10)
        assert [(each.block_id, each.transactions, each.outcomes) for each in stored] == [
            (each.block_id, each.block.transactions, each.outcomes) for each in expected
        ]
        assert store.load_records() == (store.head(), {b"b": b"2", b"c": b"3"})
        ids = [pair for each in expected for pair in transaction_ids(TAGS, each.block)]
        head_ms = expected[-1].block.header.timestamp_ms
        assert sorted(store.recent_ids(head_ms)) == sorted(ids)
        store.initialise(TAGS, expected[0].block, frozen.RECORDS)


@pytest.mark.parametrize("schema", list(Schema))
def test_the_revisions_are_those_of_the_scripts_in_one_line_and_named_after_their_kind(schema):
    scripts = ScriptDirectory.from_config(alembic_config(schema))
    in_order = [script.revision for script in scripts.walk_revisions()][::-1]
    assert tuple(in_order) == REVISIONS[schema]
    assert in_order == [f"{schema}_{number:04}" for number in range(1, len(in_order) + 1)]
    assert scripts.get_heads() == in_order[-1:]


def test_opening_a_database_that_is_up_to_date_does_not_load_alembic(sqlite_places: NewPlace):
    place = sqlite_places()
    chain_url, index_url = place.url("chain"), place.url("index")
    code = f"""
import sys
from ledger.store import ChainStore, Indexer, IndexReader
store = ChainStore.open({chain_url!r})
Indexer(store, {index_url!r}).close()
IndexReader({index_url!r}).close()
store.close()
assert "alembic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def set_revision(url: str, revision: str) -> None:
    with closing(Database(url)) as database, database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE alembic_version SET version_num = '{revision}'")


def test_a_database_of_a_newer_program_is_refused_with_what_to_do(place: Place):
    chain_url, index_url = place.url("chain"), place.url("index")
    set_revision(chain_url, "chain_9999")
    set_revision(index_url, "index_9999")
    with pytest.raises(SchemaTooNew, match=r"chain.* has schema chain_9999.* run that version"):
        ChainStore.open(chain_url)
    with pytest.raises(SchemaTooNew, match="index_9999"):
        IndexReader(index_url)
    set_revision(chain_url, REVISIONS[Schema.CHAIN][-1])
    ChainStore.open(chain_url).close()


def test_a_reader_refuses_a_schema_that_its_writer_has_yet_to_upgrade(
    place: Place, monkeypatch: pytest.MonkeyPatch
):
    later = (*REVISIONS[Schema.INDEX], "index_9999")
    monkeypatch.setitem(REVISIONS, Schema.INDEX, later)
    with pytest.raises(SchemaTooOld, match="start the node once"):
        IndexReader(place.url("index"))


def test_the_other_kind_of_database_is_refused(place: Place):
    with pytest.raises(WrongStore, match="no chain database"):
        ChainStore.open(place.url("index"))
    with pytest.raises(WrongStore, match="no index database"):
        IndexReader(place.url("chain"))


def test_a_schema_of_another_program_is_refused_and_left_alone(server_places: NewPlace):
    url = server_places().url("notes")
    with closing(Database(url)) as database, database.writing() as connection:
        connection.exec_driver_sql("CREATE TABLE notes (text TEXT)")
    with pytest.raises(WrongStore, match="another program"):
        ChainStore.open(url)
    with closing(Database(url)) as database, database.reading() as connection:
        assert inspect(connection).get_table_names() == ["notes"]


def test_a_reader_of_a_schema_that_is_not_there_says_so_and_makes_nothing(
    server_places: NewPlace,
):
    place = server_places()
    place.forget("index")
    for _ in range(2):
        with pytest.raises(StoreMissing, match="does not exist"):
            IndexReader(place.url("index"))
    with closing(Database(place.url("index"))) as database:
        database.claim()
    with pytest.raises(StoreMissing, match="is empty"):
        IndexReader(place.url("index"))


def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path):
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE notes (text)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(WrongStore, match="another program"):
        ChainStore.open(url_of(path))
    assert path.read_bytes() == before


def test_a_file_that_is_no_database_is_refused(tmp_path: Path):
    path = tmp_path / "chain.db"
    path.write_bytes(b"not a database at all, but a note to myself" * 100)
    with pytest.raises(StoreUnreadable, match="cannot be read"):
        ChainStore.open(url_of(path))


def test_a_reader_of_what_is_not_there_says_so_and_makes_nothing(tmp_path: Path):
    path = tmp_path / "index.db"
    with pytest.raises(StoreMissing, match="does not exist"):
        IndexReader(url_of(path))
    assert not path.exists()
    path.touch()
    with pytest.raises(StoreMissing, match="is empty"):
        IndexReader(url_of(path))


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("not a url", "no database URL"),
        ("sqlite://", "file of its own"),
        ("sqlite:///:memory:", "file of its own"),
        ("sqlite:///file:chain?mode=memory&uri=true", "file of its own"),
        ("mysql://localhost/chain", "mysql is not supported"),
        ("sqlite:////nowhere/at/all/chain.db", "does not exist"),
    ],
)
def test_a_url_that_cannot_be_a_store_is_refused_with_the_reason(url: str, what: str):
    with pytest.raises(StoreUrlInvalid, match=what):
        ChainStore.open(url)


def test_a_path_with_percent_signs_and_spaces_is_a_path(tmp_path: Path):
    folder = tmp_path / "100% of it, %(here)s"
    folder.mkdir()
    store = ChainStore.open(url_of(folder / "chain.db"))
    store.initialise(TAGS, Builder().sealed[0].block, {})
    store.close()
    assert (folder / "chain.db").exists()


def test_the_writer_syncs_at_each_commit_and_readers_cannot_write(tmp_path: Path):
    database = Database(url_of(tmp_path / "some.db"))
    with database.writing() as connection:
        settings = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "trusted_schema")
        }
        assert settings == {
            "journal_mode": "wal",
            "synchronous": 2,
            "foreign_keys": 1,
            "trusted_schema": 0,
        }
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")
    with database.reading() as connection:
        assert connection.exec_driver_sql("PRAGMA query_only").scalar() == 1
    database.close()


def test_a_reader_that_gets_no_connection_in_time_fails_with_the_stores_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("ledger.store.sqlite_engine.READERS_MAX", 1)
    monkeypatch.setattr("ledger.store.sqlite_engine.BUSY_TIMEOUT_S", 0.01)
    database = Database(url_of(tmp_path / "some.db"))
    with (
        database.reading(),
        pytest.raises(StoreFailed, match="in use"),
        database.reading(),
    ):
        pass
    database.close()
