"""URLs of PostgreSQL: what may stand in one, and that a password is shown nowhere."""

import subprocess
import sys
import time
import traceback
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import make_url

from devnet.network.postgresql import PostgresqlServer
from ledger.store import ChainStore, StoreDriverMissing, StoreFailed, StoreUrlInvalid
from ledger.store.postgresql_url import PASSWORD_BYTES_MAX, read_target

SECRET = "zebra-42-crossing"


@pytest.mark.parametrize(
    ("url", "what"),
    [
        (f"postgresql://aitbc:{SECRET}@db/aitbc", "holds a password.*password_file"),
        (f"postgresql://aitbc@db/aitbc?password={SECRET}", "holds a password"),
        (f"postgresql://aitbc@db/aitbc?sslpassword={SECRET}", "'sslpassword' is no parameter"),
        (f"aitbc:{SECRET}@db/aitbc", "no database URL"),
        ("postgresql://db", "names no database"),
        ("postgresql+asyncpg://db/aitbc", r"asyncpg is not used; write postgresql://"),
        ("postgresql://db/aitbc?schema=Chain", "schema: has to be"),
        ("postgresql://db/aitbc?schema=pg_catalog", "schema: has to be"),
        ('postgresql://db/aitbc?schema=a"; DROP SCHEMA b; --', "schema: has to be"),
        ("postgresql://db/aitbc?schema=a&schema=b", "'schema' stands in .* more than once"),
        ("postgresql://db/aitbc?options=-csynchronous_commit=off", "'options' is no parameter"),
        ("postgresql://db/aitbc?password_file=relative", "password_file: has to be an absolute"),
    ],
)
def test_a_url_that_cannot_be_used_is_refused_with_the_reason_and_not_repeated(url, what):
    with pytest.raises(StoreUrlInvalid, match=what) as caught:
        ChainStore.open(url)
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_target_is_named_by_what_is_no_secret(tmp_path: Path):
    url = f"postgresql://aitbc@db:99/main?schema=chain&password_file={tmp_path}/p&sslmode=require"
    target = read_target(make_url(url))
    assert target.name == "PostgreSQL database main, schema chain, at db:99"
    assert target.url.query == {"sslmode": "require"}
    assert read_target(make_url("postgresql:///main")).name.endswith("at the local server")


@pytest.mark.parametrize(
    ("content", "mode", "what"),
    [
        (SECRET, 0o640, "others may read .*chmod 600"),
        ("", 0o600, "holds no password"),
        ("\n", 0o600, "holds no password"),
        (SECRET + "x" * PASSWORD_BYTES_MAX, 0o600, "holds no password"),
        ("\udcff", 0o600, "holds no password"),
    ],
)
def test_a_password_file_that_cannot_be_right_is_refused(tmp_path: Path, content, mode, what):
    path = tmp_path / "password"
    path.write_bytes(content.encode(errors="surrogateescape"))
    path.chmod(mode)
    with pytest.raises(StoreUrlInvalid, match=what) as caught:
        ChainStore.open(f"postgresql://aitbc@db/aitbc?password_file={path}")
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_missing_password_file_is_named(tmp_path: Path):
    with pytest.raises(StoreUrlInvalid, match="nothing cannot be read"):
        ChainStore.open(f"postgresql://aitbc@db/aitbc?password_file={tmp_path}/nothing")


@pytest.fixture
def guarded(postgresql: PostgresqlServer):
    """A database whose owner has to say a password; the query that names the server."""
    postgresql.execute(f"CREATE ROLE guard LOGIN PASSWORD '{SECRET}'", "CREATE DATABASE guarded")
    postgresql.execute("ALTER DATABASE guarded OWNER TO guard")
    rules = postgresql.data / "pg_hba.conf"
    before = rules.read_text()
    rules.write_text("local guarded guard scram-sha-256\n" + before)
    postgresql.execute("SELECT pg_reload_conf()")
    deadline = time.monotonic() + 30
    # The server reads its rules when it gets to it.
    while lets_in(postgresql, "guarded", "guard"):
        assert time.monotonic() < deadline
    yield postgresql.url("guarded").replace("aitbc@", "guard@")
    rules.write_text(before)
    postgresql.execute("SELECT pg_reload_conf()", "DROP DATABASE guarded WITH (FORCE)")
    postgresql.execute("DROP ROLE guard")


def lets_in(server: PostgresqlServer, database: str, user: str) -> bool:
    try:
        psycopg.connect(host=str(server.sockets), dbname=database, user=user).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_password_comes_from_a_private_file_and_is_read_at_each_connection(guarded, tmp_path):
    path = tmp_path / "password"
    path.write_text(f"{SECRET}\n")
    path.chmod(0o600)
    url = f"{guarded}&schema=chain&password_file={path}"
    store = ChainStore.open(url)
    shown = repr(vars(store._database._backend)) + repr(store._database._backend.writer.url)
    assert SECRET not in shown
    store.close()
    path.write_text("a wrong password")
    with pytest.raises(StoreFailed, match=r"cannot be reached .*password") as caught:
        ChainStore.open(url)
    text = "".join(traceback.format_exception(caught.value))
    assert "a wrong password" not in text


def test_libpqs_own_password_file_serves_as_well(guarded, tmp_path):
    path = tmp_path / "pgpass"
    path.write_text(f"*:*:guarded:guard:{SECRET}\n")
    path.chmod(0o600)
    ChainStore.open(f"{guarded}&schema=chain&passfile={path}").close()


def test_a_server_that_is_not_there_is_said_to_be_out_of_reach(tmp_path: Path):
    with pytest.raises(StoreFailed, match=r"cannot be reached .*start the server"):
        ChainStore.open(f"postgresql://aitbc@/aitbc?host={tmp_path}")


def test_a_database_that_is_not_there_is_said_to_be_missing(postgresql: PostgresqlServer):
    with pytest.raises(StoreFailed, match='"nowhere" does not exist'):
        ChainStore.open(postgresql.url("nowhere"))


def test_files_do_not_load_the_driver_and_without_it_a_server_is_refused(tmp_path: Path):
    code = f"""
import sys
from ledger.store import ChainStore, StoreDriverMissing
ChainStore.open("sqlite:///{tmp_path}/chain.db").close()
assert "psycopg" not in sys.modules
sys.modules["psycopg"] = None
try:
    ChainStore.open("postgresql:///aitbc")
except StoreDriverMissing as error:
    print(error.code, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(StoreDriverMissing.code)
    assert "pip install" in done.stdout
