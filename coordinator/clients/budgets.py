"""Budgets of keys: what they spend, judged in the transaction that stores a job or transfer (P1).

What was spent is a sum over the live jobs, and what `coordinator.jobs.spends` keeps of the ended
ones, both of the same transaction: exact however many requests come at once. Until a job ends it
counts with the most that it may cost. A transfer counts from when it is stored, unless it expires.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import Connection, func, insert, select

from coordinator.clients.errors import KeyBudgetExceeded
from coordinator.clients.model import Budget, BudgetPeriod, BudgetStanding, KeySpend, Principal
from coordinator.database.account_tables import key_budgets, key_spends, transfers
from coordinator.database.tables import api_keys, jobs, outbox
from coordinator.jobs.model import JobPhase
from coordinator.jobs.spends import day_of
from coordinator.jobs.store import LIVE
from coordinator.outbox import OutboxState
from ledger.types import Amount, TimestampMs

_LIVE_PHASES: Final = [phase.value for phase in JobPhase if phase is not JobPhase.FAILED]
"""The same as `LIVE` says, so that an index leads to them."""


def insert_budget(connection: Connection, budget_id: str, budget: Budget) -> None:
    """Store a budget."""
    row = {"budget_id": budget_id, "amount": budget.amount, "period": budget.period.value}
    connection.execute(insert(key_budgets).values(**row))


def standing_of(connection: Connection, budget_id: str, at_ms: TimestampMs) -> BudgetStanding:
    """Return where a budget stands in the period of an instant."""
    query = select(key_budgets).where(key_budgets.c.budget_id == budget_id)
    row = connection.execute(query).one()
    budget = Budget(row.amount, BudgetPeriod(row.period))
    since_ms, resets_ms = span_of(budget.period, at_ms)
    sharing = select(api_keys.c.key_id).where(api_keys.c.budget_id == budget_id)
    keys = list(connection.execute(sharing).scalars())
    return BudgetStanding(budget, _spend(connection, keys, since_ms, resets_ms), resets_ms)


def spend_of_key(connection: Connection, key_id: str) -> KeySpend:
    """Return what the jobs of a key cost since it was made."""
    return _spend(connection, [key_id], 0, None)


def check_budget(
    connection: Connection, principal: Principal, needed: Amount, requested_ms: TimestampMs
) -> None:
    """Check that a key may order a job, or send units; in the transaction that stores it.

    Args:
        connection: of that transaction.
        principal: who orders or sends.
        needed: the price or amount, with fees, in nait.
        requested_ms: its time: it counts to that period, although another may have begun.

    Raises:
        KeyBudgetExceeded: less is left.
    """
    if principal.budget_id is not None:
        _check(connection, principal.budget_id, needed, requested_ms)


def check_budget_of_key(
    connection: Connection, key_id: str | None, needed: Amount, requested_ms: TimestampMs
) -> None:
    """Check that the key that ordered a job may pay another fee for it.

    Args:
        connection: of the transaction that adds the fee to the job.
        key_id: public part of the key; None for the demo identity.
        needed: the fee, in nait.
        requested_ms: the job's time; the fee counts to the period of the job.

    Raises:
        KeyBudgetExceeded: less is left.
    """
    query = select(api_keys.c.budget_id).where(api_keys.c.key_id == key_id)
    budget_id = connection.execute(query).scalar_one_or_none()
    if budget_id is not None:
        _check(connection, budget_id, needed, requested_ms)


def _check(connection: Connection, budget_id: str, needed: Amount, at_ms: TimestampMs) -> None:
    standing = standing_of(connection, budget_id, at_ms)
    if needed > standing.left:
        raise KeyBudgetExceeded(needed, standing.left, standing.budget.period)


def span_of(period: BudgetPeriod, now_ms: TimestampMs) -> tuple[TimestampMs, TimestampMs | None]:
    """Return when the current period of a budget began, and when the next one begins."""
    if period is BudgetPeriod.TOTAL:
        return 0, None
    now = datetime.fromtimestamp(now_ms / 1_000, UTC)
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if period is BudgetPeriod.DAY:
        return _ms(day), _ms(day) + 86_400_000
    month = day.replace(day=1)
    years, months = divmod(month.month, 12)
    return _ms(month), _ms(month.replace(year=month.year + years, month=months + 1))


def _ms(instant: datetime) -> TimestampMs:
    return int(instant.timestamp()) * 1_000


def _spend(
    connection: Connection, keys: Sequence[str], since_ms: TimestampMs, until_ms: TimestampMs | None
) -> KeySpend:
    """Return what keys spent by what they asked for from one midnight to another, or to now."""
    live = select(func.count(), func.coalesce(func.sum(jobs.c.max_price + jobs.c.fee), 0)).where(
        jobs.c.key_id.in_(keys),
        LIVE,
        jobs.c.phase.in_(_LIVE_PHASES),
        jobs.c.requested_ms >= since_ms,
    )
    ended = select(
        func.coalesce(func.sum(key_spends.c.jobs), 0), func.coalesce(func.sum(key_spends.c.paid), 0)
    ).where(key_spends.c.key_id.in_(keys), key_spends.c.day >= day_of(since_ms))
    if until_ms is not None:
        live = live.where(jobs.c.requested_ms < until_ms)
        ended = ended.where(key_spends.c.day < day_of(until_ms))
    open_number, committed = connection.execute(live).one()
    number, paid = connection.execute(ended).one()
    sent, under_way = _sent(connection, keys, since_ms, until_ms)
    return KeySpend(int(open_number) + int(number), int(paid) + sent, int(committed) + under_way)


def _sent(
    connection: Connection, keys: Sequence[str], since_ms: TimestampMs, until_ms: TimestampMs | None
) -> tuple[Amount, Amount]:
    """Return what transfers of keys took, and what those that are not final yet may take."""
    query = (
        select(outbox.c.state, func.sum(transfers.c.amount + transfers.c.fee))
        .join(outbox, outbox.c.transaction_id == transfers.c.transaction_id)
        .where(transfers.c.key_id.in_(keys), transfers.c.created_ms >= since_ms)
        .group_by(outbox.c.state)
    )
    if until_ms is not None:
        query = query.where(transfers.c.created_ms < until_ms)
    sums = {row[0]: int(row[1]) for row in connection.execute(query)}
    return sums.get(OutboxState.FINAL.value, 0), sums.get(OutboxState.PENDING.value, 0)
