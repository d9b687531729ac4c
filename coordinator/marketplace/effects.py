"""What a final block does to offers and acceptances; part of `coordinator.follower`."""

from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection, select, update

from coordinator.database.marketplace_tables import acceptances, offers
from coordinator.database.tables import miners
from coordinator.events import EventKind, NewEvent, record
from coordinator.marketplace import store
from coordinator.marketplace.binding import give_fee_back
from coordinator.marketplace.model import AcceptancePhase, OfferStatus
from coordinator.values import JsonValue
from coordinator.wire import offer_text, transaction_text
from ledger.actions import AcceptOffer, Action, PostOffer
from ledger.keys import format_address
from ledger.outcomes import Outcome, OutcomeKind
from ledger.types import Address, Hash, TimestampMs

OFFER_KINDS: Final = frozenset(
    {
        OutcomeKind.OFFER_POSTED,
        OutcomeKind.OFFER_ACCEPTED,
        OutcomeKind.OFFER_WITHDRAWN,
        OutcomeKind.OFFER_EXPIRED,
    }
)
"""Kinds whose object is an offer."""

_ENDS: Final = {
    OutcomeKind.OFFER_WITHDRAWN: OfferStatus.WITHDRAWN,
    OutcomeKind.OFFER_EXPIRED: OfferStatus.EXPIRED,
}


def follow_offer(
    connection: Connection, outcome: Outcome, action: Action | None, now_ms: TimestampMs
) -> None:
    """Make the changes of an outcome about an offer, and tell them.

    Args:
        connection: writes.
        outcome: one of `OFFER_KINDS`.
        action: what the transaction did that caused it; None for automatic work.
        now_ms: time of the block.
    """
    if outcome.kind is OutcomeKind.OFFER_POSTED:
        assert isinstance(action, PostOffer)
        _post(connection, outcome, action, now_ms)
    elif outcome.kind is OutcomeKind.OFFER_ACCEPTED:
        assert isinstance(action, AcceptOffer)
        _accept(connection, outcome, action, now_ms)
    else:
        store.set_status(connection, outcome.object_id, _ENDS[outcome.kind])
    data: dict[str, JsonValue] = {
        "event": outcome.kind.name.lower(),
        "offer_id": offer_text(outcome.object_id),
        "miner_id": _name_of(connection, outcome.parties[0]),
    }
    if outcome.kind is OutcomeKind.OFFER_ACCEPTED:
        data["transaction_id"] = transaction_text(outcome.cause)
    record(connection, [NewEvent(EventKind.MARKETPLACE_UPDATE, now_ms, data)])


def lose_acceptances(connection: Connection, transaction_ids: Iterable[Hash]) -> None:
    """Give the slots and the fees of acceptances back that can never be included."""
    for transaction_id in transaction_ids:
        if store.finish(connection, transaction_id, AcceptancePhase.LOST):
            give_fee_back(connection, transaction_id)


def _post(connection: Connection, outcome: Outcome, action: PostOffer, now_ms: TimestampMs) -> None:
    if store.set_status(connection, outcome.object_id, OfferStatus.ACTIVE):
        return
    store.insert_offer(
        connection,
        offer_id=outcome.object_id,
        client_id=None,
        miner=outcome.parties[0],
        job_type=action.service,
        price=action.price,
        capacity=action.capacity,
        requirements=None,
        requirements_digest=action.requirements_digest,
        created_ms=now_ms // 1_000 * 1_000,
        expires_ms=action.expires_ms,
        status=OfferStatus.ACTIVE,
    )


def _accept(
    connection: Connection, outcome: Outcome, action: AcceptOffer, now_ms: TimestampMs
) -> None:
    left = outcome.code
    status = OfferStatus.ACTIVE if left else OfferStatus.EXHAUSTED
    row = offers.c.offer_id == outcome.object_id
    connection.execute(update(offers).where(row).values(slots_left=left, status=status.value))
    if store.finish(connection, outcome.cause, AcceptancePhase.FINAL):
        return
    known = select(acceptances.c.phase).where(acceptances.c.transaction_id == outcome.cause)
    if connection.execute(known).one_or_none() is None:
        # The client signed it itself and sent it to the chain.
        store.insert_acceptance(
            connection,
            transaction_id=outcome.cause,
            offer_id=outcome.object_id,
            job_id=action.job_id,
            phase=AcceptancePhase.FINAL,
            now_ms=now_ms,
        )


def _name_of(connection: Connection, miner: Address) -> str:
    name = select(miners.c.name).where(miners.c.address == miner)
    return connection.execute(name).scalar_one_or_none() or format_address(miner)
