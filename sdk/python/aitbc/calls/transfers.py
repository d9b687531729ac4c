"""Sending units from wallets that the coordinator keeps."""

from typing import Final

from aitbc.answers import Transfer
from aitbc.calls.jobs import Money, amount
from aitbc.calls.ordering import WAIT_S_MAX
from aitbc.calls.paging import PAGE_MAX
from aitbc.errors import InvalidValue
from aitbc.exchange import (
    Emit,
    Flow,
    Query,
    Request,
    Session,
    Stream,
    ask,
    ask_page,
    keyed,
    segment,
)
from aitbc.json_values import Answer, JsonValue, read_object, typed_list
from aitbc.keys import parse_address

_TRANSFERS: Final = "/v1/clients/me/transfers"


def send(
    session: Session,
    to: str,
    value: Money,
    *,
    miner_id: str | None = None,
    idempotency_key: str | None = None,
    wait_s: int = 0,
) -> Flow[Transfer]:
    """Send units of the caller's wallet; needs a key with the scope ``wallet``.

    Repetitions of one call are one transfer. To go on after a crash of the own program, name the
    transfer by `idempotency_key` before it is sent first, and call again with the same.

    Args:
        session: the client's.
        to: address that receives, ``ait1…``; checked here before anything is sent.
        value: AITBC that it gets; the chain's fee comes on top.
        miner_id: the caller's managed miner whose account pays; the wallet when None.
        idempotency_key: name of the transfer; made by the client when None.
        wait_s: seconds for which the node holds its answer back until the transfer is final.

    Returns:
        The transfer; its ``status`` is ``pooled`` until it is ``final``, or ``expired``.

    Raises:
        InvalidValue: `to` is no address, or `wait_s` is longer than a node waits.
        InsufficientBalance: the account, or the key's budget, does not cover it with the fee.
    """
    parse_address(to)
    body: dict[str, JsonValue] = {"to": to, "amount": amount(value)}
    if miner_id is not None:
        body["miner_id"] = miner_id
    _check_wait(wait_s)
    prefer = {"Prefer": f"wait={wait_s}"} if wait_s else {}
    request = Request(
        "POST",
        _TRANSFERS,
        json=body,
        headers={**prefer, **keyed(idempotency_key)},
        timeout_s=session.timeout_s + wait_s,
    )
    return (yield from ask(session, request, Transfer))


def get(session: Session, transaction_id: str, *, wait_s: int = 0) -> Flow[Transfer]:
    """Return a transfer of the caller.

    Args:
        session: the client's.
        transaction_id: which.
        wait_s: seconds for which the node holds its answer back until it is final or expired.
    """
    _check_wait(wait_s)
    request = Request(
        "GET",
        f"{_TRANSFERS}/{segment(transaction_id)}",
        params={"wait": wait_s} if wait_s else None,
        timeout_s=session.timeout_s + wait_s,
    )
    return (yield from ask(session, request, Transfer))


def iterate(session: Session) -> Stream[Transfer]:
    """Iterate over all transfers of the caller, the newest first."""
    query: Query | None = {"limit": PAGE_MAX}
    while query is not None:
        body, query = yield from ask_page(session, Request("GET", _TRANSFERS, params=query))
        for transfer in typed_list(read_object(body, Answer)["transfers"], Transfer):
            yield Emit(transfer)


def _check_wait(wait_s: int) -> None:
    if not 0 <= wait_s <= WAIT_S_MAX:
        raise InvalidValue("wait_s", f"must be 0 to {WAIT_S_MAX}")
