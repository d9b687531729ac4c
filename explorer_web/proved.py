"""What a page shows of that which its proof covers: the reader's browser compares the two.

Names of services and the like come from elsewhere than the proof of the page's object, so they are
not among these values; the page says so. A receipt's payment has a proof of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

import msgspec

from explorer_web.action_fields import FIELDS
from explorer_web.facts import Kind, Value, to_json
from explorer_web.ports import AccountStanding
from explorer_web.references import PageKind
from ledger.keys import format_address
from ledger.outcomes import JOB_ENDS, OutcomeKind
from ledger.store import Moment, OutcomeRow, ReceiptRow, TransactionRow
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
    payment: str = ""
    """JSON object: where the proof of a receipt's payment is, and what the page shows of it; empty
    before the job has ended."""


def receipt_proof(receipt: ReceiptRow, outcomes: Sequence[OutcomeRow]) -> PageProof:
    """Return the proof of a receipt's page: block, miner, and every field that was signed.

    Args:
        receipt: the receipt.
        outcomes: the outcome records of its job: the end's is the proof of the payment.
    """
    said = msgspec.structs.asdict(receipt.content)
    shown = {
        "height": str(receipt.height),
        "timestamp_ms": str(receipt.timestamp_ms),
        "miner": format_address(receipt.miner),
        **{name: _text(FIELDS[name].kind, value) for name, value in said.items()},
    }
    identity = receipt.receipt_id.hex()
    paid = "" if receipt.settled is None else _payment(receipt, receipt.settled, outcomes)
    return PageProof(PageKind.RECEIPT, identity, f"receipt_{identity}", _written(shown), paid)


def _payment(receipt: ReceiptRow, ended: Moment, outcomes: Sequence[OutcomeRow]) -> str:
    """Return what the page shows of a payment: what it is compared with is the record itself."""
    end = next((row for row in outcomes if row.outcome.kind in JOB_ENDS), None)
    # In a damaged index the record may be missing: then some other one is proved, and that is said.
    height, index = (ended.height, 0) if end is None else end.position
    kind = OutcomeKind.JOB_SETTLED if end is None else end.outcome.kind
    told = {
        "url": f"/v1/proofs/outcome/{height}/{index}",
        "jobId": receipt.job_id.hex(),
        "end": kind.name.lower(),
        "paid": {
            "miner": str(receipt.paid_miner),
            "coordinator": str(receipt.paid_coordinator),
            "client": str(receipt.paid_client),
        },
    }
    return msgspec.json.encode(told).decode()


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
