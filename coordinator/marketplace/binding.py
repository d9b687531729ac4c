"""Binding a job to an offer's miner: slot, attempt, acceptance and signed bytes in one transaction.

It is the same for a job that is queued and for one that is being created: the id of its escrow's
transaction is the job's, so that the acceptance can be signed before the escrow is final.
"""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from coordinator.database.marketplace_tables import acceptances
from coordinator.jobs.store import charge_fee
from coordinator.leases.store import delete_attempt, insert_attempt
from coordinator.marketplace import store
from coordinator.marketplace.errors import OfferNotAvailable, OfferNotFound, PriceAboveMaximum
from coordinator.marketplace.fitting import Wanted, check_fits
from coordinator.marketplace.model import AcceptancePhase, OfferStatus
from coordinator.miners.capabilities import read_document
from coordinator.miners.store import find_by_address
from coordinator.moment import Moment
from coordinator.outbox import SignedBytes, Signer
from coordinator.outbox import store as outbox
from coordinator.registry import ServiceRegistry
from ledger import decode_transaction
from ledger.actions import AcceptOffer, AssignJob, UnitType
from ledger.keys import KeyPair
from ledger.types import Amount, Attempt, Hash, TimestampMs


@dataclass(frozen=True, slots=True)
class Deal:
    """A job and the offer that it is taken to."""

    job_id: Hash
    """The job."""
    attempt: Attempt
    """The attempt that it makes."""
    deadline_ms: TimestampMs
    """The job's deadline, and the lease's end."""
    offer: store.AnyRow
    """The offer."""
    key: KeyPair
    """Key of the client's wallet."""


def get_offer(connection: Connection, offer_id: Hash) -> store.AnyRow:
    """Return an offer that is or was on the chain.

    Raises:
        OfferNotFound: there is none.
    """
    offer = store.find_offer(connection, offer_id)
    if offer is None or offer.status == OfferStatus.PENDING:
        raise OfferNotFound
    return offer


def check_price(offer: store.AnyRow, max_price: Amount) -> None:
    """Check that a job pays an offer's price.

    Raises:
        PriceAboveMaximum: it locks less.
    """
    if offer.price > max_price:
        raise PriceAboveMaximum(offer.price, max_price)


def take_slot(
    connection: Connection,
    registry: ServiceRegistry,
    offer: store.AnyRow,
    wanted: Wanted,
    now_ms: TimestampMs,
) -> None:
    """Reserve a slot for a job. What is raised ends the caller's transaction: the slot stays free.

    Raises:
        OfferNotAvailable: there is none, the offer ended, or its miner takes no work here.
        OfferForOtherJobs, JobNotForMiner: the offer is not for the job.
    """
    miner = _miner_of(connection, offer)
    if not store.reserve_slot(connection, offer.offer_id, now_ms):
        raise _no_slot(offer, now_ms)
    check_fits(registry, offer.job_type, read_document(miner.document, registry), wanted)


def open_offer(
    connection: Connection,
    registry: ServiceRegistry,
    offer_id: Hash,
    wanted: Wanted,
    now_ms: TimestampMs,
) -> store.AnyRow:
    """Return an offer that a job could be taken to now; nothing is reserved.

    Raises:
        OfferNotFound: there is none.
        OfferNotAvailable, OfferForOtherJobs, JobNotForMiner: as for `take_slot`.
    """
    offer = get_offer(connection, offer_id)
    miner = _miner_of(connection, offer)
    is_open = offer.status == OfferStatus.ACTIVE and offer.expires_ms >= now_ms
    if not is_open or offer.slots_left <= offer.reserved:
        raise _no_slot(offer, now_ms)
    check_fits(registry, offer.job_type, read_document(miner.document, registry), wanted)
    return offer


def _miner_of(connection: Connection, offer: store.AnyRow) -> store.AnyRow:
    miner = find_by_address(connection, offer.miner)
    if miner is None or not miner.is_active or miner.is_draining:
        raise OfferNotAvailable("its miner takes no further jobs here")
    return miner


def _no_slot(offer: store.AnyRow, now_ms: TimestampMs) -> OfferNotAvailable:
    active = offer.status == OfferStatus.ACTIVE
    if active and offer.expires_ms < now_ms:
        return OfferNotAvailable("it expired")
    if active or offer.status == OfferStatus.EXHAUSTED:
        return OfferNotAvailable()
    return OfferNotAvailable(f"it is {offer.status}")


def sign_acceptance(signer: Signer, moment: Moment, deal: Deal, validity_ms: int) -> SignedBytes:
    """Return the signed acceptance of an offer; its fee is part of what the job costs."""
    offer = deal.offer
    action = AcceptOffer(job_id=deal.job_id, offer_id=offer.offer_id, price=offer.price)
    return signer.sign(moment, deal.key, action, validity_ms)


def bind(connection: Connection, deal: Deal, signed: SignedBytes, now_ms: TimestampMs) -> None:
    """Store the signed acceptance of an offer whose slot was taken; the job's row is there."""
    offer = deal.offer
    assignment = AssignJob(
        job_id=deal.job_id,
        attempt=deal.attempt,
        miner=offer.miner,
        price_cap=offer.price,
        unit_type=UnitType.NONE,
        unit_price=0,
        lease_end_ms=deal.deadline_ms,
    )
    insert_attempt(
        connection, signed.transaction_id, assignment, heartbeat_by_ms=None, now_ms=now_ms
    )
    store.insert_acceptance(
        connection,
        transaction_id=signed.transaction_id,
        offer_id=offer.offer_id,
        job_id=deal.job_id,
        phase=AcceptancePhase.PENDING,
        now_ms=now_ms,
    )
    intent = f"accept:{deal.job_id.hex()}:{deal.attempt}:{signed.transaction_id.hex()}"
    outbox.add(connection, intent, signed, now_ms, job_id=deal.job_id, attempt=deal.attempt)


def give_fee_back(connection: Connection, transaction_id: Hash) -> None:
    """Take the fee of an acceptance that is never included from what its job costs."""
    lost = outbox.get(connection, transaction_id)
    assert lost is not None, "a pending acceptance was signed here"
    assert lost.job_id is not None, "an acceptance is a job's"
    charge_fee(connection, lost.job_id, -decode_transaction(lost.signed).transaction.fee)


def unbind(connection: Connection, job_id: Hash) -> None:
    """Undo what `bind` stored for a job, where the node refused the bytes at once."""
    of_job = select(acceptances.c.transaction_id).where(
        acceptances.c.job_id == job_id, acceptances.c.phase == AcceptancePhase.PENDING.value
    )
    for transaction_id in connection.execute(of_job).scalars().all():
        give_fee_back(connection, transaction_id)
        outbox.forget(connection, transaction_id)
        store.forget_acceptance(connection, transaction_id)
        delete_attempt(connection, transaction_id)
