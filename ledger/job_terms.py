"""Terms of a live job: what an assignment and a receipt must agree with (J1, J5, J7, J19).

The last of the checks on an action; none of them writes.
"""

from ledger.actions import AcceptOffer, AssignJob, PostReceipt, UnitType
from ledger.job_rejections import (
    DeadlinePassed,
    LeaseEndInvalid,
    PriceCapInvalid,
    PriceInvalid,
    ReceiptTermsMismatch,
    UnitTypeMismatch,
)
from ledger.offer_rejections import OfferPriceMismatch
from ledger.records import Assignment, Job, Miner, Offer
from ledger.settlement import price_of_units
from ledger.types import Amount, TimestampMs


def check_assignment(job: Job, action: AssignJob, miner: Miner, now_ms: TimestampMs) -> None:
    """Check an assignment's lease and prices against the job and the miner (J1, J5, J7).

    Raises:
        LeaseEndInvalid, PriceCapInvalid: as they say.
    """
    earliest_ms = job.deadline_ms if job.streamed else now_ms
    if not earliest_ms <= action.lease_end_ms <= job.deadline_ms:
        raise LeaseEndInvalid(action.lease_end_ms, earliest_ms, job.deadline_ms)
    _check_price_cap(job, miner, action.price_cap)


def check_acceptance(
    job: Job, action: AcceptOffer, offer: Offer, miner: Miner, now_ms: TimestampMs
) -> None:
    """Check an offer's time, the price that the client names, and the job's limits (J1, J16, J25).

    Raises:
        DeadlinePassed, OfferPriceMismatch, PriceCapInvalid: as they say.
    """
    if now_ms > offer.expires_ms:
        raise DeadlinePassed(offer.expires_ms, now_ms)
    if action.price != offer.price:
        raise OfferPriceMismatch(action.price, offer.price)
    _check_price_cap(job, miner, offer.price)


def check_receipt(job: Job, assignment: Assignment, action: PostReceipt) -> None:
    """Check that a receipt repeats the job's terms (J19) and claims what it may (J1).

    Raises:
        ReceiptTermsMismatch, UnitTypeMismatch, PriceInvalid: as they say.
    """
    terms = {
        "client": (action.client, job.client),
        "coordinator": (action.coordinator, job.coordinator),
        "payload_digest": (action.payload_digest, job.payload_digest),
        "price_cap": (action.price_cap, assignment.price_cap),
    }
    for field, (repeated, recorded) in terms.items():
        if repeated != recorded:
            raise ReceiptTermsMismatch(field)
    if assignment.unit_type is UnitType.NONE:
        least, most = 0, assignment.price_cap
    else:
        if action.unit_type is not assignment.unit_type:
            raise UnitTypeMismatch(action.unit_type.name, assignment.unit_type.name)
        least = most = price_of_units(
            action.units_micro, assignment.unit_price, assignment.price_cap
        )
    if not least <= action.price <= most:
        raise PriceInvalid(action.price, least, most)


def _check_price_cap(job: Job, miner: Miner, price_cap: Amount) -> None:
    """Check that a price cap is between the miner's floor and what is locked (J1)."""
    if not miner.price_floor <= price_cap <= job.max_price:
        raise PriceCapInvalid(price_cap, miner.price_floor, job.max_price)
