"""What a page shows of that which its proof covers: the reader's browser compares the two.

Names, prices of services, payments and the like come from elsewhere than the proof of the page's
object, so they are not among these values; the page says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

import msgspec

from explorer_web.action_fields import FIELDS
from explorer_web.facts import Kind, Value, to_json
from explorer_web.ports import AccountStanding
from explorer_web.references import PageKind
from ledger.keys import format_address
from ledger.store import ReceiptRow, TransactionRow
from ledger.types import Address


@dataclass(frozen=True, slots=True)
class PageProof:
    """The proof of a page's object."""

    kind: PageKind
    """What is proved: a receipt, a transaction or an account."""
    id: str
    """How the node's address names it."""
    asked: str
    """How the checker's claims name it."""
    shown: str
    """JSON object of texts by name: what the page shows and the proof has to say too."""


def receipt_proof(receipt: ReceiptRow) -> PageProof:
    """Return the proof of a receipt's page: block, miner, and every field that was signed."""
    said = msgspec.structs.asdict(receipt.content)
    shown = {
        "height": str(receipt.height),
        "timestamp_ms": str(receipt.timestamp_ms),
        "miner": format_address(receipt.miner),
        **{name: _text(FIELDS[name].kind, value) for name, value in said.items()},
    }
    identity = receipt.receipt_id.hex()
    return PageProof(PageKind.RECEIPT, identity, f"receipt_{identity}", _written(shown))


def transaction_proof(row: TransactionRow) -> PageProof:
    """Return the proof of a transaction's page: place, and the bytes that it is decoded from."""
    shown = {
        "height": str(row.height),
        "timestamp_ms": str(row.timestamp_ms),
        "block_id": row.block_id.hex(),
        "index": str(row.index),
        "sender": format_address(row.sender),
        "action": row.action,
        "fee": str(row.fee),
        "signed": row.signed.hex(),
    }
    identity = row.transaction_id.hex()
    return PageProof(PageKind.TRANSACTION, identity, identity, _written(shown))


def account_proof(address: Address, standing: AccountStanding) -> PageProof:
    """Return the proof of an account's page: its balance, and after which block."""
    text = format_address(address)
    shown = {"height": str(standing.height), "balance": str(standing.balance)}
    return PageProof(PageKind.ACCOUNT, text, text, _written(shown))


def _text(kind: Kind, value: object) -> str:
    if isinstance(value, Enum):
        return value.name.lower()
    assert isinstance(value, bytes | int | str), "a receipt has no other fields"
    plain: Value = value
    return str(to_json(kind, plain))


def _written(shown: Mapping[str, str]) -> str:
    return msgspec.json.encode(shown).decode()
