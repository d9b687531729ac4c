"""A chain for the index benchmark: blocks of transfers between many accounts, made when asked for.

Ids, links and both roots are those that the indexer computes again, so a block of this chain costs
it what a real one does; signatures are random bytes, because the indexer does not verify them.
"""

import random
from typing import Final

from ledger.actions import Transfer
from ledger.block import ZERO_HASH, Header, block_id
from ledger.codec import encode
from ledger.hashing import Tags, chain_id_of, sha256
from ledger.merkle import merkle_root, transaction_leaf
from ledger.params import HEADER_VERSION, TRANSACTION_VERSION
from ledger.store import StoredBlock, StoredHead
from ledger.store.block_rows import block_of
from ledger.transaction import SignedTransaction, Transaction, transaction_id
from ledger.types import Hash, Height

GENESIS_MS: Final = 1_700_000_000_000
BLOCK_MS: Final = 250
FEE: Final = 10_000

HEADS_KEPT: Final = 10_000
"""Headers that stay in memory."""

_NONE: Final = encode(())


class TransferChain:
    """Final blocks of transfers, as the block store would give them."""

    def __init__(self, accounts: int, block_transactions: int, seed: int = 1) -> None:
        """Begin before genesis.

        Args:
            accounts: senders and receivers, chosen evenly.
            block_transactions: transfers of a block.
            seed: of everything random.
        """
        self.tags = Tags(sha256(b"bench/index"))
        self._chain_id = chain_id_of("bench", self.tags.genesis_digest)
        self._chance = random.Random(seed)
        self._keys = [self._chance.randbytes(32) for _ in range(accounts)]
        self._count = block_transactions
        self._rows: dict[Height, tuple[int, bytes, bytes, bytes, bytes, bytes]] = {}
        self._heads: dict[Height, StoredHead] = {}
        self._oldest = 0
        self._newest = -1
        self._parent_id: Hash = ZERO_HASH

    def grow(self, blocks: int) -> list[Hash]:
        """Add blocks to the chain; return the id of the first transaction of each."""
        return [self._make(self._newest + 1) for _ in range(blocks)]

    def account(self, chance: random.Random) -> bytes:
        """Return the public key of some account."""
        return chance.choice(self._keys)

    def final_blocks(self, after_height: Height, limit: int) -> list[StoredBlock]:
        """Return the next blocks; to decode them is part of what is measured."""
        while self._oldest <= after_height:
            self._rows.pop(self._oldest)
            self._oldest += 1
        last = min(self._newest, after_height + limit)
        return [
            # A row of the database unpacks as a tuple does.
            block_of(self._rows[height], self.tags)  # type: ignore[arg-type]
            for height in range(after_height + 1, last + 1)
        ]

    def header_at(self, height: Height) -> StoredHead | None:
        """Return a recent head; the indexer asks for the one at its cursor."""
        return self._heads.get(height)

    def load_records(self) -> tuple[StoredHead, dict[bytes, bytes]]:
        """Return the head and no records; only an index that begins late asks."""
        return self._heads[self._newest], {}

    def _make(self, height: Height) -> Hash:
        """Make the next block, genesis with a transfer as well; return the first one's id."""
        timestamp_ms = GENESIS_MS + height * BLOCK_MS
        body = [self._transfer(timestamp_ms) for _ in range(self._count if height else 1)]
        ids = [transaction_id(self.tags, each.transaction) for each in body]
        leaves = [
            transaction_leaf(each_id, each.transaction.valid_until_ms, each.signature)
            for each_id, each in zip(ids, body, strict=True)
        ]
        header = self._header(height, timestamp_ms, merkle_root(leaves), len(body))
        made_id = block_id(self.tags, header)
        self._rows[height] = (height, made_id, encode(header), bytes(200), _NONE, encode(body))
        self._heads[height] = StoredHead(height, made_id, header, b"")
        self._heads.pop(height - HEADS_KEPT, None)
        self._newest, self._parent_id = height, made_id
        return ids[0]

    def _header(self, height: Height, timestamp_ms: int, root: Hash, count: int) -> Header:
        return Header(
            version=HEADER_VERSION,
            chain_id=self._chain_id,
            epoch=0,
            view=height,
            height=height,
            parent_id=self._parent_id,
            parent_view=max(0, height - 1),
            timestamp_ms=timestamp_ms,
            proposer=bytes(32),
            transaction_root=root,
            transaction_count=count,
            outcome_root=merkle_root([]),
            outcome_count=0,
            state_root=bytes(32),
            validator_set_hash=bytes(32),
            next_validator_set_hash=ZERO_HASH,
        )

    def _transfer(self, now_ms: int) -> SignedTransaction:
        chance = self._chance
        transaction = Transaction(
            version=TRANSACTION_VERSION,
            chain_id=self._chain_id,
            sender_public_key=chance.choice(self._keys),
            action=Transfer(sha256(chance.choice(self._keys))[:20], chance.randrange(1, 10**9)),
            fee=FEE,
            valid_until_ms=now_ms + 120_000,
            salt=chance.randbytes(16),
        )
        return SignedTransaction(transaction, chance.randbytes(64))
