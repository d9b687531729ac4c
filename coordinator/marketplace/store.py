"""The tables of offers and acceptances: every function works inside the caller's transaction."""

from typing import Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    ScalarSelect,
    bindparam,
    delete,
    exists,
    func,
    insert,
    select,
    update,
)

from coordinator.database.marketplace_tables import acceptances, offers
from coordinator.database.prepared import Prepared
from coordinator.database.tables import attempts, payloads
from coordinator.leases.phase import AttemptPhase
from coordinator.marketplace.model import AcceptancePhase, OfferStatus
from ledger.types import Address, Amount, Hash, TimestampMs

AnyRow = Row[tuple[object, ...]]

_PENDING: Final = AcceptancePhase.PENDING.value


def insert_offer(
    connection: Connection,
    *,
    offer_id: Hash,
    client_id: str | None,
    miner: Address,
    job_type: str,
    price: Amount,
    capacity: int,
    requirements: str | None,
    requirements_digest: Hash,
    created_ms: TimestampMs,
    expires_ms: TimestampMs,
    status: OfferStatus,
) -> None:
    """Store an offer with all its slots, but for those of acceptances that are pending.

    An offer that came by the chain alone has some when the chain is followed again.
    """
    connection.execute(
        insert(offers).values(
            offer_id=offer_id,
            client_id=client_id,
            miner=miner,
            job_type=job_type,
            price=price,
            capacity=capacity,
            requirements=requirements,
            requirements_digest=requirements_digest,
            created_ms=created_ms,
            expires_ms=expires_ms,
            status=status.value,
            slots_left=capacity,
            reserved=_slots_held(offer_id),
        )
    )


def find_offer(connection: Connection, offer_id: Hash) -> AnyRow | None:
    """Return an offer's row."""
    return connection.execute(select(offers).where(offers.c.offer_id == offer_id)).one_or_none()


def count_open(connection: Connection, miner: Address, now_ms: TimestampMs) -> int:
    """Count a miner's offers that can be accepted, and those on their way to the chain."""
    return connection.execute(
        select(func.count()).where(
            offers.c.miner == miner,
            offers.c.status.in_([OfferStatus.PENDING.value, OfferStatus.ACTIVE.value]),
            offers.c.expires_ms > now_ms,
            offers.c.slots_left > 0,
        )
    ).scalar_one()


def set_status(connection: Connection, offer_id: Hash, status: OfferStatus) -> bool:
    """Note where an offer is; return whether it is known."""
    row = offers.c.offer_id == offer_id
    done = connection.execute(update(offers).where(row).values(status=status.value))
    return done.rowcount > 0


def delete_offer(connection: Connection, offer_id: Hash) -> None:
    """Leave nothing behind of an offer that never came to the chain."""
    connection.execute(delete(offers).where(offers.c.offer_id == offer_id))


def reserve_slot(connection: Connection, offer_id: Hash, now_ms: TimestampMs) -> bool:
    """Take a slot of an open offer in one statement; return whether there was one (S2)."""
    free = (
        (offers.c.offer_id == offer_id)
        & (offers.c.status == OfferStatus.ACTIVE.value)
        & (offers.c.slots_left > offers.c.reserved)
        & (offers.c.expires_ms >= now_ms)
    )
    taken = update(offers).where(free).values(reserved=offers.c.reserved + 1)
    return connection.execute(taken).rowcount == 1


def insert_acceptance(
    connection: Connection,
    *,
    transaction_id: Hash,
    offer_id: Hash,
    job_id: Hash,
    phase: AcceptancePhase,
    now_ms: TimestampMs,
) -> None:
    """Store an acceptance; a pending one has reserved its slot."""
    connection.execute(
        insert(acceptances).values(
            transaction_id=transaction_id,
            offer_id=offer_id,
            job_id=job_id,
            phase=phase.value,
            created_ms=now_ms,
        )
    )


def standing_acceptance(connection: Connection, job_id: Hash, offer_id: Hash) -> AnyRow | None:
    """Return the acceptance of an offer by which a job is bound, or about to be."""
    held = (AttemptPhase.OPEN.value, AttemptPhase.LIVE.value, AttemptPhase.DONE.value)
    query = (
        select(acceptances)
        .join(attempts, attempts.c.assignment_id == acceptances.c.transaction_id)
        .where(
            acceptances.c.job_id == job_id,
            acceptances.c.offer_id == offer_id,
            attempts.c.phase.in_(held),
        )
    )
    return connection.execute(query).one_or_none()


