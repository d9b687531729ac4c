"""Types on the wire of transfers."""

from typing import Annotated, Final, Literal

from msgspec import Meta

from coordinator.http.money import format_text
from coordinator.http.times import format_time
from coordinator.transfers.errors import TransferNotFound
from coordinator.transfers.model import Transfer, TransferStatus
from coordinator.wire import (
    WITHOUT_NUL,
    Body,
    MoneyInput,
    MoneyText,
    TimeText,
    View,
    find_transaction_id,
    transaction_text,
)
from ledger.keys import format_address
from ledger.types import Hash

CURRENCY: Final = "AITBC"


class TransferRequest(Body, kw_only=True, frozen=True):
    """Units to send from a wallet that the coordinator keeps."""

    to: Annotated[str, Meta(max_length=100)]
    """Address that receives, such as `ait1…`; its checksum is checked."""
    amount: MoneyInput
    """AITBC that the receiver gets, more than 0. The chain's fee comes on top."""
    currency: Literal["AITBC"] = "AITBC"
    """Always `AITBC`."""
    miner_id: Annotated[str, Meta(max_length=64, pattern=WITHOUT_NUL)] | None = None
    """The caller's managed miner whose account pays; the caller's wallet if absent."""


class TransferView(View, kw_only=True, frozen=True):
    """A transfer, in AITBC."""

    transaction_id: str
    """Its transaction on the chain, by which it is known."""
    status: TransferStatus
    """`pooled` until it is `final`; `expired` where it was in no block in time: nothing moved."""
    sender: str
    """Address that pays."""
    to: str
    """Address that receives."""
    amount: MoneyText
    """What the receiver gets."""
    fee: MoneyText
    """What the sender pays besides."""
    currency: Literal["AITBC"]
    """Always `AITBC`."""
    created_at: TimeText
    """When it was asked for."""
    valid_until: TimeText
    """Last time of a block that may hold it."""
    proof: str | None
    """Path of the bundle that proves it; null until it is final."""


class TransferList(View, kw_only=True, frozen=True):
    """Transfers of the caller, the newest first."""

    transfers: list[TransferView]
    """The transfers."""


def parse_transfer_id(text: str) -> Hash:
    """Return the id of a transfer.

    Raises:
        TransferNotFound: a text that is no transaction's.
    """
    found = find_transaction_id(text)
    if found is None:
        raise TransferNotFound
    return found


def transfer_view(transfer: Transfer, prefix: str) -> TransferView:
    """Return a transfer.

    Args:
        transfer: what was sent.
        prefix: what stood before `/v1` in the caller's path; the link leads there too.
    """
    transaction = transaction_text(transfer.transaction_id)
    is_final = transfer.status is TransferStatus.FINAL
    return TransferView(
        transaction_id=transaction,
        status=transfer.status,
        sender=format_address(transfer.sender),
        to=format_address(transfer.to),
        amount=format_text(transfer.amount),
        fee=format_text(transfer.fee),
        currency=CURRENCY,
        created_at=format_time(transfer.created_ms),
        valid_until=format_time(transfer.valid_until_ms),
        proof=f"{prefix}/v1/proofs/transaction/{transaction}" if is_final else None,
    )
