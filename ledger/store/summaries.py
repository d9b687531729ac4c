"""What is kept of blocks that are not stored whole (S11), and how it gets there.

A summary has the header, the leaves of the transaction tree, the outcomes, and every transaction
that is no transfer, so that a job, a receipt or a ballot of any age can still be proved: its path
follows from the leaves. A certificate is kept for the last block of each epoch, and for one block
of every 256, since a later finalization covers all blocks before it. A summary that came with a
snapshot lacks leaves or outcomes that nobody needs to continue from there.
"""

from collections.abc import Iterator, Sequence
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
from ledger.store.chain_tables import BLOCKS, CHAIN, SUMMARIES
from ledger.store.columns import id_prefix
from ledger.store.engine import Database
from ledger.store.stored import StoredBlock, StoredHead
from ledger.types import Hash, Height, TimestampMs

CERTIFICATE_EVERY: Final = 256
"""Heights of which one certificate is kept (S11)."""

LEAF_BYTES: Final = 72
"""id ‖ valid_until (8 bytes) ‖ SHA-256(signature), as the transaction tree's leaves are (T1)."""

SLICE_BLOCKS: Final = 64
"""Most blocks that one transaction summarises; bounds how long the writer is held."""

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


def ids_of(leaves: bytes) -> Iterator[tuple[Hash, TimestampMs]]:
    """Yield (id, valid_until_ms) of each leaf."""
    for at in range(0, len(leaves), LEAF_BYTES):
        yield leaves[at : at + 32], int.from_bytes(leaves[at + 32 : at + 40], "big")


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


def recent_leaves(connection: Connection, since_ms: TimestampMs) -> Iterator[bytes]:
    """Yield the leaves of summarised blocks not older than a time, newest first."""
    newest_first = select(SUMMARIES.c.leaves, SUMMARIES.c.timestamp_ms).order_by(
        SUMMARIES.c.height.desc()
    )
    with connection.execute(newest_first, execution_options=_ONE_BY_ONE) as rows:
        for leaves, timestamp_ms in rows:
            if timestamp_ms < since_ms:
                return
            if leaves:
                yield leaves


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

    def prune_whole_slice(self, tags: Tags | None, first_kept: Height) -> bool:
        """Prune once a whole slice has gathered below a height; return whether it did.

        Most calls find nothing to do, and cost a read only; none, if `first_kept` is 0.
        """
        if tags is None or first_kept < SLICE_BLOCKS:
            return False
        with self._database.reading() as connection:
            first = first_whole_height(connection)
        if first_kept < first + SLICE_BLOCKS:
            return False
        return self.prune(tags, first_kept) > 0

    def prune(self, tags: Tags, first_kept: Height) -> int:
        """Summarise the oldest blocks below a height, at most `SLICE_BLOCKS` of them.

        What the state table still needs the deltas of stays whole, and so does the head.

        Args:
            tags: tags of the chain.
            first_kept: lowest height that must stay whole.

        Returns:
            How many were summarised; 0 when nothing is left to do.
        """
        with self._database.writing() as connection:
            blocks = _oldest_below(connection, first_kept, tags)
            if blocks:
                covered = _covered_windows(connection, blocks[0].height)
                insert_summaries(connection, [_summarise(block, covered) for block in blocks])
                connection.execute(delete(BLOCKS).where(BLOCKS.c.height <= blocks[-1].height))
        if blocks:
            self._database.give_space_back()
        return len(blocks)


def _oldest_below(connection: Connection, first_kept: Height, tags: Tags) -> list[StoredBlock]:
    checkpoint = connection.execute(select(CHAIN.c.checkpoint_height)).scalar_one()
    head = connection.execute(select(func.max(BLOCKS.c.height))).scalar_one()
    below = min(first_kept, checkpoint + 1, head)
    query = select(*(BLOCKS.c[name] for name in BLOCK_COLUMNS)).where(BLOCKS.c.height < below)
    rows = connection.execute(query.order_by(BLOCKS.c.height).limit(SLICE_BLOCKS)).all()
    return [block_of(row, tags) for row in rows]


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
