"""The durable chain: blocks, and the state that they lead to.

A commit is one transaction with one block row and one state-delta blob, so its cost does not grow
with the state. The state table follows lazily (`checkpoint`), and is completed from the deltas
when the node starts (`load_records`).

One thread writes (`initialise`, `commit`, `checkpoint`); any thread reads.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Final, Self

from sqlalchemy import ColumnElement, Connection, Select, insert, select

from ledger.block import ZERO_HASH, Block, block_id
from ledger.hashing import Tags
from ledger.outcomes import Outcome
from ledger.params import HORIZON_MS_MAX
from ledger.records import Table, state_key
from ledger.store.adoption import Middle, write_middle
from ledger.store.block_rows import (
    BLOCK_COLUMNS,
    HEAD_COLUMNS,
    block_of,
    block_values,
    encode_delta,
    head_of,
    signed_transactions,
)
from ledger.store.chain_tables import BLOCKS, CHAIN, DELTAS, EPOCH_ENDS
from ledger.store.columns import height_in_range, id_prefix
from ledger.store.encoded import (
    EncodedBlock,
    EncodedProof,
    encoded_block,
    encoded_blocks,
    encoded_proof,
)
from ledger.store.engine import Database
from ledger.store.errors import (
    AlreadyInitialised,
    BlockConflict,
    BlockGap,
    GenesisMismatch,
    NotInitialised,
)
from ledger.store.schema import Schema, upgrade_schema
from ledger.store.state_table import StateTable, load_state, write_first_state
from ledger.store.stored import EpochEnd, StoredBlock, StoredHead
from ledger.store.summaries import (
    Pruner,
    Summary,
    ids_of,
    recent_leaves,
    summary_at,
    summary_head,
)
from ledger.transaction import CODEC, transaction_id_of_bytes
from ledger.types import DurationMs, Epoch, Hash, Height, TimestampMs

FETCH_BYTES_MAX: Final = 16 * 1_048_576
"""Bodies that `final_blocks` reads at once; it stops after the block that exceeds this."""

_ONE_BY_ONE: Final = {"yield_per": 1}

_VALIDATORS_KEY: Final = state_key(Table.VALIDATORS)

_HEADS: Final = select(*(BLOCKS.c[name] for name in HEAD_COLUMNS))
_BLOCKS: Final = select(*(BLOCKS.c[name] for name in BLOCK_COLUMNS))


class ChainStore:
    """Blocks, certificates and state of one chain in one database."""

    def __init__(self, database: Database) -> None:
        """Take over a database whose schema is up to date; `open` makes one from a URL."""
        self._database = database
        self._state = StateTable(database)
        self._pruner = Pruner(database)
        self._first_kept: Callable[[], Height] = lambda: 0
        self._tags: Tags | None = None
        self._head: StoredHead | None = None
        with database.reading() as connection:
            digest = connection.execute(select(CHAIN.c.genesis_digest)).scalar_one_or_none()
            if digest is not None:
                self._tags = Tags(digest)
                self._head = _newest(connection)

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the store at an SQLAlchemy URL such as ``sqlite:////var/lib/aitbc/chain.db``.

        Makes the database if there is none (its folder must exist) and upgrades an older schema.

        Raises:
            StoreUnusable: a subclass that says what to do.
        """
        database = Database(url)
        try:
            upgrade_schema(database, Schema.CHAIN)
            return cls(database)
        except BaseException:
            database.close()
            raise

    def close(self) -> None:
        """Give the connections back; nothing is pending, since a commit returns when durable."""
        self._database.close()

    @property
    def tags(self) -> Tags:
        """Tags of the chain that is stored.

        Raises:
            NotInitialised: none is.
        """
        if self._tags is None:
            raise NotInitialised(f"{self._database.name} holds no genesis block yet")
        return self._tags

    def head(self) -> StoredHead | None:
        """Return the newest durable block; None before `initialise`."""
        return self._head

    def initialise(self, tags: Tags, genesis: Block, records: Mapping[bytes, bytes]) -> None:
        """Store block 0 and the records of state 0; does nothing if they are there already.

        Raises:
            GenesisMismatch: the store was made from another genesis.
        """
        if self._tags is not None:
            if self._tags.genesis_digest != tags.genesis_digest:
                raise GenesisMismatch(
                    f"{self._database.name} holds the chain of genesis "
                    f"{self._tags.genesis_digest.hex()}, not of {tags.genesis_digest.hex()}; "
                    "name another file, or the genesis that it was made from"
                )
            return
        assert genesis.header.height == 0
        genesis_id = block_id(tags, genesis.header)
        with self._database.writing() as connection:
            chain_row = {
                "one": 1,
                "chain_id": genesis.header.chain_id,
                "genesis_digest": tags.genesis_digest,
                "checkpoint_height": 0,
            }
            connection.execute(insert(CHAIN).values(chain_row))
            connection.execute(insert(BLOCKS).values(block_values(genesis_id, genesis, b"", ())))
            write_first_state(connection, sorted(records.items()))
        self._tags = tags
        self._head = StoredHead(0, genesis_id, genesis.header, b"")

    def adopt(self, middle: Middle) -> None:
        """Fill an empty store from a snapshot; the caller has verified all of it (S9).

        Raises:
            AlreadyInitialised: the store holds a chain.
        """
        if self._tags is not None:
            raise AlreadyInitialised(
                f"{self._database.name} holds a chain already; a snapshot needs an empty folder"
            )
        with self._database.writing() as connection:
            write_middle(connection, middle)
        header = middle.block.header
        self._tags = middle.tags
        self._head = StoredHead(header.height, middle.block_id, header, middle.certificate)

    def commit(
        self,
        block_id: Hash,
        block: Block,
        certificate: bytes,
        outcomes: Sequence[Outcome],
        delta: Mapping[bytes, bytes | None],
    ) -> None:
        """Make a final block durable; on return it survives power loss.

        Committing a stored block again does nothing, so recovery may replay.

        Args:
            block_id: id of the block's header; computed by the caller, who needs it anyway.
            block: the block that the certificate finalizes.
            certificate: bytes that consensus understands; opaque here.
            outcomes: what applying it gave, as its header commits to them.
            delta: state key to canonical record bytes after the block, None where it was deleted.

        Raises:
            NotInitialised: there is no genesis block.
            BlockGap: it lies above the next height.
            BlockConflict: another block is final at its height, or its parent is not the head.
            StoreFailed: the database failed; stop, and recover by opening the store anew.
        """
        header = block.header
        if self._is_stored(block_id, header.height, header.parent_id):
            return
        assert header.transaction_count == len(block.transactions)
        assert header.outcome_count == len(outcomes)
        row = block_values(block_id, block, certificate, outcomes)
        changes = {"height": header.height, "key_count": len(delta), "changes": encode_delta(delta)}
        with self._database.writing() as connection:
            connection.execute(insert(BLOCKS), row)
            connection.execute(insert(DELTAS), changes)
            if header.next_validator_set_hash != ZERO_HASH:
                next_set = delta.get(_VALIDATORS_KEY) or b""
                end = EpochEnd(header.epoch, header.height, next_set)
                connection.execute(insert(EPOCH_ENDS), asdict(end))
        self._head = StoredHead(header.height, block_id, header, certificate)
        self._state.note(len(delta))

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

    def checkpoint(self, keys: int = 1_000, *, force: bool = False) -> bool:
        """Carry one bounded slice of the deltas over into the state table, and prune a slice.

        Call it between commits. It does nothing while few deltas wait, unless `force` is set.

        Args:
            keys: most records to write; 1,000 hold the writer for about 20 ms.
            force: begin although few deltas wait.

        Returns:
            Whether a slice was written, so that another call may have more to do.
        """
        has_pruned = self._pruner.prune_whole_slice(self._tags, self._first_kept())
        return self._state.carry(keys, force=force) or has_pruned

    def final_blocks(self, after_height: int, limit: int) -> list[StoredBlock]:
        """Return blocks after_height+1 …, in order: at most `limit`, fewer if they are large."""
        found: list[StoredBlock] = []
        size = 0
        query = _BLOCKS.where(BLOCKS.c.height > after_height).order_by(BLOCKS.c.height)
        with self._database.reading() as connection:
            # One row at a time: the driver would otherwise fetch what the bound leaves out.
            for row in connection.execute(query.limit(limit), execution_options=_ONE_BY_ONE):
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
        prefix = BLOCKS.c.id_prefix == id_prefix(block_id)
        return self._block(prefix & (BLOCKS.c.block_id == block_id))

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
        return self._pruner.first_height()

    def epoch_end_before(self, epoch: Epoch) -> StoredHead | None:
        """Return the last block of the newest epoch before this one; None in the first (E3)."""
        earlier = select(EPOCH_ENDS.c.height).where(EPOCH_ENDS.c.epoch < epoch)
        with self._database.reading() as connection:
            newest = earlier.order_by(EPOCH_ENDS.c.epoch.desc()).limit(1)
            height = connection.execute(newest).scalar_one_or_none()
        return None if height is None else self.header_at(height)

    def epoch_ends(self) -> list[EpochEnd]:
        """Return where each epoch ended, oldest first."""
        with self._database.reading() as connection:
            rows = connection.execute(select(EPOCH_ENDS).order_by(EPOCH_ENDS.c.epoch))
            return [EpochEnd(*row) for row in rows]

    def summary_at(self, height: Height) -> Summary | None:
        """Return what is kept of a block that is not stored whole."""
        if not height_in_range(height):
            return None
        with self._database.reading() as connection:
            return summary_at(connection, height)

    def prune_below(self, first_kept: Callable[[], Height]) -> None:
        """Have every `checkpoint` prune what lies below the height that is then returned.

        Args:
            first_kept: lowest height that must stay whole; asked by the writing thread.
        """
        self._first_kept = first_kept

    def prune(self, first_kept: Height) -> int:
        """Turn the oldest blocks below a height into summaries; see `summaries.Pruner`.

        Call it between commits, until it returns 0.
        """
        return self._pruner.prune(self.tags, first_kept)

    def recent_ids(
        self, now_ms: TimestampMs, horizon_ms: DurationMs = HORIZON_MS_MAX
    ) -> list[tuple[Hash, TimestampMs]]:
        """Return (id, valid_until_ms) of transactions with valid_until_ms ≥ now_ms (T1).

        Args:
            now_ms: time of the head.
            horizon_ms: greatest horizon that was in force in the last `horizon_ms`; no block that
                is older than this can hold a transaction that is still valid.
        """
        recent = []
        with self._database.reading() as connection:
            for body in _bodies_since(connection, now_ms - horizon_ms):
                for signed in signed_transactions(body):
                    valid_until_ms = CODEC.decode_trusted(signed).transaction.valid_until_ms
                    if valid_until_ms >= now_ms:
                        recent.append((transaction_id_of_bytes(self.tags, signed), valid_until_ms))
            for leaves in recent_leaves(connection, now_ms - horizon_ms):
                recent += [leaf for leaf in ids_of(leaves) if leaf[1] >= now_ms]
        return recent

    def _require_head(self) -> StoredHead:
        if self._head is None:
            raise NotInitialised(f"{self._database.name} holds no genesis block yet")
        return self._head

    def _is_stored(self, block_id: Hash, height: Height, parent_id: Hash) -> bool:
        """Return whether the block is stored already; refuse one that cannot come next."""
        head = self._require_head()
        if height > head.height + 1:
            raise BlockGap(f"block {height} cannot follow block {head.height}")
        if height <= head.height:
            stored = self.header_at(height)
            if stored is None or stored.block_id != block_id:
                kept = "an unknown block" if stored is None else stored.block_id.hex()
                raise BlockConflict(
                    f"block {block_id.hex()} contradicts {kept}, final at height {height}"
                )
            return True
        if parent_id != head.block_id:
            raise BlockConflict(
                f"block {height} has parent {parent_id.hex()}, but {head.block_id.hex()} is final"
            )
        return False

    def _block(self, condition: ColumnElement[bool]) -> StoredBlock | None:
        with self._database.reading() as connection:
            row = connection.execute(_BLOCKS.where(condition)).first()
            return None if row is None else block_of(row, self.tags)


def _newest(connection: Connection) -> StoredHead | None:
    newest: Select[int, bytes, bytes, bytes] = _HEADS.order_by(BLOCKS.c.height.desc())
    row = connection.execute(newest.limit(1)).first()
    return None if row is None else head_of(row)


def _bodies_since(connection: Connection, since_ms: int) -> Iterator[bytes]:
    """Yield the bodies of blocks not older than a time, newest first."""
    newest_first = select(BLOCKS.c.timestamp_ms, BLOCKS.c.body).order_by(BLOCKS.c.height.desc())
    for timestamp_ms, body in connection.execute(newest_first, execution_options=_ONE_BY_ONE):
        if timestamp_ms < since_ms:
            return
        yield body
