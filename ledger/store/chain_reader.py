"""Reading the durable chain: blocks, headers, proofs, and the state after the head.

Any thread may read, and any process: a reader asks the database each time, so it sees what another
process has committed. The one process that writes uses `ChainStore`, which is a reader as well.
"""

from collections.abc import Iterator
from typing import Final, Self

from sqlalchemy import ColumnElement, Connection, Select, select

from ledger.hashing import Tags
from ledger.store.block_rows import (
    BLOCK_COLUMNS,
    HEAD_COLUMNS,
    block_of,
    head_of,
)
from ledger.store.chain_tables import BLOCKS, CHAIN, EPOCH_ENDS
from ledger.store.columns import height_in_range, id_prefix
from ledger.store.encoded import (
    EncodedBlock,
    EncodedProof,
    encoded_block,
    encoded_blocks,
    encoded_headers,
    encoded_proof,
    next_certified,
)
from ledger.store.engine import Database
from ledger.store.errors import NotInitialised
from ledger.store.finality import StoredFinality, stored_finality
from ledger.store.recent_ids import read_ids
from ledger.store.schema import Schema, require_schema
from ledger.store.state_table import load_state
from ledger.store.stored import EpochEnd, StoredBlock, StoredHead
from ledger.store.summaries import (
    Summary,
    first_whole_height,
    summary_at,
    summary_head,
)
from ledger.types import Epoch, Hash, Height, TimestampMs

FETCH_BYTES_MAX: Final = 16 * 1_048_576
"""Bodies that `final_blocks` reads at once; it stops after the block that exceeds this."""

_ONE_BY_ONE: Final = {"yield_per": 1}

_HEADS: Final = select(*(BLOCKS.c[name] for name in HEAD_COLUMNS))
_BLOCKS: Final = select(*(BLOCKS.c[name] for name in BLOCK_COLUMNS))


