"""Making a snapshot of a final block from the store and a state."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from consensus import CERTIFICATE_CODEC, Certificate
from consensus.finality import EpochBoundary
from ledger.block import Block
from ledger.codec import Codec, encode
from ledger.params import HORIZON_MS_MAX
from ledger.records import ValidatorSet
from ledger.state_chunks import StateChunk, chunk_digest, split_state
from ledger.store import ChainStore, StoredBlock
from ledger.store.summaries import leaves_of
from ledger.types import Epoch, Hash, Height
from node.durable import sync_folder
from node.snapshots.errors import SnapshotImpossible
from node.snapshots.format import (
    FORMAT_VERSION,
    MANIFEST_NAME,
    RECENT_PART_BYTES,
    Manifest,
    RecentBlock,
    RecentBlocks,
    chunk_name,
    recent_name,
)

_SET_CODEC = Codec(ValidatorSet, 65_536, "validator set")


class SnapshotWriter:
    """Writes snapshots of one chain; for a thread of its own."""

    def __init__(self, store: ChainStore, genesis_set: ValidatorSet, buckets: int) -> None:
        """Prepare.

        Args:
            store: the durable chain; only read.
            genesis_set: the validators that the genesis names.
            buckets: size of the state tree.
        """
        self._store = store
        self._genesis_set = genesis_set
        self._buckets = buckets

    def write(self, height: Height, records: Mapping[bytes, bytes], folder: Path) -> None:
        """Write the snapshot of a final block; the folder appears whole or not at all.

        Args:
            height: a final block with a finalization of its own.
            records: canonical records of the state after it.
            folder: must not exist; its parent must.

        Raises:
            SnapshotImpossible: only a later block's finalization covers this one.
            OSError: the folder cannot be written.
        """
        block = self._store.block_at(height)
        assert block is not None, "a snapshot is of a block that is stored whole"
        if not block.certificate:
            raise SnapshotImpossible(
                f"block {height} was made final by a later block's certificate; "
                "let the chain grow by a block and try again"
            )
        draft = folder.with_name(f".{folder.name}.draft")
        _empty(draft)
        digests = [self._write_chunk(draft, chunk, n) for n, chunk in self._chunks(records)]
        recent = [self._write_recent(draft, part) for part in self._recent_parts(block)]
        _write(draft / MANIFEST_NAME, encode(self._manifest(block, digests, len(recent))))
        sync_folder(draft)
        draft.rename(folder)
        sync_folder(folder.parent)

    def _chunks(self, records: Mapping[bytes, bytes]) -> Iterator[tuple[int, StateChunk]]:
        chunks = list(split_state(records, self._buckets))
        return ((len(chunks), chunk) for chunk in chunks)

    def _write_chunk(self, folder: Path, chunk: StateChunk, count: int) -> Hash:
        _write(folder / chunk_name(chunk.number), encode(chunk))
        return chunk_digest(chunk, count, self._buckets)

    def _write_recent(self, folder: Path, part: RecentBlocks) -> int:
        _write(folder / recent_name(part.number), encode(part))
        return part.number

    def _manifest(self, block: StoredBlock, digests: Sequence[Hash], recent: int) -> Manifest:
        return Manifest(
            version=FORMAT_VERSION,
            chain_id=block.header.chain_id,
            genesis_digest=self._store.tags.genesis_digest,
            head=Block(block.header, block.transactions),
            certificate=_certificate(block.certificate),
            outcomes=block.outcomes,
            boundaries=tuple(self._boundaries(block.header.epoch)),
            chunks=tuple(digests),
            recent_parts=recent,
        )

    def _boundaries(self, before: Epoch) -> Iterator[EpochBoundary]:
        """Yield the ends of epochs at which the set changed, and that of the newest epoch."""
        current = self._genesis_set
        ends = [end for end in self._store.epoch_ends() if end.epoch < before]
        for end in ends:
            if end.next_set:
                current = _SET_CODEC.decode_trusted(end.next_set)
            if end.next_set or end is ends[-1]:
                head = self._store.header_at(end.height)
                assert head is not None, "the ends of epochs are never forgotten"
                yield EpochBoundary(head.header, _certificate(head.certificate), current)

    def _recent_parts(self, head: StoredBlock) -> Iterator[RecentBlocks]:
        number, size = 0, 0
        blocks: list[RecentBlock] = []
        for block in self._recent(head):
            blocks.append(block)
            size += 512 + len(block.leaves)
            if size >= RECENT_PART_BYTES:
                yield RecentBlocks(number, tuple(blocks))
                number, size, blocks = number + 1, 0, []
        if blocks:
            yield RecentBlocks(number, tuple(blocks))

    def _recent(self, head: StoredBlock) -> Iterator[RecentBlock]:
        """Yield the blocks of the last horizon before the head, newest first, without block 0.

        The last one is older: it shows that none is left out.
        """
        since_ms = head.header.timestamp_ms - HORIZON_MS_MAX
        for height in range(head.height - 1, 0, -1):
            block = self._recent_block(height)
            yield block
            if block.header.timestamp_ms < since_ms:
                return

    def _recent_block(self, height: Height) -> RecentBlock:
        whole = self._store.block_at(height)
        if whole is not None:
            return RecentBlock(whole.header, leaves_of(whole))
        summary = self._store.summary_at(height)
        assert summary is not None, "the blocks of the last horizon are never forgotten"
        assert summary.leaves is not None, "the leaves of the last horizon are never forgotten"
        return RecentBlock(summary.header, summary.leaves)


def _certificate(data: bytes) -> Certificate:
    return CERTIFICATE_CODEC.decode_trusted(data)


def _empty(folder: Path) -> None:
    """Make a folder, or empty the one that an interrupted run left."""
    folder.mkdir(mode=0o755, exist_ok=True)
    for left in folder.iterdir():
        left.unlink()


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
