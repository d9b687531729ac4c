"""Receipts as the coordinator shows them: the miner's signed transaction and what became of it."""

from dataclasses import dataclass

from ledger.actions import AttestationKind, Custody, UnitType
from ledger.types import Address, Amount, Attempt, Hash, Height, PublicKey, Signature, TimestampMs


@dataclass(frozen=True, slots=True)
class AttestationView:
    """What the coordinator vouched for, in a final block (J3)."""

    kind: AttestationKind
    """Delivery or rerun."""
    transaction_id: Hash
    """The attestation's transaction."""
    height: Height
    """Block that holds it."""
    timestamp_ms: TimestampMs
    """That block's time."""
    signature: Signature
    """The coordinator's 64 bytes over tag("tx-sign") ‖ the attestation's id."""


@dataclass(frozen=True, slots=True)
class ReceiptView:
    """A final receipt."""

    receipt_id: Hash
    """Id of its transaction (J27)."""
    job_id: Hash
    """The job."""
    attempt: Attempt
    """The attempt that it pays."""
    miner: Address
    """Who did the work and signed."""
    miner_name: str
    """Name under which the miner is or was registered."""
    custody: Custody
    """Who holds the miner's key (K3)."""
    client: Address
    """Who pays."""
    coordinator: Address
    """Who assigned it."""
    service: str
    """Service of the job; empty if its submission is not known here."""
    units_micro: Amount
    """Work done, in millionths of a unit."""
    unit_type: UnitType
    """What is counted."""
    price: Amount
    """Nait claimed."""
    model: str
    """Model that ran (S3)."""
    result_digest: Hash
    """Salted digest of the result (J21)."""
    started_ms: TimestampMs
    """Claimed by the miner (J26)."""
    completed_ms: TimestampMs
    """Claimed by the miner (J26)."""
    public_key: PublicKey
    """Key of the signature."""
    signature: Signature
    """64 bytes over tag("tx-sign") ‖ receipt id."""
    transaction: bytes
    """Canonical signed transaction."""
    height: Height
    """Block that holds it."""
    timestamp_ms: TimestampMs
    """That block's time."""
    attestations: tuple[AttestationView, ...]
    """What the coordinator vouched for; their number is `coordinator_attestations`."""
    is_settled: bool
    """Whether the job ended with this receipt paid."""
    paid: Amount
    """Nait that the miner received; 0 until then."""


@dataclass(frozen=True, slots=True)
class ReceiptPage:
    """Part of a list of receipts, newest first."""

    items: tuple[ReceiptView, ...]
    """The receipts."""
    next_cursor: str | None
    """Pass as `cursor` for the receipts after these; None at the end."""
    as_of_height: Height
    """Height of the final block that this list follows."""
