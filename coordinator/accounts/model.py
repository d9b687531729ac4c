"""What a client has, and every nait that came or went."""

from dataclasses import dataclass
from enum import StrEnum

from ledger.types import Address, Amount, Hash, Height, TimestampMs


class EntryKind(StrEnum):
    """Why an amount came or went."""

    ESCROW = "escrow"
    """The most that a job may cost, locked when it was ordered."""
    REFUND = "refund"
    """What came back of an escrow when its job ended, and the bond of a won dispute."""
    EARNING = "earning"
    """A miner's pay for a job, or its compensation for a cancelled one."""
    SENT = "sent"
    """A transfer to another account."""
    RECEIVED = "received"
    """A transfer from another account."""
    BOND = "bond"
    """A bond that was locked: a miner's, or of a dispute."""
    BOND_RETURNED = "bond_returned"
    """A miner's bond that came back."""
    ISSUED = "issued"
    """New units that the authorities granted."""
    FEE = "fee"
    """The fee of a transaction that moved nothing else, such as a cancellation."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What a client has, at one height of the chain."""

    address: Address
    """Its wallet."""
    available: Amount
    """Nait that it may spend now."""
    pooled: Amount
    """Nait that its transactions take which are not final yet."""
    escrowed: Amount
    """Nait in escrow for its live jobs."""
    as_of_height: Height
    """Height of the final block that this follows (K1)."""

    @property
    def reserved(self) -> Amount:
        """Nait that are its own, and cannot be spent now."""
        return self.pooled + self.escrowed


@dataclass(frozen=True, slots=True)
class Account:
    """An account of a client."""

    address: Address
    """Its address."""
    miner: str | None
    """Name of the miner that it pays; None for the client's wallet."""


@dataclass(frozen=True, slots=True)
class Line:
    """Something that came or went, with what proves it."""

    seq: int
    """Place among all lines; grows with time."""
    account: Account
    """Whose balance it changed."""
    kind: EntryKind
    """Why."""
    amount: int
    """Nait; negative for what went."""
    fee: Amount
    """Nait that went besides, to the proposer of the block."""
    balance: Amount
    """Nait on all accounts of the statement after it."""
    timestamp_ms: TimestampMs
    """Time of its block."""
    height: Height
    """Height of its block."""
    outcome: int | None
    """Place of the block's outcome record that proves what was credited; None for what a
    transaction spent."""
    transaction_id: Hash | None
    """Transaction that did it; None for what the chain did by itself."""
    job_id: Hash | None
    """Job that it was for."""
    service: str | None
    """Service of that job."""
    label: str
    """Name that the client gave the job."""
    receipt_id: Hash | None
    """Receipt of that job."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over a period, in nait."""

    jobs: int = 0
    """Jobs that were ordered."""
    escrowed: Amount = 0
    """Locked for jobs."""
    refunded: Amount = 0
    """Back from escrows."""
    earned: Amount = 0
    """Pay of miners."""
    fees: Amount = 0
    """Fees of transactions."""
    received: Amount = 0
    """Transfers from others, returned bonds, and new units."""
    sent: Amount = 0
    """Transfers to others, and bonds."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A period of some accounts of a client: opening + lines = closing, to the nait."""

    accounts: tuple[Account, ...]
    """The accounts."""
    from_ms: TimestampMs
    """Begin of the period."""
    to_ms: TimestampMs
    """End of the period, which is not in it."""
    opening: Amount
    """Nait on the accounts before the period."""
    closing: Amount
    """Nait on them at its end."""
    totals: Totals
    """Sums over the whole period, whatever part of its lines is here."""
    lines: tuple[Line, ...]
    """Lines, oldest first."""
    next_cursor: str | None
    """Where the next lines begin; None if these are the last ones."""
    as_of_height: Height
    """Height of the final block that this follows (K1)."""
