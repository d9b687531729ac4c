"""Types on the wire of receipts that are the same in every version."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from coordinator.presenters.results import base64url
from coordinator.receipts.model import ReceiptView
from coordinator.wire import AnyJson, Body, TimeText, View, receipt_text, transaction_text


class ReceiptTransaction(View, kw_only=True, frozen=True):
    """The signed transaction that a receipt is, to check the signature by oneself."""

    receipt_id: str
    """The receipt."""
    transaction_id: str
    """Id of its transaction: SHA-256 of the chain's tag `tx` and the unsigned bytes (T5)."""
    transaction: str
    """Canonical signed bytes, hex."""
    public_key: str
    """The miner's public key, base64url."""
    signature: str
    """Over the chain's tag `tx-sign` and the id, base64url; the same 64 bytes in every shape."""
    block_height: int
    """Block that holds it."""


Text = Annotated[str, Meta(max_length=1024)]
"""A text of a receipt, which is to be compared."""


class SignatureClaim(Body, kw_only=True, frozen=True):
    """A signature with the key that it is said to be of."""

    sig: Text
    """The 64 bytes, base64 of either alphabet, padded or not."""
    public_key: Text | UnsetType = UNSET
    """The key, likewise (2024-01-01)."""
    key_id: Text | UnsetType = UNSET
    """The key, likewise (2026-01-24)."""
    alg: Literal["Ed25519"] | UnsetType = UNSET
    """Algorithm (2026-01-24)."""


class ReceiptClaim(Body, kw_only=True, frozen=True):
    """A receipt as somebody shows it: as any version has it, or its signed transaction.

    It is found by `receipt_id`, `transaction_id` or `job_id`; what else is given is compared.
    """

    receipt_id: Text | UnsetType = UNSET
    """Id of the receipt."""
    job_id: Text | UnsetType = UNSET
    """The job."""
    transaction_id: Text | UnsetType = UNSET
    """Id of its transaction."""
    signature: SignatureClaim | Text | UnsetType = UNSET
    """The miner's signature; without it the one that the chain has is checked."""
    public_key: Text | UnsetType = UNSET
    """The miner's public key, where the signature is a text."""
    attestations: Annotated[list[dict[str, AnyJson]], Meta(max_length=16)] | UnsetType = UNSET
    """What the coordinator is said to have vouched for."""
    transaction: Annotated[str, Meta(max_length=2048)] | UnsetType = UNSET
    """Canonical signed bytes, hex."""
    miner_id: AnyJson | UnsetType = UNSET
    """As the receipt shows it."""
    provider: AnyJson | UnsetType = UNSET
    """As the receipt shows it."""
    client: AnyJson | UnsetType = UNSET
    """As the receipt shows it."""
    units: AnyJson | UnsetType = UNSET
    """As the receipt shows it."""
    unit_type: AnyJson | UnsetType = UNSET
    """As the receipt shows it."""
    price: AnyJson | UnsetType = UNSET
    """As the receipt shows it."""
    model: AnyJson | UnsetType = UNSET
    """As the receipt shows it."""
    custody: AnyJson | UnsetType = UNSET
    """As the receipt shows it."""
    started_at: AnyJson | UnsetType = UNSET
    """As the receipt shows it."""
    completed_at: AnyJson | UnsetType = UNSET
    """As the receipt shows it."""
    created_at: AnyJson | UnsetType = UNSET
    """As the receipt shows it."""
    timestamp: AnyJson | UnsetType = UNSET
    """As the receipt shows it."""
    block_height: AnyJson | UnsetType = UNSET
    """As the receipt shows it."""


class VerifyRequest(Body, kw_only=True, frozen=True):
    """A receipt to verify: the receipt, or a bundle that proves one; either of them."""

    receipt: ReceiptClaim | UnsetType = UNSET
    """As somebody shows it."""
    bundle: dict[str, AnyJson] | UnsetType = UNSET
    """A proof bundle of a receipt, as `GET /v1/proofs/receipt/{id}` answers it."""


class Verification(View, kw_only=True, frozen=True):
    """Whether a receipt is authentic."""

    valid: bool
    """Whether the chain has this receipt, and it says what was shown."""
    miner_signature_valid: bool
    """Whether the miner signed it."""
    coordinator_attestations: int
    """How much the coordinator vouched for it."""
    verified_at: TimeText
    """When this was checked."""
    reason: str | UnsetType = UNSET
    """What is wrong, if it is not valid."""


def transaction_view(receipt: ReceiptView) -> ReceiptTransaction:
    """Return the transaction of a receipt."""
    return ReceiptTransaction(
        receipt_id=receipt_text(receipt.receipt_id),
        transaction_id=transaction_text(receipt.receipt_id),
        transaction=receipt.transaction.hex(),
        public_key=base64url(receipt.public_key),
        signature=base64url(receipt.signature),
        block_height=receipt.height,
    )