class ChainReader:
    """Blocks, certificates and state of one chain, written by this process or by another."""

    def __init__(self, database: Database) -> None:
        """Take over a database whose schema is up to date; `open_to_read` makes one from a URL."""
        self._database = database
        self._tags = self._stored_tags()

    @classmethod
    def open_to_read(cls, url: str) -> Self:
        """Open a store that another process may be writing; nothing is made and nothing locked.

        Raises:
            StoreMissing: nobody has made it yet.
            StoreUnusable: a subclass that says what to do.
        """
        database = Database(url, create=False)
        try:
            require_schema(database, Schema.CHAIN)
            return cls(database)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    @property
    def tags(self) -> Tags:
        """Tags of the chain that is stored.

        Raises:
            NotInitialised: none is.
        """
        if self._tags is None:
            self._tags = self._stored_tags()
        if self._tags is None:
            raise NotInitialised(f"{self._database.name} holds no genesis block yet")
        return self._tags

    def head(self) -> StoredHead | None:
        """Return the newest durable block; None while there is no genesis block."""
        with self._database.reading() as connection:
            return _newest(connection)

    def load_records(self) -> tuple[StoredHead, dict[bytes, bytes]]:
        """Return the head and all records of the state after it.

        The caller builds the state from them and compares its root with the head's header: the
        store keeps bytes, and does not judge them.

        Raises:
            NotInitialised: there is no genesis block.
            StoreUnreadable: what leads from the checkpoint to the head is damaged.
        """
        with self._database.reading() as connection:
            head = _newest(connection)
            if head is None:
                raise NotInitialised(f"{self._database.name} holds no genesis block yet")
            return head, load_state(connection, self._database.name, head.height)

    def final_blocks(self, after_height: int, limit: int) -> list[StoredBlock]:
        """Return blocks after_height+1 …, in order: at most `limit`, fewer if they are large."""
        found: list[StoredBlock] = []
        size = 0
        query = _BLOCKS.where(BLOCKS.c.height > after_height).order_by(BLOCKS.c.height)
        with (
            self._database.reading() as connection,
            # One row at a time: the driver would otherwise fetch what the bound leaves out.
            connection.execute(query.limit(limit), execution_options=_ONE_BY_ONE) as rows,
        ):
            for row in rows:
                found.append(block_of(row, self.tags))
                size += len(row.body)
                if size > FETCH_BYTES_MAX:
                    break
        return found

    def block_at(self, height: Height) -> StoredBlock | None:
        """Return the block at a height."""
        if not height_in_range(height):
            return None
        return self._block(BLOCKS.c.height == height)

    def block_by_id(self, block_id: Hash) -> StoredBlock | None:
        """Return the block of an id."""
        return self._block(_has_id(block_id))

    def holds_block(self, block_id: Hash) -> bool:
        """Return whether the block of an id is stored whole, without reading its body."""
        with self._database.reading() as connection:
            found = connection.execute(select(BLOCKS.c.height).where(_has_id(block_id)))
            return found.first() is not None

    def encoded_blocks(
        self, after_height: Height, blocks_max: int, bytes_max: int
    ) -> list[EncodedBlock]:
        """Return the bytes of blocks after_height+1 …, in order; see `encoded.encoded_blocks`."""
        with self._database.reading() as connection:
            return encoded_blocks(connection, after_height, blocks_max, bytes_max)

    def encoded_proof(self, after_height: Height, headers_max: int) -> EncodedProof | None:
        """Return what proves the block of a height; see `encoded.encoded_proof`."""
        with self._database.reading() as connection:
            return encoded_proof(connection, after_height, headers_max)

    def encoded_headers(self, first: Height, last: Height) -> tuple[bytes, ...]:
        """Return the bytes of headers of blocks that are stored whole, in order."""
        with self._database.reading() as connection:
            return encoded_headers(connection, first, last)

    def finality(self, height: Height, headers_max: int) -> StoredFinality:
        """Return what made the block of a height final; see `finality.stored_finality`."""
        with self._database.reading() as connection:
            return stored_finality(connection, height, headers_max)

    def next_certified(self, after_height: Height) -> Height | None:
        """Return the lowest height above one whose block has a certificate of its own.

        Reads every row in between, though not their bodies: about a microsecond for each.
        """
        with self._database.reading() as connection:
            return next_certified(connection, after_height)

    def encoded_block(self, block_id: Hash) -> bytes | None:
        """Return the bytes of the block of an id."""
        with self._database.reading() as connection:
            return encoded_block(connection, block_id)

    def header_at(self, height: Height) -> StoredHead | None:
        """Return header and certificate at a height, without reading the body."""
        if not height_in_range(height):
            return None
        with self._database.reading() as connection:
            row = connection.execute(_HEADS.where(BLOCKS.c.height == height)).first()
            return summary_head(connection, height) if row is None else head_of(row)

    @property
    def first_height(self) -> Height:
        """Height of the oldest block that is stored whole; summaries are kept of those below."""
        with self._database.reading() as connection:
            return first_whole_height(connection)

    def epoch_end_before(self, epoch: Epoch) -> StoredHead | None:
        """Return the last block of the newest epoch before this one; None in the first (E3)."""
        earlier = select(EPOCH_ENDS.c.height).where(EPOCH_ENDS.c.epoch < epoch)
        with self._database.reading() as connection:
            newest = earlier.order_by(EPOCH_ENDS.c.epoch.desc()).limit(1)
            height = connection.execute(newest).scalar_one_or_none()
        return None if height is None else self.header_at(height)

    def epoch_ends(self, first: Epoch = 0) -> list[EpochEnd]:
        """Return where each epoch ended, oldest first; only from an epoch on, if one is given."""
        ends = select(EPOCH_ENDS).where(EPOCH_ENDS.c.epoch >= first)
        with self._database.reading() as connection:
            rows = connection.execute(ends.order_by(EPOCH_ENDS.c.epoch))
            return [EpochEnd(*row) for row in rows]

    def epoch_end(self, epoch: Epoch) -> EpochEnd | None:
        """Return where an epoch ended; None if it has not, or where that is not kept."""
        with self._database.reading() as connection:
            row = connection.execute(select(EPOCH_ENDS).where(EPOCH_ENDS.c.epoch == epoch)).first()
            return None if row is None else EpochEnd(*row)

    def has_epoch_ends(self, first: Epoch) -> bool:
        """Return whether the end of an epoch, or of a later one, is kept; one point read."""
        later = select(EPOCH_ENDS.c.epoch).where(EPOCH_ENDS.c.epoch >= first).limit(1)
        with self._database.reading() as connection:
            return connection.execute(later).first() is not None

    def summary_at(self, height: Height) -> Summary | None:
        """Return what is kept of a block that is not stored whole."""
        if not height_in_range(height):
            return None
        with self._database.reading() as connection:
            return summary_at(connection, height)

    def recent_ids(self, now_ms: TimestampMs) -> Iterator[tuple[Hash, TimestampMs]]:
        """Return (id, valid_until_ms) of transactions with valid_until_ms ≥ now_ms (T1).

        Args:
            now_ms: time of the head, or later; what is over by then is not kept.
        """
        with self._database.reading() as connection:
            return read_ids(connection, now_ms)

    def _block(self, condition: ColumnElement[bool]) -> StoredBlock | None:
        with self._database.reading() as connection:
            row = connection.execute(_BLOCKS.where(condition)).first()
            return None if row is None else block_of(row, self.tags)

    def _stored_tags(self) -> Tags | None:
        with self._database.reading() as connection:
            digest = connection.execute(select(CHAIN.c.genesis_digest)).scalar_one_or_none()
            return None if digest is None else Tags(digest)


def _has_id(block_id: Hash) -> ColumnElement[bool]:
    return (BLOCKS.c.id_prefix == id_prefix(block_id)) & (BLOCKS.c.block_id == block_id)


def _newest(connection: Connection) -> StoredHead | None:
    newest: Select[int, bytes, bytes, bytes] = _HEADS.order_by(BLOCKS.c.height.desc())
    row = connection.execute(newest.limit(1)).first()
    return None if row is None else head_of(row)
