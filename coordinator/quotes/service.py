"""Makes quotes from the tables, and from what miners were heard of."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection, func, select

from coordinator.clients.access import require
from coordinator.clients.model import Principal, Scope
from coordinator.core import Core
from coordinator.database.tables import attempts, jobs
from coordinator.jobs.creation import Costs, JobCreation
from coordinator.jobs.model import Eligibility, JobPhase, JobSpec
from coordinator.jobs.usual_times import UsualTimes
from coordinator.leases.matching import Exclusion, Needs, price_cap_of
from coordinator.leases.phase import AttemptPhase
from coordinator.leases.roster import Member, Roster
from coordinator.miners.presence import Presence
from coordinator.quotes.model import Quote
from ledger.types import Address, Amount, TimestampMs

HEARD_MS: Final = 60_000
"""A miner that was silent for longer is not counted on; polls and heartbeats come more often."""

_HELD: Final = (AttemptPhase.OPEN.value, AttemptPhase.LIVE.value)


class QuoteService:
    """Says what a job would cost, who could do it, and when."""

    def __init__(self, core: Core, roster: Roster, presence: Presence) -> None:
        """Stand on the core."""
        self._core = core
        self._roster = roster
        self._presence = presence
        self._creation = JobCreation(core)
        self._usual_times = UsualTimes()

    async def quote(self, principal: Principal, spec: JobSpec) -> Quote:
        """Return what a submission of the job would come to now; nothing is kept.

        Raises:
            Forbidden: the key has no scope `client`.
            InvalidJobType, InvalidRequest, TooLarge: the specification breaks a limit.
            OfferNotFound, OfferNotAvailable, OfferForOtherJobs, JobNotForMiner, PriceAboveMaximum:
                the offer that it names could not be accepted for it.
        """
        require(principal, Scope.CLIENT)
        costs = await self._creation.costs(principal, spec)
        now_ms = self._core.moments.clock_ms()
        return await self._core.database.read(lambda c: self._quote(c, costs, now_ms))

    def _quote(self, connection: Connection, costs: Costs, now_ms: TimestampMs) -> Quote:
        spec = costs.spec
        fitting, eligibility, price = self._who(connection, costs)
        ready = [member for member in fitting if self._is_ready(member, now_ms)]
        # What an offer gives to a miner, it is shown before anything else.
        queued = 0 if costs.offer is not None else _queued(connection, spec.service)
        usual_ms = self._usual_times.of(connection, spec.service, spec.model)
        start_ms = _start_ms(now_ms, usual_ms, queued, _busy(connection, ready), len(ready))
        return Quote(
            spec=spec,
            price=price,
            max_price=costs.max_price,
            fee=costs.fee,
            available=costs.available,
            eligibility=eligibility,
            ready=len(ready),
            queued_ahead=queued,
            start_ms=start_ms,
            completion_ms=None if start_ms is None else start_ms + usual_ms,
        )

    def _who(
        self, connection: Connection, costs: Costs
    ) -> tuple[Sequence[Member], Eligibility, Amount | None]:
        """Return who could be given the job, why the others not, and what the cheapest is paid."""
        needs = Needs.of_spec(costs.spec, costs.max_price)
        if costs.offer is not None:
            members = self._roster.members(connection)
            its = [member for member in members if member.address == costs.offer.miner]
            others = len(members) - len(its)
            exclusions = {Exclusion.NOT_THE_OFFERS.value: others} if others else {}
            return its, Eligibility(len(members), len(its), exclusions), costs.offer.price
        fitting, eligibility = self._roster.fitting(connection, needs)
        default_price = self._core.registry.get(costs.spec.service).default_price
        prices = [price_cap_of(needs, member.declared, default_price) for member in fitting]
        return fitting, eligibility, min(prices, default=None)

    def _is_ready(self, member: Member, now_ms: TimestampMs) -> bool:
        heard_ms = self._presence.last_seen_ms(member.address)
        return heard_ms is not None and now_ms - heard_ms <= HEARD_MS


def _start_ms(
    now_ms: TimestampMs, usual_ms: int, queued: int, busy: int, ready: int
) -> TimestampMs | None:
    """Return when a job would be begun: miners take turns, each job takes its usual time."""
    if ready == 0:
        return None
    return now_ms + (queued + busy) // ready * usual_ms


def _queued(connection: Connection, service: str) -> int:
    """Return how many jobs of a service wait for a miner; those held for an offer do not."""
    waiting = (jobs.c.phase == JobPhase.QUEUED.value) & ~jobs.c.is_held
    query = select(func.count()).where(waiting, jobs.c.service == service)
    return connection.execute(query).scalar_one()


def _busy(connection: Connection, members: Sequence[Member]) -> int:
    """Return how many of these miners have a job."""
    addresses: list[Address] = [member.address for member in members]
    held = select(func.count(attempts.c.miner.distinct())).where(
        attempts.c.miner.in_(addresses), attempts.c.phase.in_(_HELD)
    )
    return connection.execute(held).scalar_one()
