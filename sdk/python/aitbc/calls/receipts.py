"""Receipts: the miners' signed statements of what was done for which price."""

from aitbc.answers import Receipt, ReceiptTransaction
from aitbc.exchange import Flow, Request, Session, ask, ask_list, segment

_VERSION = {"AITBC-Version": "2026-01-24"}
"""The version whose receipts name units and price."""


def get_receipt(session: Session, receipt_id: str) -> Flow[Receipt]:
    """Return a receipt by its id or its job's."""
    request = Request("GET", f"/v1/receipts/{segment(receipt_id)}", headers=_VERSION)
    return (yield from ask(session, request, Receipt))


def list_receipts(
    session: Session,
    *,
    client: str | None = None,
    provider: str | None = None,
    limit: int = 20,
) -> Flow[list[Receipt]]:
    """Return final receipts, newest first.

    Args:
        session: the client's.
        client: only those that this address pays.
        provider: only those of this miner, by name or address.
        limit: most to return, at most 100.
    """
    params: dict[str, str | int] = {"limit": limit}
    params |= {name: value for name, value in (("client", client), ("provider", provider)) if value}
    request = Request("GET", "/v1/receipts", params=params, headers=_VERSION)
    return (yield from ask_list(session, request, Receipt))


def get_receipt_transaction(session: Session, receipt_id: str) -> Flow[ReceiptTransaction]:
    """Return the signed transaction that a receipt is; `aitbc.verify_receipt` checks it."""
    request = Request("GET", f"/v1/receipts/{segment(receipt_id)}/transaction")
    return (yield from ask(session, request, ReceiptTransaction))
