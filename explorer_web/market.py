"""The page of the marketplace: what is offered, what was paid, how long it took, what it costs.

Everything is read from a bounded number of open offers and completed jobs; the page says how many.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlencode

from explorer_web.checks import twin_checks
from explorer_web.facts import Json, Kind
from explorer_web.formats import grouped, money
from explorer_web.listings import (
    Column,
    Filter,
    Form,
    Listing,
    Row,
    Rows,
    Table,
    cut,
    parse_position,
    position_key,
)
from explorer_web.miners import percentile
from explorer_web.page import Absence, Absent, Crumb, Page
from explorer_web.references import parse_height
from explorer_web.words import OFFER_STATES
from ledger.store import IndexReader, JobPhase, JobRow, OfferRow, OfferStatus
from ledger.types import Amount

_HALF: Final = "Half of its jobs waited at most this long for a miner"
_MOST: Final = "95 of 100 of its jobs waited at most this long for a miner"

OFFERS_READ: Final = 500
"""Newest open offers from which the depth is taken."""

JOBS_READ: Final = 200
"""Newest completed jobs from which prices and times are taken."""

SERVICES_SHOWN: Final = 50
"""Services of the table; names are the miners' and clients' own, so there may be hundreds."""

JOBS_MAX: Final = 100_000
"""Most jobs whose cost can be asked for."""

SERVICE_CHARACTERS_MAX: Final = 64
"""Longest name of a service that is looked for."""

MARKET: Final = Crumb("Market", "/market")


@dataclass(frozen=True, slots=True)
class Cost:
    """What some jobs of a service would cost at the open offers."""

    service: str
    """The service; hostile."""
    jobs: int
    """How many were asked for."""
    taken: int
    """How many the open offers can take."""
    total: Amount
    """Nait for these, at the offers' prices."""
    greatest: Amount
    """Price of the dearest of these."""
    offers: int
    """How many offers that takes."""
    is_cut: bool = False
    """Whether more offers may be open than the `OFFERS_READ` cheapest that were read."""

    @property
    def words(self) -> str:
        """The answer in a sentence."""
        if not self.taken:
            return f"Nobody offers {self.service} now. A job may still be submitted, and waits."
        of = "offer" if self.offers == 1 else "offers"
        found = (
            f"{grouped(self.taken)} of {grouped(self.jobs)} jobs would cost at most "
            f"{money(self.total)} at {grouped(self.offers)} open {of}; the dearest costs "
            f"{money(self.greatest)}."
        )
        if self.taken == self.jobs:
            return found
        if self.is_cut:
            return f"{found} There may be dearer offers for the rest, which were not looked at."
        return f"{found} There are no offers for the rest."

    @property
    def json(self) -> dict[str, Json]:
        """The answer in JSON."""
        return {
            "service": self.service,
            "jobs": self.jobs,
            "taken": self.taken,
            "total": str(self.total),
            "greatest": str(self.greatest),
            "offers": self.offers,
            "is_cut": self.is_cut,
        }


def market_page(index: IndexReader, query: Mapping[str, str]) -> Page:
    """Return the page of the marketplace.

    Args:
        index: where offers and jobs are.
        query: parameters of the address; `service` and `jobs` ask what it would cost.

    Raises:
        Absent: `jobs` is no number of jobs.
    """
    service = query.get("service", "").strip()[:SERVICE_CHARACTERS_MAX]
    jobs = _jobs_of(query.get("jobs", ""))
    cost = cost_of(index, service, jobs) if service else None
    services, left_out = _services(
        index.offers(limit=OFFERS_READ, status=OfferStatus.OPEN),
        index.jobs(limit=JOBS_READ, phase=JobPhase.COMPLETED),
    )
    offers = offers_listing(index, {"status": "open"})
    newest = offers.read("", 10)
    twin: dict[str, Json] = {
        "services": services.json,
        "services_left_out": left_out,
        "newest_offers": offers.json_rows(newest.rows),
        "cost": None if cost is None else cost.json,
    }
    asked = "?" + urlencode({"service": service, "jobs": jobs}) if cost is not None else ""
    return Page(
        template="market.html",
        title=MARKET.text,
        crumbs=(Crumb(MARKET.text),),
        content={
            "services": services,
            "left_out": left_out,
            "offers": (offers, newest),
            "cost": cost,
            "service": service,
            "jobs": jobs,
            "known": [str(row[0]) for row in services.rows],
            "offers_read": OFFERS_READ,
            "checks": twin_checks("/market.json" + asked),
            "jobs_read": JOBS_READ,
        },
        twin=twin,
        twin_url="/market.json" + asked,
        moves=True,
    )


def cost_of(index: IndexReader, service: str, jobs: int) -> Cost:
    """Return what some jobs would cost if the cheapest open offers were accepted.

    Args:
        index: where offers are.
        service: kind of job.
        jobs: how many.
    """
    total = taken = greatest = used = 0
    found = index.cheapest_offers(service, OFFERS_READ)
    for offer in found:
        count = min(offer.remaining, jobs - taken)
        if count <= 0:
            break
        taken, total = taken + count, total + count * offer.price
        greatest, used = offer.price, used + 1
    is_cut = taken < jobs and len(found) == OFFERS_READ
    return Cost(service, jobs, taken, total, greatest, used, is_cut)


