"""What must hold between the coordinator's tables and the chain, checked at run time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, and_, func, or_, select

from coordinator.accounts.entries import newest_balances
from coordinator.core import Core
from coordinator.database.marketplace_tables import acceptances, offers
from coordinator.database.tables import attempts, jobs, outbox
from coordinator.follower import followed_height
from coordinator.jobs.model import JobPhase
from coordinator.leases.phase import AttemptPhase
from coordinator.marketplace.model import AcceptancePhase, OfferStatus
from coordinator.outbox import OutboxState
from coordinator.ports import Chain
from ledger.records import JobState
from ledger.types import Address, Amount, Hash, Height

SHOWN_MAX: Final = 100
"""Violations of one check that are listed; more are counted."""

ENDED_MAX: Final = 1_000
"""Newest ended jobs that are looked for on the chain, where none of them may be."""

_TRIES: Final = 20
"""Blocks that may become final while the tables are read."""

_STATE_OF: Final = {
    JobPhase.QUEUED: (JobState.QUEUED,),
    JobPhase.RUNNING: (JobState.RUNNING,),
    JobPhase.COMPLETED: (JobState.RECEIPT_IN, JobState.DISPUTED),
}
"""States on the chain of a job that is live and in this phase."""

_ENDED: Final = (JobPhase.FAILED, JobPhase.CANCELLED, JobPhase.EXPIRED)

_Job = Row[Any, Any, Any]


@dataclass(frozen=True, slots=True)
class InvariantCheck:
    """One thing that must hold."""

    name: str
    """Its name."""
    meaning: str
    """What must hold."""
    violations: tuple[str, ...]
    """What does not; empty is how it must be. At most `SHOWN_MAX` are listed."""
    count: int
    """How many there are."""


@dataclass(frozen=True, slots=True)
class InvariantReport:
    """What was found."""

    as_of_height: Height
    """Height that the tables follow."""
    is_current: bool
    """Whether that was the newest final block; otherwise chain and tables are not comparable."""
    open_jobs: int
    """Jobs whose escrow is locked."""
    escrowed: Amount
    """Nait in those escrows, by the chain."""
    checks: tuple[InvariantCheck, ...]
    """Each check with what it found."""

    @property
    def violations(self) -> tuple[str, ...]:
        """What does not hold; empty is how it must be."""
        return tuple(text for check in self.checks for text in check.violations)


@dataclass(frozen=True, slots=True)
class _Tables:
    """What the tables say, in one snapshot."""

    height: Height
    live: Sequence[_Job]
    ended: Sequence[Hash]
    balances: dict[Address, Amount]
    stray: dict[str, list[str]]


async def check_invariants(core: Core) -> InvariantReport:
    """Compare the tables with the final state of the chain, as of one block if it is met."""
    tables = await core.database.read(_read)
    for _ in range(_TRIES):
        # The report is made in one turn of the loop, in which the final state does not move.
        if core.chain.head().height == tables.height:
            return _report(core.chain, tables, is_current=True)
        await core.follower.catch_up()
        tables = await core.database.read(_read)
    return _report(core.chain, tables, is_current=False)


def _report(chain: Chain, tables: _Tables, *, is_current: bool) -> InvariantReport:
    found = {**tables.stray}
    on_chain = [chain.job(job.job_id) for job in tables.live]
    escrowed = sum(job.max_price for job in on_chain if job is not None)
    if is_current:
        found["escrow_total"] = list(_escrows(chain, tables))
        found["phases_agree"] = list(_phases(chain, tables))
        found["terminal_released"] += _unreleased(chain, tables)
        found["accounts_add_up"] = list(_accounts(chain, tables))
    return InvariantReport(
        as_of_height=tables.height,
        is_current=is_current,
        open_jobs=len(tables.live),
        escrowed=escrowed,
        checks=tuple(
            InvariantCheck(name, _MEANINGS[name], tuple(texts[:SHOWN_MAX]), len(texts))
            for name, texts in sorted(found.items())
        ),
    )


_MEANINGS: Final = {
    "accounts_add_up": "The entries of every managed account add up to its balance on the chain.",
    "ends_add_up": "What an ended job paid and refunded is what was in its escrow.",
    "escrow_total": "The escrow on the chain is the price of every open job, and of these only.",
    "intents_single": "No intent has two signed transactions that may both become final.",
    "leases_match": "A job is RUNNING if, and only if, it has exactly one lease.",
    "offer_slots": "The slots that an offer holds back are its acceptances under way.",
    "phases_agree": "Every open job is in the same phase here and on the chain.",
    "terminal_released": "The escrow of every job that ended is released.",
}
"""What each check is about."""


def _escrows(chain: Chain, tables: _Tables) -> Iterator[str]:
    for job in tables.live:
        on_chain = chain.job(job.job_id)
        if on_chain is None:
            yield f"job {job.job_id.hex()} is {job.phase} here, and has no escrow on the chain"
        elif on_chain.max_price != job.max_price:
            yield f"job {job.job_id.hex()}: {job.max_price} here, {on_chain.max_price} in escrow"


def _phases(chain: Chain, tables: _Tables) -> Iterator[str]:
    for job in tables.live:
        on_chain = chain.job(job.job_id)
        if on_chain is not None and on_chain.state not in _STATE_OF.get(JobPhase(job.phase), ()):
            state = on_chain.state.name
            yield f"job {job.job_id.hex()} is {job.phase} here, {state} on the chain"


def _unreleased(chain: Chain, tables: _Tables) -> list[str]:
    still = (job_id for job_id in tables.ended if chain.job(job_id) is not None)
    return [f"job {job_id.hex()} ended here and is live on the chain" for job_id in still]


def _accounts(chain: Chain, tables: _Tables) -> Iterator[str]:
    for address, balance in tables.balances.items():
        on_chain = chain.balance(address)
        if balance != on_chain:
            yield f"account {address.hex()}: entries make {balance}, the chain has {on_chain}"


def _read(connection: Connection) -> _Tables:
    escrowed = jobs.c.end_kind.is_(None) & jobs.c.escrowed_ms.is_not(None)
    live = select(jobs.c.job_id, jobs.c.phase, jobs.c.max_price).where(escrowed)
    ended = select(jobs.c.job_id).where(jobs.c.end_kind.is_not(None))
    newest = ended.order_by(jobs.c.seq.desc()).limit(ENDED_MAX)
    checks: dict[str, Callable[[Connection], Iterable[str]]] = {
        "terminal_released": _unlocked,
        "leases_match": _leases,
        "ends_add_up": _ends,
        "intents_single": _intents,
        "offer_slots": _slots,
    }
    return _Tables(
        height=followed_height(connection),
        live=connection.execute(live).all(),
        ended=list(connection.execute(newest).scalars()),
        balances=newest_balances(connection),
        stray={name: list(check(connection)) for name, check in checks.items()},
    )


def _unlocked(connection: Connection) -> Iterator[str]:
    query = select(jobs.c.job_id).where(
        jobs.c.phase.in_([phase.value for phase in _ENDED]),
        jobs.c.escrowed_ms.is_not(None),
        jobs.c.end_kind.is_(None),
    )
    for job_id in connection.execute(query).scalars():
        yield f"job {job_id.hex()} ended here and its escrow is not released"


def _leases(connection: Connection) -> Iterator[str]:
    leases = select(attempts.c.job_id, func.count().label("held")).where(
        attempts.c.phase == AttemptPhase.LIVE.value
    )
    rows = connection.execute(leases.group_by(attempts.c.job_id))
    held: dict[Hash, int] = {row.job_id: row.held for row in rows}
    running = select(jobs.c.job_id).where(jobs.c.phase == JobPhase.RUNNING.value)
    for job_id in connection.execute(running).scalars():
        if held.pop(job_id, 0) != 1:
            yield f"job {job_id.hex()} is RUNNING without exactly one lease"
    for job_id in held:
        yield f"job {job_id.hex()} has a lease and is not RUNNING"


def _ends(connection: Connection) -> Iterator[str]:
    parts = jobs.c.paid_miner + jobs.c.paid_coordinator + jobs.c.refunded
    is_negative = or_(jobs.c.paid_miner < 0, jobs.c.paid_coordinator < 0, jobs.c.refunded < 0)
    query = select(jobs.c.job_id, parts.label("parts"), jobs.c.max_price).where(
        jobs.c.end_kind.is_not(None), or_(parts != jobs.c.max_price, is_negative)
    )
    for row in connection.execute(query.limit(10 * SHOWN_MAX)):
        yield f"job {row.job_id.hex()}: {row.parts} paid and refunded of {row.max_price}"


def _intents(connection: Connection) -> Iterator[str]:
    query = (
        select(outbox.c.intent)
        .where(outbox.c.state == OutboxState.PENDING.value)
        .group_by(outbox.c.intent)
        .having(func.count() > 1)
    )
    for intent in connection.execute(query).scalars():
        yield f"intent {intent} has several pending transactions"


def _slots(connection: Connection) -> Iterator[str]:
    under_way = (
        select(func.count())
        .where(
            acceptances.c.offer_id == offers.c.offer_id,
            acceptances.c.phase == AcceptancePhase.PENDING.value,
        )
        .scalar_subquery()
    )
    is_short = and_(
        offers.c.status == OfferStatus.ACTIVE.value, offers.c.slots_left < offers.c.reserved
    )
    query = select(
        offers.c.offer_id, offers.c.reserved, offers.c.slots_left, under_way.label("under_way")
    ).where(or_(offers.c.reserved != under_way, is_short))
    for row in connection.execute(query.limit(10 * SHOWN_MAX)):
        yield (
            f"offer {row.offer_id.hex()}: {row.reserved} held back, {row.under_way} under way, "
            f"{row.slots_left} left"
        )
