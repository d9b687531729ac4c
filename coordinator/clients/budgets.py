"""Budgets of keys: what their jobs cost, judged in the transaction that stores a job (P1).

Nothing is counted up: what was spent is a sum over the jobs, so that it is exact however many
requests come at once, and cannot drift from what the chain did. Until a job ends it counts with
the most that it may cost.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, case, func, insert, select

from coordinator.clients.errors import KeyBudgetExceeded
from coordinator.clients.model import Budget, BudgetPeriod, BudgetStanding, KeySpend, Principal
from coordinator.database.account_tables import key_budgets
from coordinator.database.tables import api_keys, jobs
from coordinator.jobs.store import LIVE
from ledger.types import Amount, TimestampMs

_ENDED: Final = jobs.c.end_kind.is_not(None)

_PAID: Final = jobs.c.paid_miner + jobs.c.paid_coordinator + jobs.c.fee


def insert_budget(connection: Connection, budget_id: str, budget: Budget) -> None:
    """Store a budget."""
    row = {"budget_id": budget_id, "amount": budget.amount, "period": budget.period.value}
    connection.execute(insert(key_budgets).values(**row))


def standing_of(connection: Connection, budget_id: str, now_ms: TimestampMs) -> BudgetStanding:
    """Return where a budget stands."""
    query = select(key_budgets).where(key_budgets.c.budget_id == budget_id)
    row = connection.execute(query).one()
    budget = Budget(row.amount, BudgetPeriod(row.period))
    since_ms, resets_ms = span_of(budget.period, now_ms)
    sharing = select(api_keys.c.key_id).where(api_keys.c.budget_id == budget_id)
    fits = and_(jobs.c.key_id.in_(sharing), jobs.c.requested_ms >= since_ms)
    return BudgetStanding(budget, _spend(connection, fits), resets_ms)


def spend_of_key(connection: Connection, key_id: str) -> KeySpend:
    """Return what the jobs of a key cost since it was made."""
    return _spend(connection, jobs.c.key_id == key_id)


def check_budget(
    connection: Connection, principal: Principal, needed: Amount, now_ms: TimestampMs
) -> None:
    """Check that a key may order a job; in the transaction that stores the job.

    Args:
        connection: of that transaction.
        principal: who orders.
        needed: the job's price and fees, in nait.
        now_ms: the coordinator's clock.

    Raises:
        KeyBudgetExceeded: less is left.
    """
    if principal.budget_id is not None:
        _check(connection, principal.budget_id, needed, now_ms)


def check_budget_of_key(
    connection: Connection, key_id: str | None, needed: Amount, now_ms: TimestampMs
) -> None:
    """Check that the key that ordered a job may pay another fee for it.

    Args:
        connection: of the transaction that adds the fee to the job.
        key_id: public part of the key; None for the demo identity.
        needed: the fee, in nait.
        now_ms: the coordinator's clock.

    Raises:
        KeyBudgetExceeded: less is left.
    """
    query = select(api_keys.c.budget_id).where(api_keys.c.key_id == key_id)
    budget_id = connection.execute(query).scalar_one_or_none()
    if budget_id is not None:
        _check(connection, budget_id, needed, now_ms)


def _check(connection: Connection, budget_id: str, needed: Amount, now_ms: TimestampMs) -> None:
    standing = standing_of(connection, budget_id, now_ms)
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


def _spend(connection: Connection, fits: ColumnElement[bool]) -> KeySpend:
    open_cost = case((LIVE, jobs.c.max_price + jobs.c.fee), else_=0)
    paid_cost = case((_ENDED, _PAID), else_=0)
    counted = case((LIVE | _ENDED, 1), else_=0)
    query = select(
        func.coalesce(func.sum(counted), 0),
        func.coalesce(func.sum(paid_cost), 0),
        func.coalesce(func.sum(open_cost), 0),
    ).where(fits)
    number, paid, committed = connection.execute(query).one()
    return KeySpend(int(number), int(paid), int(committed))
