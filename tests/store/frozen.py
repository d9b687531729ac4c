"""A chain database as each schema revision stored it, kept as SQL in `frozen/`.

A revision's file is written once, while the revision is the newest, and then stays: it is what an
upgrade meets. `python -m tests.store.frozen` writes that of the newest revision; a change of the
wire formats before the first release is the only reason to write it again.
"""

import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from ledger.store import ChainStore
from ledger.store.schema import REVISIONS, Schema
from tests.store.chains import CLIENT, MINERS, OTHER, TAGS, Builder

FOLDER = Path(__file__).parent / "frozen"
RECORDS = {b"a": b"1", b"b": b"2"}


def frozen_chain() -> Builder:
    """The chain that every file holds."""
    builder = Builder()
    builder.register(MINERS[0], "gpu")
    job = builder.submit()
    builder.seal({b"c": b"3"})
    job.assign(MINERS[0])
    builder.transfer(CLIENT, OTHER.address, 5)
    builder.seal({b"a": None})
    return builder


def write() -> Path:
    """Store the chain, its first delta in the state table already, and dump the database."""
    chain = frozen_chain().sealed
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "chain.db"
        with closing(ChainStore.open(f"sqlite:///{path}")) as store:
            store.initialise(TAGS, chain[0].block, RECORDS)
            chain[1].commit_to(store)
            store.checkpoint(force=True)
            chain[2].commit_to(store)
        with closing(sqlite3.connect(path)) as connection:
            dump = "\n".join(connection.iterdump()) + "\n"
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{REVISIONS[Schema.CHAIN][-1]}.sql"
    file.write_text(dump, encoding="utf-8")
    return file


if __name__ == "__main__":
    print(write())  # noqa: T201 - the command's answer
