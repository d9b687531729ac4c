"""What is kept of blocks that are not stored whole (S11), and how it gets there.

A summary has the header, the leaves of the transaction tree, the outcomes, and every transaction
that is no transfer, so that a job, a receipt or a ballot of any age can still be proved: its path
follows from the leaves. A certificate is kept for the last block of each epoch, and for one block
of every 256, since a later finalization covers all blocks before it. A summary that came with a
snapshot lacks leaves or outcomes that nobody needs to continue from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
from sqlalchemy import Connection, delete, func, insert, select

from ledger.actions import Transfer
from ledger.block import HEADER_CODEC, ZERO_HASH, Header
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.merkle import transaction_leaf
from ledger.store.block_rows import BLOCK_COLUMNS, HEAD_COLUMNS, block_of, head_of
from ledger.store.bulk import Value
from ledger.store.chain_tables import BLOCKS, SUMMARIES
from ledger.store.columns import id_prefix
from ledger.store.engine import Database
from ledger.store.stored import StoredBlock, StoredHead
from ledger.types import Hash, Height

CERTIFICATE_EVERY: Final = 256
"""Heights of which one certificate is kept (S11)."""

LEAF_BYTES: Final = 72
"""id ‖ valid_until (8 bytes) ‖ SHA-256(signature), as the transaction tree's leaves are (T1)."""

SLICE_BLOCKS: Final = 64
"""Blocks that gather before a node prunes, and most that one transaction summarises."""

PART_BYTES: Final = 1_048_576
"""Bodies after which a transaction summarises no further block: two full blocks, some 30 ms."""

PRUNED_PER_COMMITTED: Final = 2
"""Large blocks pruned for each that is committed: it keeps up, and holds up no block for long."""

_ONE_BY_ONE: Final = {"yield_per": 1}

_KEPT: Final = msgspec.msgpack.Decoder(list[tuple[int, bytes]])

_SUMMARY_HEADS: Final = select(*(SUMMARIES.c[name] for name in HEAD_COLUMNS))


@dataclass(frozen=True, slots=True)
class Summary:
    """What is kept of a final block."""

    block_id: Hash
    """Id of the block."""
    header: Header
    """Its header."""
    certificate: bytes
    """Its finality certificate, empty where it was not kept or never existed."""
    leaves: bytes | None
    """Leaves of the transaction tree, `LEAF_BYTES` each; None if they are not held."""
    outcomes: bytes | None
    """Its outcome records, encoded as one array; None if they are not held."""
    kept: tuple[tuple[int, bytes], ...] = ()
    """(index, signed bytes) of its transactions that are no transfers."""

    def row(self) -> dict[str, Value]:
        """Return the table's row."""
        return {
            "height": self.header.height,
            "id_prefix": id_prefix(self.block_id),
            "timestamp_ms": self.header.timestamp_ms,
            "block_id": self.block_id,
            "header": encode(self.header),
            "certificate": self.certificate,
            "leaves": self.leaves,
            "outcomes": self.outcomes,
            "kept": encode(self.kept),
        }


def leaves_of(block: StoredBlock) -> bytes:
    """Return the leaves of a block's transaction tree, side by side."""
    return b"".join(
        transaction_leaf(each, signed.transaction.valid_until_ms, signed.signature)
        for each, signed in zip(block.transaction_ids, block.transactions, strict=True)
    )


def summary_head(connection: Connection, height: Height) -> StoredHead | None:
    """Return header and certificate of a summarised block."""
    row = connection.execute(_SUMMARY_HEADS.where(SUMMARIES.c.height == height)).first()
    return None if row is None else head_of(row)


def summary_at(connection: Connection, height: Height) -> Summary | None:
    """Return what is kept of the block at a height, if it is summarised."""
    row = connection.execute(select(SUMMARIES).where(SUMMARIES.c.height == height)).first()
    if row is None:
        return None
    return Summary(
        block_id=row.block_id,
        header=HEADER_CODEC.decode_trusted(row.header),
        certificate=row.certificate,
        leaves=row.leaves,
        outcomes=row.outcomes,
        kept=tuple(_KEPT.decode(row.kept)),
    )


def first_whole_height(connection: Connection) -> Height:
    """Return the height of the oldest block that is stored whole."""
    return int(connection.execute(select(func.min(BLOCKS.c.height))).scalar_one() or 0)


