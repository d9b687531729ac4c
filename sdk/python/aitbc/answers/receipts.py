"""Receipts.

Members that may be absent are declared with ``| None``.
"""

from aitbc.json_values import Answer, Record


class Signature(Record):
    """A miner's signature, version 2026-01-24."""

    alg: str
    """Ed25519."""
    key_id: str
    """The miner's public key, base64url."""
    sig: str
    """64 bytes, base64url."""


class Receipt(Answer):
    """A receipt, version 2026-01-24: with units and price."""

    receipt_id: str
    """Its id."""
    job_id: str
    """The job."""
    provider: str
    """Name of the miner."""
    client: str
    """Address that pays."""
    units: float
    """Work done."""
    unit_type: str
    """What the units are."""
    price: float
    """AITBC claimed."""
    model: str
    """Model that ran."""
    started_at: int
    """Unix seconds, as the miner claims."""
    completed_at: int
    """Unix seconds, as the miner claims."""
    signature: Signature
    """The miner's signature."""


class ReceiptTransaction(Answer):
    """The signed transaction that a receipt is; `aitbc.verify_receipt` checks it."""

    receipt_id: str
    """The receipt."""
    transaction_id: str
    """Id of the transaction."""
    transaction: str
    """Signed bytes, hex."""
    public_key: str
    """The miner's public key, base64url."""
    signature: str
    """The miner's signature, base64url."""
    block_height: int
    """Block that holds it."""


class Verification(Answer):
    """What a node says of a receipt's authenticity."""

    valid: bool
    """Whether the chain has this receipt, and it says what was shown."""
    miner_signature_valid: bool
    """Whether the miner signed it."""
    coordinator_attestations: int
    """How much the coordinator vouched for it."""
    verified_at: str
    """When this was checked."""
    reason: str | None
    """What is wrong, if it is not valid."""
