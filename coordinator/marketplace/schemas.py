"""Types on the wire of offers."""

from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from coordinator.http.bodies import plain_object
from coordinator.http.faults import FieldInvalid
from coordinator.http.money import MoneyInvalid, format_text, parse_amount
from coordinator.http.times import format_time
from coordinator.marketplace.errors import OfferNotFound
from coordinator.marketplace.model import (
    DURATION_S_MAX,
    Acceptance,
    OfferPage,
    OfferView,
    OfferWish,
)
from coordinator.wire import (
    WITHOUT_NUL,
    AnyJson,
    Body,
    MoneyInput,
    MoneyText,
    TimeText,
    View,
    find_offer_id,
    job_text,
    offer_text,
    transaction_text,
)
from ledger.types import Amount, Hash

SIGNED_DIGITS_MAX = 2_048
"""Hex digits of a signed transaction."""

JobType = Annotated[str, Meta(min_length=1, max_length=32, pattern=r"\A[a-z0-9][a-z0-9_-]*\Z")]
"""A slug: a service, a type, or a job's name."""

SignedHex = Annotated[str, Meta(max_length=SIGNED_DIGITS_MAX, pattern=r"\A([0-9a-f]{2})+\Z")]
"""A signed transaction, hex."""


class OfferRequest(Body, kw_only=True, frozen=True):
    """An offer to do jobs."""

    job_type: JobType
    """Kind of job: a service's id means its jobs, another slug those of this type or name (S2)."""
    price: MoneyInput
    """AITBC of each job."""
    max_jobs: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    """Jobs that it takes."""
    requirements: dict[str, AnyJson] = msgspec.field(default_factory=dict)
    """What it asks of a job, such as `min_gpu_memory`; its digest goes on the chain."""
    duration: Annotated[int, Meta(ge=1, le=DURATION_S_MAX)] = 3_600
    """Seconds that it is open, from its creation."""
    miner_id: Annotated[str, Meta(min_length=1, max_length=63, pattern=WITHOUT_NUL)] | None = None
    """Miner that offers; needed where the key has several."""
    transaction: SignedHex | None = None
    """Signed `post_offer` of a miner with its own key, hex."""


class WithdrawalRequest(Body, kw_only=True, frozen=True):
    """A withdrawal by a miner with its own key."""

    transaction: SignedHex | None = None
    """Signed `withdraw_offer`, hex; not needed for managed miners."""


class AcceptRequest(Body, kw_only=True, frozen=True):
    """An acceptance."""

    job_id: Annotated[str, Meta(max_length=128)]
    """The caller's queued job."""
    bid_price: MoneyInput | None = None
    """Most that the caller pays, in AITBC; the offer's price is what is charged."""


class CreatedOffer(View, kw_only=True, frozen=True):
    """A new offer."""

    offer_id: str
    """Its id."""
    miner_id: str
    """Its miner."""
    status: str
    """`active`: the chain has it."""
    created_at: TimeText
    """When it was made."""


class Offer(View, kw_only=True, frozen=True):
    """An open offer."""

    offer_id: str
    """Its id."""
    miner_id: str
    """Its miner."""
    job_type: str
    """Kind of job."""
    price: MoneyText
    """AITBC of each job."""
    reputation: float
    """Of its miner, 0 to 5."""


class OfferList(View, kw_only=True, frozen=True):
    """Open offers, the cheapest first."""

    offers: list[Offer]
    """The offers."""


class OfferDetails(View, kw_only=True, frozen=True):
    """All about an offer, open or over."""

    offer_id: str
    """Its id."""
    miner_id: str
    """Its miner."""
    job_type: str
    """Kind of job."""
    price: MoneyText
    """AITBC of each job."""
    max_jobs: int
    """Jobs that it took at first."""
    jobs_left: int
    """Jobs that can still be accepted."""
    requirements: dict[str, AnyJson] | UnsetType = UNSET
    """What it asks of a job; absent where only the digest is known."""
    requirements_digest: str
    """SHA-256 of their RFC 8785 bytes, hex, as the chain has it."""
    status: str
    """`active`, `exhausted`, `withdrawn` or `expired`."""
    created_at: TimeText
    """When it was made."""
    expires_at: TimeText
    """Until when it can be accepted."""
    reputation: float
    """Of its miner, 0 to 5."""


class AcceptedOffer(View, kw_only=True, frozen=True):
    """An accepted offer: the slot is taken, the chain is about to bind the job."""

    transaction_id: str
    """Id of the transaction."""
    status: str
    """`pending`, or `final` when it is asked again later."""
    created_at: TimeText
    """When it was signed."""
    offer_id: str | UnsetType = UNSET
    """The offer."""
    job_id: str | UnsetType = UNSET
    """The job."""


def parse_offer_id(text: str) -> Hash:
    """Return the id of an offer.

    Raises:
        OfferNotFound: a text that is no offer's; ids are opaque, so a malformed one is unknown.
    """
    offer_id = find_offer_id(text)
    if offer_id is None:
        raise OfferNotFound
    return offer_id


def wish_of(body: OfferRequest) -> OfferWish:
    """Return what a body offers.

    Raises:
        FieldInvalid: the price is no amount, or requirements hold what JSON's writers do not share.
    """
    return OfferWish(
        job_type=body.job_type,
        price=amount_of(body.price, "/price"),
        max_jobs=body.max_jobs,
        requirements=plain_object(body.requirements, "/requirements"),
        duration_s=body.duration,
        miner=body.miner_id,
        transaction=None if body.transaction is None else bytes.fromhex(body.transaction),
    )


def amount_of(value: object, pointer: str) -> Amount:
    """Return an amount of money.

    Raises:
        FieldInvalid: it is none (P5).
    """
    try:
        return parse_amount(value)
    except MoneyInvalid as error:
        raise FieldInvalid(pointer, str(error)) from None


def created_view(offer: OfferView) -> CreatedOffer:
    """Return an offer as its creation is answered."""
    return CreatedOffer(
        offer_id=offer_text(offer.offer_id),
        miner_id=offer.miner,
        status=offer.status.value,
        created_at=format_time(offer.created_ms),
    )


def list_view(page: OfferPage) -> OfferList:
    """Return open offers."""
    return OfferList(
        offers=[
            Offer(
                offer_id=offer_text(offer.offer_id),
                miner_id=offer.miner,
                job_type=offer.job_type,
                price=format_text(offer.price),
                reputation=offer.reputation,
            )
            for offer in page.items
        ]
    )


def details_view(offer: OfferView) -> OfferDetails:
    """Return all about an offer."""
    known = offer.requirements is not None
    return OfferDetails(
        offer_id=offer_text(offer.offer_id),
        miner_id=offer.miner,
        job_type=offer.job_type,
        price=format_text(offer.price),
        max_jobs=offer.max_jobs,
        jobs_left=offer.jobs_left,
        requirements=dict(offer.requirements or {}) if known else UNSET,
        requirements_digest=offer.requirements_digest.hex(),
        status=offer.status.value,
        created_at=format_time(offer.created_ms),
        expires_at=format_time(offer.expires_ms),
        reputation=offer.reputation,
    )


def accepted_view(accepted: Acceptance, *, extended: bool) -> AcceptedOffer:
    """Return an acceptance; the document's own fields only, unless extended (V5)."""
    return AcceptedOffer(
        transaction_id=transaction_text(accepted.transaction_id),
        status=accepted.phase.value,
        created_at=format_time(accepted.created_ms),
        offer_id=offer_text(accepted.offer_id) if extended else UNSET,
        job_id=job_text(accepted.job_id) if extended else UNSET,
    )