def insert_summaries(connection: Connection, summaries: Sequence[Summary]) -> None:
    """Write summaries of blocks that the store does not hold."""
    if summaries:
        connection.execute(insert(SUMMARIES), [summary.row() for summary in summaries])


class Pruner:
    """Turns the oldest whole blocks into summaries, and gives their space back.

    For the writing thread, between commits. Each call is one transaction; after a crash the next
    call goes on where the last one ended.
    """

    def __init__(self, database: Database) -> None:
        """Prune a database that `ChainStore` owns."""
        self._database = database
        self._first: Height | None = None
        self._is_under_way = False
        self._allowed = 0

    def note(self, blocks: int) -> None:
        """Note that blocks were committed, for which others may be pruned before the next are."""
        self._allowed = blocks * PRUNED_PER_COMMITTED

    def is_due(self, below: Height) -> bool:
        """Return whether there is something to prune now: once a whole slice has gathered, all.

        Args:
            below: lowest height that must stay whole, for whatever reason.
        """
        if below < SLICE_BLOCKS or not self._allowed:
            return False
        gathered = below - self._first_whole()
        self._is_under_way = gathered >= (1 if self._is_under_way else SLICE_BLOCKS)
        return self._is_under_way

    def prune(self, tags: Tags, below: Height) -> int:
        """Summarise the oldest blocks below a height: at most `SLICE_BLOCKS` and `PART_BYTES`.

        They are read and summarised before the transaction begins: nobody else writes them.

        Args:
            tags: tags of the chain.
            below: lowest height that must stay whole, for whatever reason.

        Returns:
            How many were summarised; 0 when nothing is left to do.
        """
        with self._database.reading() as connection:
            blocks = _oldest_below(connection, below, tags)
            if not blocks:
                return 0
            covered = _covered_windows(connection, blocks[0].height)
        summaries = [_summarise(block, covered) for block in blocks]
        with self._database.writing() as connection:
            insert_summaries(connection, summaries)
            connection.execute(delete(BLOCKS).where(BLOCKS.c.height <= blocks[-1].height))
        self._first = blocks[-1].height + 1
        self._allowed = max(0, self._allowed - len(blocks))
        self._database.give_space_back()
        return len(blocks)

    def _first_whole(self) -> Height:
        """Return the height of the oldest whole block; asked once, since only `prune` moves it."""
        if self._first is None:
            with self._database.reading() as connection:
                self._first = first_whole_height(connection)
        return self._first


def _oldest_below(connection: Connection, below: Height, tags: Tags) -> list[StoredBlock]:
    query = select(*(BLOCKS.c[name] for name in BLOCK_COLUMNS)).where(BLOCKS.c.height < below)
    found: list[StoredBlock] = []
    size = 0
    oldest_first = query.order_by(BLOCKS.c.height).limit(SLICE_BLOCKS)
    with connection.execute(oldest_first, execution_options=_ONE_BY_ONE) as rows:
        for row in rows:
            found.append(block_of(row, tags))
            size += len(row.body)
            if size >= PART_BYTES:
                break
    return found


def _covered_windows(connection: Connection, height: Height) -> set[int]:
    """Return the window of a height if a summary of it has a certificate already."""
    window = height // CERTIFICATE_EVERY
    inside = (SUMMARIES.c.height >= window * CERTIFICATE_EVERY) & (SUMMARIES.c.certificate != b"")
    found = connection.execute(select(SUMMARIES.c.height).where(inside).limit(1)).first()
    return set() if found is None else {window}


def _summarise(block: StoredBlock, covered: set[int]) -> Summary:
    """Return what is kept of a block; `covered` gets the window that its certificate covers."""
    window = block.height // CERTIFICATE_EVERY
    ends_epoch = block.header.next_validator_set_hash != ZERO_HASH
    certificate = block.certificate if ends_epoch or window not in covered else b""
    if certificate:
        covered.add(window)
    return Summary(
        block_id=block.block_id,
        header=block.header,
        certificate=certificate,
        leaves=leaves_of(block),
        outcomes=encode(block.outcomes),
        kept=tuple(
            (at, signed)
            for at, signed in enumerate(block.signed)
            if not isinstance(block.transactions[at].transaction.action, Transfer)
        ),
    )
