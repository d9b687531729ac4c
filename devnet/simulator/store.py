"""Durable final blocks in memory: what a node's database keeps, without the database.

It stands for `ledger.store.ChainStore`. A commit is whole or not there, as the real one's is; the
real store is tested with real files, real crashes and a disk that loses writes elsewhere.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ledger.block import Block
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.outcomes import Outcome
from ledger.records import Table, state_key
from ledger.state import StateDelta
from ledger.store import EncodedBlock, EncodedProof, NewBlock, StoredBlock, StoredHead
from ledger.transaction import transaction_id_of_bytes
from ledger.types import Epoch, Hash, Height, TimestampMs


@dataclass(frozen=True, slots=True)
class EpochEnd:
    """Where an epoch ended."""

    epoch: Epoch
    """The epoch."""
    next_set: bytes
    """Canonical `ValidatorSet` that the next epoch changed to; empty if the set stayed."""


class MemoryStore:
    """One machine's database; outlives its processes."""

    def __init__(
        self, tags: Tags, block_id: Hash, genesis: Block, records: Mapping[bytes, bytes]
    ) -> None:
        """Hold block 0 and the records of state 0."""
        self.tags = tags
        self.records = dict(records)
        """The state after the head, canonical bytes by state key."""
        self.check_room: Callable[[], None] = lambda: None
        """Raises OSError where there is no room for a commit."""
        self.on_commit: Callable[[Block, Sequence[Outcome], StateDelta, bytes], None] = lambda *_: (
            None
        )
        """Is told of each commit, once it is durable."""
        self._epoch_ends: list[EpochEnd] = []
        self._heads = [StoredHead(0, block_id, genesis.header, b"")]
        self._blocks = [genesis]
        self._bytes: list[bytes] = [encode(genesis)]
        self._ids: list[tuple[Hash, ...]] = [()]
        self._outcomes: list[tuple[Outcome, ...]] = [()]

    @property
    def height(self) -> Height:
        """Height of the head."""
        return len(self._heads) - 1

    # ------------------------------------------------------------ what a node reads

    def head(self) -> StoredHead:
        """Return the newest durable block."""
        return self._heads[-1]

    def header_at(self, height: Height) -> StoredHead | None:
        """Return the header of a height, None above the head."""
        return self._heads[height] if height < len(self._heads) else None

    def epoch_end_before(self, epoch: Epoch) -> StoredHead | None:
        """Return the last block of the newest epoch before this one; None in the first."""
        ends = (head for head in reversed(self._heads) if any(head.header.next_validator_set_hash))
        return next((head for head in ends if head.header.epoch < epoch), None)

    def epoch_ends(self) -> list[EpochEnd]:
        """Return where each epoch ended, and to which set, oldest first."""
        return list(self._epoch_ends)

    def load_records(self) -> tuple[StoredHead, dict[bytes, bytes]]:
        """Return the head with the records of the state after it, by state key."""
        return self._heads[-1], dict(self.records)

    def recent_ids(self, now_ms: TimestampMs) -> list[tuple[Hash, TimestampMs]]:
        """Return (id, valid_until_ms) of the transactions that expire at this time or later."""
        return [
            (transaction_id, signed.transaction.valid_until_ms)
            for ids, block in zip(self._ids, self._blocks, strict=True)
            for transaction_id, signed in zip(ids, block.transactions, strict=True)
            if signed.transaction.valid_until_ms >= now_ms
        ]

    def final_blocks(self, after_height: Height, limit: int) -> list[StoredBlock]:
        """Return blocks after_height+1 …, in order, at most `limit`."""
        first = after_height + 1
        return [self._stored(at) for at in range(first, min(first + limit, len(self._heads)))]

    def encoded_blocks(
        self, after_height: Height, blocks_max: int, bytes_max: int
    ) -> list[EncodedBlock]:
        """Return blocks after_height+1 … as bytes, at most so many; the first whatever its size."""
        found: list[EncodedBlock] = []
        size = 0
        for height in range(after_height + 1, len(self._heads)):
            size += len(self._bytes[height])
            if len(found) == blocks_max or (found and size > bytes_max):
                break
            found.append(self._encoded(height))
        return found

    def encoded_headers(self, first: Height, last: Height) -> tuple[bytes, ...]:
        """Return the bytes of headers, in order."""
        return tuple(encode(head.header) for head in self._heads[first : last + 1])

    def next_certified(self, after_height: Height) -> Height | None:
        """Return the lowest height above one whose block has a certificate."""
        above = self._heads[after_height + 1 :]
        return next((head.height for head in above if head.certificate), None)

    def encoded_proof(self, after_height: Height, headers_max: int) -> EncodedProof | None:
        """Return headers after_height+1 … up to the first with a certificate; None beyond a max."""
        headers: list[bytes] = []
        for head in self._heads[after_height + 1 : after_height + 1 + headers_max]:
            headers.append(encode(head.header))
            if head.certificate:
                return EncodedProof(tuple(headers), head.certificate)
        return None

    def encoded_block(self, block_id: Hash) -> bytes | None:
        """Return the bytes of a durable block."""
        for height in range(self.height, -1, -1):
            if self._heads[height].block_id == block_id:
                return self._bytes[height]
        return None

    # ------------------------------------------------------------ what a node writes

    def commit_all(self, blocks: Sequence[NewBlock]) -> None:
        """Make final blocks durable, in order."""
        for new in blocks:
            self.commit(new.block_id, new.block, new.certificate, new.outcomes, dict(new.delta))

    def commit(
        self,
        block_id: Hash,
        block: Block,
        certificate: bytes,
        outcomes: Sequence[Outcome],
        delta: StateDelta,
    ) -> None:
        """Make the next final block durable; one that is there already changes nothing."""
        header = block.header
        if header.height <= self.height:
            assert self._heads[header.height].block_id == block_id, "another block is final here"
            return
        assert header.parent_id == self._heads[-1].block_id, "blocks become durable in order"
        self.check_room()
        data = [encode(signed) for signed in block.transactions]
        self._heads.append(StoredHead(header.height, block_id, header, certificate))
        self._blocks.append(block)
        self._bytes.append(encode(block))
        self._ids.append(tuple(transaction_id_of_bytes(self.tags, each) for each in data))
        self._outcomes.append(tuple(outcomes))
        for key, value in delta.items():
            if value is None:
                self.records.pop(key, None)
            else:
                self.records[key] = value
        if any(header.next_validator_set_hash):
            changed = delta.get(state_key(Table.VALIDATORS)) or b""
            self._epoch_ends.append(EpochEnd(header.epoch, changed))
        self.on_commit(block, outcomes, delta, certificate)

    @property
    def wants_checkpoint(self) -> bool:
        """Whether something is to be carried over: there is one copy of everything."""
        return False

    def checkpoint(self) -> bool:
        """Carry nothing over: there is one copy of everything."""
        return False

    # ------------------------------------------------------------ what checkers read

    def has(self, block_id: Hash) -> bool:
        """Return whether a block is durable here."""
        return any(head.block_id == block_id for head in reversed(self._heads))

    def proves(self, signature: bytes) -> bool:
        """Return whether a vote with this signature is in the certificate of a durable block."""
        return any(signature in head.certificate for head in reversed(self._heads))

    def ids_at(self, height: Height) -> Sequence[Hash]:
        """Return the ids of a durable block's transactions, in order."""
        return self._ids[height]

    def _encoded(self, height: Height) -> EncodedBlock:
        head = self._heads[height]
        ends = any(head.header.next_validator_set_hash)
        return EncodedBlock(data=self._bytes[height], certificate=head.certificate, ends_epoch=ends)

    def _stored(self, height: Height) -> StoredBlock:
        head, block = self._heads[height], self._blocks[height]
        return StoredBlock(
            height=height,
            block_id=head.block_id,
            header=head.header,
            transactions=block.transactions,
            signed=tuple(encode(signed) for signed in block.transactions),
            transaction_ids=self._ids[height],
            outcomes=self._outcomes[height],
            certificate=head.certificate,
        )
