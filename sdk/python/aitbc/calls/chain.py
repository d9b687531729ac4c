"""The chain: where it stands, accounts, transactions, what authorities vote on."""

from typing import Final

from aitbc.answers import FinalBlock, TransactionState
from aitbc.digests import ChainTags
from aitbc.errors import InvalidValue
from aitbc.exchange import Flow, Request, Session, Stream, ask, segment
from aitbc.exchange.event_stream import follow
from aitbc.json_values import Answer, unexpected

FINAL_TIMEOUT_S: Final = 30.0
"""Limit of an exchange that waits until a transaction is final."""

FOLLOW_S_DEFAULT: Final = 86_400.0
"""How long `follow_blocks` goes on that is told nothing else: a day."""

FOLLOW_TRANSACTION_S_DEFAULT: Final = 300.0
"""How long `follow_transaction` goes on that is told nothing else; one is valid for less."""

ENDED: Final = frozenset({"final", "rejected"})
"""States of a transaction that nothing follows."""


def _read(session: Session, path: str, params: dict[str, str | int] | None = None) -> Flow[Answer]:
    return (yield from ask(session, Request("GET", path, params=params), Answer))


def chain_status(session: Session) -> Flow[Answer]:
    """Return the chain's id, heads and what the node waits for."""
    return (yield from _read(session, "/v1/chain/status"))


def chain_parameters(session: Session) -> Flow[dict[str, int]]:
    """Return the chain's parameters in force by name, amounts in nait."""
    named = (yield from _read(session, "/v1/chain/parameters"))["parameters"]
    if not isinstance(named, dict):
        raise unexpected("the node's parameters are no object")
    return {name: int(value) for name, value in named.items()}


def chain_time_ms(session: Session) -> Flow[int]:
    """Return the time of the newest final block, from which validity derives (J26)."""
    return int((yield from chain_status(session))["timestamp_ms"])


def chain_tags(session: Session) -> Flow[ChainTags]:
    """Return the tags of the node's chain; pin the genesis digest to trust no node for it."""
    status = yield from chain_status(session)
    try:
        return ChainTags(str(status["chain_id"]), bytes.fromhex(status["genesis_digest"]))
    except (TypeError, ValueError, InvalidValue) as error:
        raise unexpected(f"the node's chain cannot be one: {error}") from None


def get_validators(session: Session) -> Flow[Answer]:
    """Return the validators, the quorum, and what waits for the epoch's end."""
    return (yield from _read(session, "/v1/chain/validators"))


def list_ballots(session: Session, status: str = "open", before: str | None = None) -> Flow[Answer]:
    """Return a page of ballots: ``open``, ``passed`` or ``expired`` ones.

    Args:
        session: the client's.
        status: which ones.
        before: ``next`` of the page before.
    """
    params: dict[str, str | int] = {"status": status}
    if before is not None:
        params["before"] = before
    return (yield from _read(session, "/v1/chain/ballots", params))


def get_ballot(session: Session, ballot_id: str) -> Flow[Answer]:
    """Return a ballot, open or closed, with its votes."""
    return (yield from _read(session, f"/v1/chain/ballots/{segment(ballot_id)}"))


def get_account(session: Session, address: str) -> Flow[Answer]:
    """Return an account's balance and the height that it holds at."""
    return (yield from _read(session, f"/v1/chain/accounts/{segment(address)}"))


def get_transaction(session: Session, transaction_id: str) -> Flow[Answer]:
    """Return where a transaction is: ``status`` and, once final, ``height`` and ``signed``."""
    return (yield from _read(session, f"/v1/chain/transactions/{segment(transaction_id)}"))


def send_transaction(session: Session, signed: bytes, *, wait_final: bool = False) -> Flow[Answer]:
    """Submit a signed transaction; sending it twice is harmless (T1).

    Returns:
        ``transaction_id``, ``status`` and, when rejected, ``code`` and ``detail``.
    """
    request = Request(
        "POST",
        "/v1/chain/transactions",
        json={"transaction": signed.hex()},
        params={"wait": "final"} if wait_final else None,
        timeout_s=FINAL_TIMEOUT_S if wait_final else None,
        repeatable=True,
    )
    return (yield from ask(session, request, Answer))


def follow_blocks(
    session: Session, timeout_s: float = FOLLOW_S_DEFAULT, *, since: int | None = None
) -> Stream[FinalBlock]:
    """Iterate over final blocks as they come, the newest one first, until `timeout_s` is over.

    A lost connection is taken up again after the last block. They are the node's word; to trust
    none, see `aitbc.light`.

    Args:
        session: the client's.
        timeout_s: how long to follow in all; a day when left out.
        since: height of the newest block that is known already; those after it come first.
    """
    yield from follow(
        session,
        Request("GET", "/v1/chain/events"),
        timeout_s=timeout_s,
        since=None if since is None else str(since),
        item_of=lambda event: FinalBlock(event.data),
    )


def follow_transaction(
    session: Session, transaction_id: str, timeout_s: float = FOLLOW_TRANSACTION_S_DEFAULT
) -> Stream[TransactionState]:
    """Iterate over where a transaction is, at each change, until it is final or rejected.

    A lost connection is taken up again; a state that was told may then come once more.

    Args:
        session: the client's.
        transaction_id: one that the node knows: it was sent, or is in a block.
        timeout_s: how long to follow in all; the stream ends then.
    """
    yield from follow(
        session,
        Request("GET", f"/v1/chain/transactions/{segment(transaction_id)}/events"),
        timeout_s=timeout_s,
        since=None,
        item_of=lambda event: TransactionState(event.data),
        is_last=lambda state: state.status in ENDED,
    )
