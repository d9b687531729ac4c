"""Units that leave a wallet which the coordinator keeps."""

from dataclasses import dataclass
from enum import StrEnum

from ledger.types import Address, Amount, Hash, TimestampMs


class TransferStatus(StrEnum):
    """Where a transfer is."""

    POOLED = "pooled"
    """Signed and stored: sent, the same bytes, until one of the others is known (J30)."""
    FINAL = "final"
    """In a final block: the units are the receiver's."""
    EXPIRED = "expired"
    """It was in no block in time, and never will be: nothing moved."""


@dataclass(frozen=True, slots=True)
class TransferWish:
    """What a client asks for."""

    to: Address
    """Who receives."""
    amount: Amount
    """Nait, at least 1; the fee comes on top."""
    miner: str | None = None
    """Name of the client's managed miner whose account pays; None for the client's wallet."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """A transfer of a client."""

    transaction_id: Hash
    """Its transaction, by which it is known."""
    sender: Address
    """Account that pays."""
    to: Address
    """Account that receives."""
    amount: Amount
    """Nait that the receiver gets."""
    fee: Amount
    """Nait that the sender pays besides."""
    status: TransferStatus
    """Where it is."""
    created_ms: TimestampMs
    """When it was asked for."""
    valid_until_ms: TimestampMs
    """Last block time at which it may come to the chain."""
    seq: int
    """Place among all transfers; grows with time."""


@dataclass(frozen=True, slots=True)
class TransferPage:
    """Transfers of a client, the newest first."""

    transfers: tuple[Transfer, ...]
    """The transfers."""
    next_seq: int | None
    """`seq` of the last one, where more follow."""
