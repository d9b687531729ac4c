"""Lies in a node's database: rows of its own SQLite files, changed while it runs."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from msgspec.structs import replace

from ledger.actions import Transfer
from ledger.block import HEADER_CODEC, ZERO_HASH
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.merkle import merkle_root, transaction_leaf
from ledger.transaction import SignedTransaction, transaction_id

FALSE_AMOUNT: Final = 7
"""Nait of the transfers that lies are about; clients send other amounts."""

DATABASE_PATIENCE_S: Final = 30.0
"""How long an alteration waits for the node's own writing."""

_BODY: Final = msgspec.msgpack.Decoder(tuple[SignedTransaction, ...])


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a check of a proof ended."""

    step: str
    """Step that failed; empty if all passed."""
    code: str
    """Why."""


HOLDS: Final = Verdict("", "")


@dataclass(frozen=True, slots=True)
class Row:
    """A final block as the node's database has it, and a transfer in it."""

    height: int
    header: bytes
    certificate: bytes
    body: bytes
    transfer: bytes
    """Id of the transfer."""

    def index_in(self, tags: Tags, body: tuple[SignedTransaction, ...]) -> int:
        """Return where the transfer is."""
        ids = [transaction_id(tags, signed.transaction) for signed in body]
        return ids.index(self.transfer)


@dataclass(frozen=True, slots=True)
class Altered:
    """What a lie puts in the place of a row."""

    header: bytes
    certificate: bytes
    body: bytes
    shown: bytes | None = None
    """Signed bytes for the index, which pages are made of; None leaves them."""


@dataclass(frozen=True, slots=True)
class Lie:
    """One way to alter a database."""

    what: str
    """In words."""
    alter: Callable[[Tags, Row], Altered]
    """What it does."""
    found: Verdict
    """Where the checkers of proofs have to find it out."""
    on_page: Verdict | None = None
    """Where the page's own check has to, if elsewhere."""
    is_shown: bool = True
    """Whether the page shows the false amount."""

    @property
    def found_on_page(self) -> Verdict:
        """Where the page's own check has to find it out."""
        return self.on_page or self.found


def _lower_amount(tags: Tags, row: Row) -> Altered:
    """Let the transfer be of another amount."""
    body, signed = _with_false_amount(tags, row)
    return Altered(row.header, row.certificate, encode(body), encode(signed))


def _lower_amount_and_root(tags: Tags, row: Row) -> Altered:
    """Let the header commit to the false amount, too."""
    body, signed = _with_false_amount(tags, row)
    leaves = [
        transaction_leaf(
            transaction_id(tags, each.transaction), each.transaction.valid_until_ms, each.signature
        )
        for each in body
    ]
    header = replace(HEADER_CODEC.decode(row.header), transaction_root=merkle_root(leaves))
    return Altered(encode(header), row.certificate, encode(body), encode(signed))


def _flip_signature(_tags: Tags, row: Row) -> Altered:
    """Change the last validator's signature."""
    certificate = row.certificate[:-40] + bytes((row.certificate[-40] ^ 1,)) + row.certificate[-39:]
    return Altered(row.header, certificate, row.body)


def _false_amount_on_pages(tags: Tags, row: Row) -> Altered:
    """Leave the chain as it is, and let the index that pages are made of say another amount."""
    _, signed = _with_false_amount(tags, row)
    return Altered(row.header, row.certificate, row.body, encode(signed))


LIES: Final = (
    Lie(
        "a transfer's amount is altered", _lower_amount, Verdict("inclusion", "INCLUSION_MISMATCH")
    ),
    Lie(
        "an amount and the root in the header are altered",
        _lower_amount_and_root,
        Verdict("certificate", "CERTIFICATE_OTHER_BLOCK"),
    ),
    Lie(
        "a validator's signature is altered",
        _flip_signature,
        Verdict("certificate", "SIGNATURE_INVALID"),
        is_shown=False,
    ),
    Lie(
        "an amount is altered in the index alone",
        _false_amount_on_pages,
        HOLDS,
        on_page=Verdict("shown", "OTHER_VALUES"),
    ),
)
"""In the order in which they are told."""


def _with_false_amount(
    tags: Tags, row: Row
) -> tuple[tuple[SignedTransaction, ...], SignedTransaction]:
    body = _BODY.decode(row.body)
    index = row.index_in(tags, body)
    action = body[index].transaction.action
    assert isinstance(action, Transfer), "clients send transfers"
    changed = replace(action, amount=FALSE_AMOUNT)
    signed = replace(body[index], transaction=replace(body[index].transaction, action=changed))
    return (*body[:index], signed, *body[index + 1 :]), signed


def choose_row(data: Path, candidates: Sequence[tuple[bytes, int]]) -> Row | None:
    """Return the first transfer whose row is fit for a lie; None if none is.

    Args:
        data: the node's folder.
        candidates: transfers with the heights of their blocks.
    """
    rows = (_read(data, height, transfer) for transfer, height in candidates)
    return next((row for row in rows if row is not None), None)


def _read(data: Path, height: int, transfer: bytes) -> Row | None:
    """Return a block's row if it is certified and inside its epoch, and the index has it."""
    query = "select header, certificate, body from blocks where height = ?"
    with closing(_connect(data / "chain.db")) as chain:
        found = chain.execute(query, (height,)).fetchone()
    if found is None or not found[1]:
        return None
    header, certificate, body = found
    if HEADER_CODEC.decode(header).next_validator_set_hash != ZERO_HASH:
        return None
    row = Row(height, header, certificate, body, transfer)
    return row if _is_indexed(data, transfer) else None


def _is_indexed(data: Path, transfer: bytes) -> bool:
    with closing(_connect(data / "index.db")) as index:
        return any(
            # The table's name is the database's own.
            index.execute(
                f"select 1 from {table} where transaction_id = ?",  # noqa: S608
                (transfer,),
            ).fetchone()
            for table in _transaction_tables(index)
        )


def write_row(data: Path, row: Row, altered: Altered) -> None:
    """Put what a lie says in the place of the truth, in the chain and in the index.

    Args:
        data: the node's folder.
        row: the truth.
        altered: what the lie says.
    """
    update = "update blocks set header = ?, certificate = ?, body = ? where height = ?"
    values = (altered.header, altered.certificate, altered.body, row.height)
    with closing(_connect(data / "chain.db")) as chain, chain:
        chain.execute(update, values)
    if altered.shown is None:
        return
    with closing(_connect(data / "index.db")) as index, index:
        for table in _transaction_tables(index):
            index.execute(
                f"update {table} set signed = ? where transaction_id = ?",  # noqa: S608
                (altered.shown, row.transfer),
            )


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=DATABASE_PATIENCE_S)


def _transaction_tables(index: sqlite3.Connection) -> Iterator[str]:
    """Yield the index's tables of transactions: one for each partition."""
    names = (
        "select name from sqlite_master where type = 'table' and name glob 'transactions_[0-9]*'"
    )
    for (name,) in index.execute(names).fetchall():
        yield name