def offers_listing(index: IndexReader, query: Mapping[str, str]) -> Listing:
    """Return the list of offers, newest first; of a status, and of a service with that.

    Raises:
        Absent: a filter is malformed.
    """
    service = query.get("service", "").strip()[:SERVICE_CHARACTERS_MAX]
    chosen = query.get("status", "") or ("open" if service else "")
    if chosen and chosen not in OFFER_STATES:
        detail = f"`status` is one of {', '.join(OFFER_STATES)}"
        raise Absent(None, chosen, absence=Absence.MALFORMED, detail=detail)
    status = OfferStatus(chosen.upper()) if chosen else None

    def read(before: str, limit: int) -> Rows:
        at = parse_position(before)
        found = index.offers(at, limit + 1, status=status, service=service or None)
        keys = [position_key(row.position) for row in found]
        return cut([_offer_cells(row) for row in found], keys, limit)

    options = (("", "any"), *((name, badge.word) for name, badge in OFFER_STATES.items()))
    return Listing(
        name="offers",
        title="Offers",
        lead="What miners offer to do at a price, newest first; a client that accepts one binds "
        "job, price and miner in one step.",
        path="/market/offers",
        columns=(
            Column("offer_id", "Offer", Kind.TRANSACTION),
            Column("service", "Service"),
            Column("price", "A job", Kind.MONEY),
            Column("remaining", "Left", Kind.NUMBER, hint="Jobs that it can still take"),
            Column("capacity", "Of", Kind.NUMBER, is_roomy=True),
            Column("status", "Status", form=Form.BADGE, badges=OFFER_STATES),
            Column("miner", "Miner", Kind.MINER, is_wide=True),
            Column("posted_ms", "Posted", Kind.TIME, is_wide=True),
            Column("expires_ms", "Expires", Kind.TIME, is_roomy=True),
        ),
        read=read,
        empty="No such offer.",
        filters=(
            Filter("service", "Service", service, (), "llm_inference"),
            Filter("status", "Status", chosen, options),
        ),
        crumbs=(MARKET, Crumb("Offers")),
    )


def _offer_cells(row: OfferRow) -> Row:
    return (
        row.offer_id,
        row.service,
        row.price,
        row.remaining,
        row.capacity,
        row.status.value.lower(),
        row.miner,
        row.posted.timestamp_ms,
        row.expires_ms,
    )


@dataclass(slots=True)
class _Service:
    """What is offered and was done of one service."""

    offers: list[OfferRow] = field(default_factory=list)
    """Its open offers."""
    jobs: list[JobRow] = field(default_factory=list)
    """Its completed jobs, newest first."""


def _services(offers: Sequence[OfferRow], jobs: Sequence[JobRow]) -> tuple[Table, int]:
    """Return what is offered and what was paid, by service, and how many services are left out.

    Those with most completed jobs are shown, then those with most offers, in the order of names.
    """
    found: defaultdict[str, _Service] = defaultdict(_Service)
    for offer in offers:
        found[offer.service].offers.append(offer)
    for job in jobs:
        found[job.service].jobs.append(job)
    by_use = sorted(
        found, key=lambda name: (-len(found[name].jobs), -len(found[name].offers), name)
    )
    rows = [_service_cells(name, found[name]) for name in sorted(by_use[:SERVICES_SHOWN])]
    columns = (
        Column("service", "Service"),
        Column("offers", "Open offers", Kind.NUMBER),
        Column("depth", "Depth", Kind.NUMBER, hint="Jobs that they can still take"),
        Column("cheapest", "Cheapest", Kind.MONEY, hint="Of its open offers, for a job"),
        Column("median", "Median", Kind.MONEY, is_wide=True, hint="Of its open offers, for a job"),
        Column("last_settled", "Last settled", Kind.MONEY, hint="Paid for its newest settled job"),
        Column("last_settled_ms", "When", Kind.TIME, is_wide=True, hint="That job settled"),
        Column("wait_p50_ms", "To assignment, p50", Kind.DURATION, is_roomy=True, hint=_HALF),
        Column("wait_p95_ms", "p95", Kind.DURATION, is_roomy=True, hint=_MOST),
    )
    return Table("Services", columns, rows), len(found) - len(rows)


def _service_cells(name: str, service: _Service) -> Row:
    prices = sorted(row.price for row in service.offers)
    paid = next((row for row in service.jobs if row.paid_miner), None)
    waits = sorted(
        row.assigned.timestamp_ms - row.submitted.timestamp_ms
        for row in service.jobs
        if row.assigned is not None and row.attempt == 1
    )
    return (
        name,
        len(prices),
        sum(row.remaining for row in service.offers),
        prices[0] if prices else None,
        percentile(prices, 50),
        paid.paid_miner + paid.paid_coordinator if paid else None,
        paid.ended.timestamp_ms if paid and paid.ended else None,
        percentile(waits, 50),
        percentile(waits, 95),
    )


def _jobs_of(text: str) -> int:
    number = parse_height(text.strip() or "1")
    if number is None or not 1 <= number <= JOBS_MAX:
        detail = f"`jobs` is a number from 1 to {grouped(JOBS_MAX)}"
        raise Absent(None, text, absence=Absence.MALFORMED, detail=detail)
    return number
