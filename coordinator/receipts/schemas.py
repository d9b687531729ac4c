"""Types on the wire of receipts that are the same in every version."""

from coordinator.presenters.results import base64url
from coordinator.receipts.model import ReceiptView
from coordinator.wire import View, receipt_text, transaction_text


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