def finish(connection: Connection, transaction_id: Hash, phase: AcceptancePhase) -> bool:
    """End a pending acceptance and give its reservation up; return whether there was one."""
    row = (acceptances.c.transaction_id == transaction_id) & (acceptances.c.phase == _PENDING)
    done = connection.execute(update(acceptances).where(row).values(phase=phase.value))
    if not done.rowcount:
        return False
    of_offer = select(acceptances.c.offer_id).where(acceptances.c.transaction_id == transaction_id)
    offer = offers.c.offer_id == of_offer.scalar_subquery()
    connection.execute(update(offers).where(offer).values(reserved=offers.c.reserved - 1))
    return True


def forget_acceptance(connection: Connection, transaction_id: Hash) -> None:
    """Undo an acceptance that the node refused at once."""
    finish(connection, transaction_id, AcceptancePhase.LOST)
    row = acceptances.c.transaction_id == transaction_id
    connection.execute(delete(acceptances).where(row))


def given_to(connection: Connection, miner: Address) -> Hash | None:
    """Return the oldest job that an accepted offer gave to a miner and that it did not fetch.

    What has no input here was given by the chain alone; there is nothing to fetch (J31).
    """
    query = (
        select(acceptances.c.job_id)
        .join(attempts, attempts.c.assignment_id == acceptances.c.transaction_id)
        .where(
            attempts.c.miner == miner,
            attempts.c.phase == AttemptPhase.LIVE.value,
            acceptances.c.fetched_ms.is_(None),
            _has_payload(),
        )
        .order_by(acceptances.c.created_ms, acceptances.c.transaction_id)
        .limit(1)
    )
    job_id: Hash | None = connection.execute(query).scalar_one_or_none()
    return job_id


def miners_given(connection: Connection) -> frozenset[Address]:
    """Return the miners for which `given_to` finds a job."""
    return frozenset(row.miner for row in _MINERS_GIVEN.all(connection))


def _has_payload() -> ColumnElement[bool]:
    """Return the condition of acceptances whose job's input is here."""
    return exists().where(payloads.c.job_id == acceptances.c.job_id)


_FETCHED: Final = Prepared(
    update(acceptances)
    .where(acceptances.c.transaction_id == bindparam("fetched"))
    .values(fetched_ms=bindparam("fetched_ms"))
)

_MINERS_GIVEN: Final = Prepared(
    # From the acceptances to their attempts: there are few of those, and ever more of these.
    select(attempts.c.miner).where(
        attempts.c.phase == AttemptPhase.LIVE.value,
        attempts.c.assignment_id.in_(
            select(acceptances.c.transaction_id).where(
                acceptances.c.fetched_ms.is_(None), _has_payload()
            )
        ),
    )
)


def note_fetched(connection: Connection, transaction_id: Hash, now_ms: TimestampMs) -> None:
    """Note that the miner has the job that an accepted offer gave it."""
    _FETCHED.run(connection, fetched=transaction_id, fetched_ms=now_ms)


def open_again(connection: Connection) -> None:
    """Forget what the chain made of offers and acceptances, before it is followed again."""
    connection.execute(delete(offers).where(offers.c.client_id.is_(None)))
    # What was lost stays lost: its bytes are dead, and following does not find them again.
    included = acceptances.c.phase == AcceptancePhase.FINAL.value
    connection.execute(update(acceptances).where(included).values(phase=_PENDING))
    connection.execute(
        update(offers).values(
            status=OfferStatus.PENDING.value,
            slots_left=offers.c.capacity,
            reserved=_slots_held(offers.c.offer_id),
        )
    )


def _slots_held(
    offer_id: ColumnElement[bytes] | Hash,
) -> ScalarSelect[int]:
    """Return how many slots of an offer its pending acceptances hold."""
    held = (acceptances.c.offer_id == offer_id) & (acceptances.c.phase == _PENDING)
    return select(func.count()).where(held).scalar_subquery()
