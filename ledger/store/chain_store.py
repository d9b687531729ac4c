"""The durable chain: blocks, and the state that they lead to.

A commit is one transaction with one block row and one state-delta blob for each block, so its cost
does not grow with the state. The state table follows lazily (`checkpoint`), and is completed from
the deltas when the node starts (`load_records`).

One thread of one process writes (`initialise`, `adopt`, `commit`, `checkpoint`, `prune`); any
thread reads.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Final, Self

from sqlalchemy import insert

from ledger.block import ZERO_HASH, Block, block_id
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.outcomes import Outcome
from ledger.records import Table, state_key
from ledger.store.adoption import Middle, write_middle
from ledger.store.block_rows import block_values, encode_delta, transaction_ids
from ledger.store.bulk import Value
from ledger.store.chain_reader import ChainReader
from ledger.store.chain_tables import BLOCKS, CHAIN, DELTAS, EPOCH_ENDS
from ledger.store.engine import Database
from ledger.store.errors import (
    AlreadyInitialised,
    BlockConflict,
    BlockGap,
    GenesisMismatch,
    NotInitialised,
)
from ledger.store.recent_ids import ENTRY, forget_ids, ids_row, insert_ids
from ledger.store.schema import Schema, upgrade_schema
from ledger.store.state_table import SLICE_MAX, StateTable, write_first_state
from ledger.store.stored import EpochEnd, NewBlock, StoredHead
from ledger.store.summaries import Pruner
from ledger.types import Hash, Height

_VALIDATORS_KEY: Final = state_key(Table.VALIDATORS)

LOG_BYTES: Final = 4 * 1_048_576
"""Bytes in the database's log at which `checkpoint` copies it into the file. Else one commit of
many would do that, and what it holds would become final so much later."""

COMMIT_BYTES: Final = 40_960
"""What a commit takes in the log, whatever it holds: some ten pages. Like the next two, a guess
that need not be exact."""

CHANGE_BYTES: Final = 64
"""What a changed record takes in the log."""

SLICE_BYTES: Final = 1_048_576
"""What a slice of the state table or of pruning takes in the log."""

# Made once: SQLAlchemy then finds what it compiled of them without looking into them again.
_INSERT_BLOCKS: Final = insert(BLOCKS)
_INSERT_DELTAS: Final = insert(DELTAS)


class ChainStore(ChainReader):
    """Writes blocks, certificates and state of one chain into one database."""

    def __init__(self, database: Database) -> None:
        """Take over a database whose schema is up to date; `open` makes one from a URL."""
        super().__init__(database)
        self._state = StateTable(database)
        self._pruner = Pruner(database)
        self._first_kept: Callable[[], Height] = lambda: 0
        self._head = super().head()
        self._logged_bytes = 0

    @classmethod
    def open(cls, url: str) -> Self:
        """Open the store at a URL, ``sqlite:////var/lib/aitbc/chain.db`` or ``postgresql://…``.

        Makes the database if there is none (its folder must exist) and upgrades an older schema.

        Raises:
            StoreLocked: another process writes it.
            StoreUnusable: a subclass that says what to do.
        """
        database = Database(url, copies_log=True)
        try:
            upgrade_schema(database, Schema.CHAIN)
            return cls(database)
        except BaseException:
            database.close()
            raise

    def head(self) -> StoredHead | None:
        """Return the newest durable block; None before `initialise`."""
        return self._head

    def holds(self, tags: Tags) -> bool:
        """Return whether the chain of a genesis is stored; an empty store holds none.

        Raises:
            GenesisMismatch: the store was made from another genesis.
        """
        if self._tags is None:
            return False
        if self._tags.genesis_digest != tags.genesis_digest:
            raise GenesisMismatch(
                f"{self._database.name} holds the chain of genesis "
                f"{self._tags.genesis_digest.hex()}, not of {tags.genesis_digest.hex()}; "
                "name another file, or the genesis that it was made from"
            )
        return True

    def initialise(self, tags: Tags, genesis: Block, records: Mapping[bytes, bytes]) -> None:
        """Store block 0 and the records of state 0; does nothing if they are there already.

        Raises:
            GenesisMismatch: the store was made from another genesis.
        """
        if self.holds(tags):
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
            row = block_values(genesis_id, genesis.header, encode(genesis), b"", ())
            connection.execute(insert(BLOCKS).values(row))
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
        self._state.start_at(header.height)
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
        data, ids = encode(block), transaction_ids(self.tags, block)
        self.commit_all([NewBlock(block_id, block, certificate, outcomes, delta, data, ids)])

    def commit_all(self, blocks: Sequence[NewBlock]) -> None:
        """Make final blocks durable in one transaction: all of them, or where it fails, none.

        Args:
            blocks: in order of height; the rest is as for `commit`.
        """
        head, fresh = self._require_head(), list[NewBlock]()
        for new in blocks:
            header = new.block.header
            if not self._is_stored(new.block_id, header.height, header.parent_id, head):
                assert header.transaction_count == len(new.block.transactions)
                assert header.outcome_count == len(new.outcomes)
                head = StoredHead(header.height, new.block_id, header, new.certificate)
                fresh.append(new)
        if not fresh:
            return
        rows = [_block_row(new) for new in fresh]
        ends = [asdict(end) for new in fresh if (end := _epoch_end(new)) is not None]
        with self._database.writing() as connection:
            connection.execute(_INSERT_BLOCKS, rows)
            connection.execute(_INSERT_DELTAS, [_changes(new) for new in fresh])
            insert_ids(connection, (ids_row(new.block.header.height, new.ids) for new in fresh))
            if ends:
                connection.execute(insert(EPOCH_ENDS), ends)
        self._head = head
        for new in fresh:
            self._state.note(new.block.header.height, new.delta)
        self._pruner.note(len(fresh))
        self._logged_bytes += COMMIT_BYTES + sum(map(_size_of, fresh))

    @property
    def wants_checkpoint(self) -> bool:
        """Whether `checkpoint` has to be called before the next commit; for between commits.

        What waits for the state table is bounded if that is done (see `state_table`).
        """
        return (
            self._state.is_due
            or self._logged_bytes >= LOG_BYTES
            or self._pruner.is_due(self._first_needed(self._first_kept()))
        )

    def checkpoint(self, keys: int = SLICE_MAX, *, force: bool = False) -> bool:
        """Carry one bounded slice of the deltas over into the state table, and prune a slice.

        Call it between commits, while `wants_checkpoint`. It does nothing if nothing is due,
        unless `force` is set.

        Args:
            keys: most records to write.
            force: carry that many over although fewer are due, or none.

        Returns:
            Whether a slice was written, so that another call may have more to do.
        """
        checkpoint_height = self._state.checkpoint_height
        carried = self._state.carry(keys, force=force)
        if self._state.checkpoint_height != checkpoint_height:
            # Now and then is enough: a row too many costs its place.
            with self._database.writing() as connection:
                forget_ids(connection, self._require_head().header.timestamp_ms)
        below = self._first_needed(self._first_kept())
        has_pruned = self._pruner.is_due(below) and self._pruner.prune(self.tags, below) > 0
        self._logged_bytes += SLICE_BYTES * (carried + has_pruned)
        is_long = self._logged_bytes >= LOG_BYTES
        if is_long or (force and self._logged_bytes):
            self._logged_bytes = 0
            self._database.copy_log()
        return carried or has_pruned or is_long

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
        return self._pruner.prune(self.tags, self._first_needed(first_kept))

    def _first_needed(self, first_kept: Height) -> Height:
        """Return the lowest height that must stay whole: the head, and what has a delta, too."""
        head = 0 if self._head is None else self._head.height
        return min(first_kept, self._state.checkpoint_height + 1, head)

    def _require_head(self) -> StoredHead:
        if self._head is None:
            raise NotInitialised(f"{self._database.name} holds no genesis block yet")
        return self._head

    def _is_stored(self, block_id: Hash, height: Height, parent_id: Hash, head: StoredHead) -> bool:
        """Return whether the block is stored already; refuse one that cannot come next."""
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


def _block_row(new: NewBlock) -> dict[str, Value]:
    header = new.block.header
    return block_values(new.block_id, header, new.data, new.certificate, new.outcomes)


def _changes(new: NewBlock) -> dict[str, object]:
    """Return the row of what a block changes in the state."""
    height = new.block.header.height
    return {"height": height, "key_count": len(new.delta), "changes": encode_delta(new.delta)}


def _size_of(new: NewBlock) -> int:
    """Return about what a block takes in the log besides `COMMIT_BYTES`."""
    return len(new.data) + CHANGE_BYTES * len(new.delta) + ENTRY.size * len(new.ids)


def _epoch_end(new: NewBlock) -> EpochEnd | None:
    """Return what is kept of an epoch's last block; None for any other block."""
    header = new.block.header
    if header.next_validator_set_hash == ZERO_HASH:
        return None
    return EpochEnd(header.epoch, header.height, new.delta.get(_VALIDATORS_KEY) or b"")
