"""What the coordinator needs of the chain. `node/app.py` implements it; tests use a real node.

The coordinator never holds a truth about money that the chain does not hold: it reads the final
state here (K1), follows final blocks by cursor (K2), and changes the chain only by submitting
signed transactions.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

import msgspec

from ledger.block import Header
from ledger.hashing import Tags
from ledger.outcomes import Outcome
from ledger.params import Parameters
from ledger.records import Gap, Job, Miner
from ledger.transaction import SignedTransaction
from ledger.types import Address, Amount, ChainId, Hash, Height, TimestampMs


class TransactionStatus(StrEnum):
    """Where a transaction is; nothing is ever "OK" without one of these."""

    POOLED = "pooled"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"
    FULL = "full"
    INCLUDED = "included"
    FINAL = "final"
    UNKNOWN = "unknown"


class SubmitOutcome(msgspec.Struct, frozen=True, gc=False):
    """Answer to one submitted transaction, in the order of submission."""

    transaction_id: Hash
    """Id; 32 zero bytes when the bytes could not be decoded."""
    status: TransactionStatus
    """POOLED, DUPLICATE (known already: pooled, included or final), REJECTED or FULL."""
    code: str = ""
    """Stable code of a rejection, such as ``INSUFFICIENT_BALANCE``."""
    detail: str = ""
    """What is wrong and how to mend it, for a person."""


@dataclass(frozen=True, slots=True)
class FinalHead:
    """The newest final block."""

    height: Height
    """Its height."""
    block_id: Hash
    """Its id."""
    timestamp_ms: TimestampMs
    """Its time; `valid_until_ms` of new transactions derives from it (J26)."""


@dataclass(frozen=True, slots=True)
class FinalBlock:
    """A final block as consumers see it."""

    block_id: Hash
    """Its id."""
    header: Header
    """Its header."""
    transactions: tuple[SignedTransaction, ...]
    """Its body, in order."""
    transaction_ids: tuple[Hash, ...]
    """Ids of the body, in order."""
    outcomes: tuple[Outcome, ...]
    """Its outcome records, in order; their index is their position."""


class BlocksNotKept(Exception):
    """The node does not hold the next block whole: it was pruned, or is older than a snapshot."""

    code: ClassVar[str] = "BLOCKS_NOT_KEPT"

    def __init__(self, wanted: Height, first: Height) -> None:
        """State the height that was asked for, and the lowest that is held whole."""
        super().__init__(
            f"block {wanted} is not kept: this node holds whole blocks from height {first} on"
        )
        self.first = first


class Chain(Protocol):
    """The chain as the coordinator sees it. Reads are of the final state unless said otherwise."""

    @property
    def chain_id(self) -> ChainId:
        """Id of the chain."""

    @property
    def tags(self) -> Tags:
        """Tags of the chain, for ids, digests and signatures."""

    def head(self) -> FinalHead:
        """Return the newest final block."""

    def parameters(self) -> Parameters:
        """Return the parameters in force."""

    def gap_at(self, now_ms: TimestampMs) -> Gap | None:
        """Return the record of a halt that a block now, on the final one, works under (J12)."""

    def balance(self, address: Address) -> Amount:
        """Return the final balance; 0 for an account that is not there."""

    def spendable(self, address: Address) -> Amount:
        """Return the speculative balance less pooled spends: a courtesy, not a truth (P3)."""

    def job(self, job_id: Hash) -> Job | None:
        """Return a live job of the final state; None means "not live", not "never was" (J29)."""

    def miner(self, address: Address) -> Miner | None:
        """Return a registered miner of the final state."""

    def miner_address(self, name: str) -> Address | None:
        """Return who holds a miner name, without regard to case."""

    async def submit(self, signed: Sequence[bytes]) -> list[SubmitOutcome]:
        """Admit canonical signed transactions to the pool, each with an explicit outcome."""

    async def blocks_after(self, height: Height, limit: int) -> Sequence[FinalBlock]:
        """Return published final blocks height+1 …, at most `limit`, in order.

        None of them is above `head`: what the store holds already, and nobody was told of, is not
        final for a reader yet (K1).

        Raises:
            BlocksNotKept: the chain goes on above `height`, and block height+1 is not held whole.
        """

    def follow(self) -> AsyncIterator[Height]:
        """Yield the final height now and whenever it rises; may skip heights."""
