"""The read side of the index.

Every list is paged by key and costs the same however long the chain is: a test asks the database
for the plan of each query. Lists come newest first. The first page has `before=None`; each further
page passes the position of the last row that it has. An `IndexReader` may be used from several
threads.
"""

from collections.abc import Callable

from sqlalchemy import func, select, tuple_

from ledger.actions import Reason
from ledger.outcomes import OutcomeKind
from ledger.store.chain_queries import ChainQueries
from ledger.store.engine import Database
from ledger.store.errors import FilterUnsupported
from ledger.store.governance_models import BallotRow, BallotStatus
from ledger.store.index_tables import (
    BALLOTS,
    CHANGES,
    CURSOR,
    HOURS,
    JOBS,
    MINER_DAYS,
    MINERS,
    OFFERS,
    PARTITIONS,
    REASONS,
    RECEIPTS,
    TOTALS,
)
from ledger.store.paging import (
    PAGE_MAX,
    AnyRow,
    AnySelect,
    Before,
    ModelT,
    fetch,
    has_id,
    page_size,
    paged,
)
from ledger.store.read_models import (
    ChainStats,
    HourRow,
    KeptRange,
    OutcomeRow,
)
from ledger.store.read_rows import (
    BALLOT_ROWS,
    CHANGE_ROWS,
    COMPLETED_ROWS,
    JOB_ROWS,
    MINER_ROWS,
    OFFER_ROWS,
    RECEIPT_ROWS,
    ballot_row,
    change_row,
    completed_row,
    job_row,
    miner_row,
    offer_row,
    receipt_row,
)
from ledger.store.schema import Schema, require_schema
from ledger.store.tally import DAY_MS, HOUR_MS, TOTAL_NAMES, phase_total
from ledger.store.work_models import (
    CompletedJob,
    JobPhase,
    JobRow,
    MinerDay,
    MinerRow,
    OfferRow,
    OfferStatus,
    ReasonRow,
    ReasonTotal,
    ReceiptRow,
)
from ledger.types import TIMESTAMP_MS_MAX, Address, Hash, Height, TimestampMs


class IndexReader(ChainQueries):
    """Answers questions about final blocks from the index that `Indexer` writes."""

    def __init__(self, url: str) -> None:
        """Open the index at an SQLAlchemy URL; the indexer must have made it.

        Raises:
            StoreMissing: there is no index there yet.
            SchemaTooNew, SchemaTooOld: another version of this program made it.
        """
        super().__init__(Database(url, create=False))
        try:
            require_schema(self._database, Schema.INDEX)
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Give the connections back."""
        self._database.close()

    def indexed_height(self) -> int:
        """Return the height up to which everything below holds; -1 before genesis."""
        with self._database.reading() as connection:
            height = connection.execute(select(CURSOR.c.height)).scalar_one_or_none()
            return -1 if height is None else height

    def first_height(self) -> Height | None:
        """Return the height of the first block that was indexed; None before there is one."""
        with self._database.reading() as connection:
            found: Height | None = connection.execute(
                select(CURSOR.c.first_height)
            ).scalar_one_or_none()
            return found

    def kept(self) -> KeptRange | None:
        """Return what the index has of the chain; None before genesis."""
        oldest = PARTITIONS.c.number == CURSOR.c.first_partition
        with self._database.reading() as connection:
            columns = (CURSOR.c.first_height, CURSOR.c.has_archive, PARTITIONS.c.first_height)
            query = select(*columns).join_from(CURSOR, PARTITIONS, oldest)
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        first_height, has_archive, oldest_height = row
        return KeptRange(first_height, oldest_height if has_archive else first_height)

    def job(self, job_id: Hash) -> JobRow | None:
        """Return a job, live or ended."""
        condition = has_id(JOBS.c.id_prefix, JOBS.c.job_id, job_id)
        return self._first(JOB_ROWS.where(condition), job_row)

    def jobs(
        self,
        before: Before = None,
        limit: int = 25,
        *,
        client: Address | None = None,
        miner: Address | None = None,
        phase: JobPhase | None = None,
    ) -> list[JobRow]:
        """Return jobs, newest submission first.

        Args:
            before: position of the previous page's last row.
            limit: most rows.
            client: only this client's.
            miner: only those whose last assignment went to this miner.
            phase: only those in this phase; goes with either of the others.

        Raises:
            FilterUnsupported: both `client` and `miner`.
        """
        if client is not None and miner is not None:
            raise FilterUnsupported("filter jobs by client or by miner, not by both")
        query = paged(JOB_ROWS, JOBS.c.position, before, limit)
        if client is not None:
            query = query.where(JOBS.c.client == client)
        if miner is not None:
            query = query.where(JOBS.c.miner == miner)
        if phase is not None:
            query = query.where(JOBS.c.phase == phase)
        return self._all(query, job_row)

    def completed_jobs(self, miner: Address, limit: int = 25) -> list[CompletedJob]:
        """Return what is counted of a miner's jobs that have a receipt, newest submission first."""
        is_done = (JOBS.c.miner == miner) & (JOBS.c.phase == JobPhase.COMPLETED)
        query = paged(COMPLETED_ROWS.where(is_done), JOBS.c.position, None, limit)
        return self._all(query, completed_row)

    def receipt(self, receipt_id: Hash) -> ReceiptRow | None:
        """Return a receipt."""
        condition = has_id(RECEIPTS.c.id_prefix, RECEIPTS.c.receipt_id, receipt_id)
        return self._first(RECEIPT_ROWS.where(condition), receipt_row)

    def receipt_of_job(self, job_id: Hash) -> ReceiptRow | None:
        """Return the receipt of a job; None if it has none."""
        job = JOBS.c.receipt_position == RECEIPTS.c.position
        query = RECEIPT_ROWS.join_from(JOBS, RECEIPTS, job)
        return self._first(
            query.where(has_id(JOBS.c.id_prefix, JOBS.c.job_id, job_id)), receipt_row
        )

    def receipts(
        self,
        before: Before = None,
        limit: int = 25,
        *,
        client: Address | None = None,
        provider: Address | None = None,
    ) -> list[ReceiptRow]:
        """Return receipts, newest first; of a client, of a miner, or of both together."""
        query = paged(RECEIPT_ROWS, RECEIPTS.c.position, before, limit)
        if client is not None:
            query = query.where(RECEIPTS.c.client == client)
        if provider is not None:
            query = query.where(RECEIPTS.c.miner == provider)
        return self._all(query, receipt_row)

    def miner(self, address: Address) -> MinerRow | None:
        """Return a miner, registered or retired."""
        return self._first(MINER_ROWS.where(MINERS.c.miner == address), miner_row)

    def miner_by_name(self, name: str) -> MinerRow | None:
        """Return who holds a name, without regard to case; else who held it last."""
        query = MINER_ROWS.where(MINERS.c.name_key == name.lower())
        newest = query.order_by(MINERS.c.active.desc(), MINERS.c.position.desc())
        return self._first(newest, miner_row)

    def miners(self, before: Before = None, limit: int = 25) -> list[MinerRow]:
        """Return miners, newest registration first, retired ones included."""
        return self._all(paged(MINER_ROWS, MINERS.c.position, before, limit), miner_row)

    def best_earners(self, limit: int = 10) -> list[MinerRow]:
        """Return the miners that were paid most, the first one most of all."""
        newest = MINER_ROWS.order_by(MINERS.c.earned.desc()).limit(page_size(limit))
        return self._all(newest, miner_row)

    def miner_days(self, miner: Address, limit: int = 90) -> list[MinerDay]:
        """Return a miner's days on which something was counted, newest first."""
        query = select(*list(MINER_DAYS.c)[1:]).where(MINER_DAYS.c.miner == miner)
        query = query.order_by(MINER_DAYS.c.day.desc()).limit(page_size(limit))
        return self._all(query, lambda row: MinerDay(row[0] * DAY_MS, *row[1:]))

    def reasons(
        self,
        since_ms: TimestampMs,
        before: tuple[TimestampMs, int, int] | None = None,
        limit: int = PAGE_MAX,
    ) -> list[ReasonRow]:
        """Return why attempts and jobs ended without pay since an hour, newest hour first.

        Args:
            since_ms: a time in the first hour.
            before: hour, kind and reason of the previous page's last row; None for the first page.
            limit: most rows.
        """
        key = (REASONS.c.hour, REASONS.c.kind, REASONS.c.code)
        query = select(REASONS).where(REASONS.c.hour >= _hour(since_ms))
        if before is not None:
            query = query.where(tuple_(*key) < (_hour(before[0]), *before[1:]))
        query = query.order_by(*(each.desc() for each in key)).limit(page_size(limit))
        return self._all(query, _reason_row)

    def reason_totals(self, since_ms: TimestampMs) -> list[ReasonTotal]:
        """Return how often what ended without pay and why since an hour; all of it, unordered."""
        key = (REASONS.c.kind, REASONS.c.code)
        query = select(*key, func.sum(REASONS.c.count)).where(REASONS.c.hour >= _hour(since_ms))
        # PostgreSQL sums to decimals.
        return self._all(
            query.group_by(*key),
            lambda row: ReasonTotal(OutcomeKind(row[0]), Reason(row[1]), int(row[2])),
        )

    def ballot(self, ballot_id: Hash) -> BallotRow | None:
        """Return a ballot, open or closed; `outcomes(object_id=…)` has the votes on it."""
        condition = has_id(BALLOTS.c.id_prefix, BALLOTS.c.ballot_id, ballot_id)
        return self._first(BALLOT_ROWS.where(condition), ballot_row)

    def ballots(
        self, before: Before = None, limit: int = 25, *, status: BallotStatus | None = None
    ) -> list[BallotRow]:
        """Return ballots, newest first; only those of a status, if one is given."""
        query = paged(BALLOT_ROWS, BALLOTS.c.position, before, limit)
        if status is not None:
            query = query.where(BALLOTS.c.status == status)
        return self._all(query, ballot_row)

    def offers(
        self,
        before: Before = None,
        limit: int = 25,
        *,
        status: OfferStatus | None = None,
        service: str | None = None,
    ) -> list[OfferRow]:
        """Return offers, newest first; of a status, and of a service with that.

        Raises:
            FilterUnsupported: `service` without `status`.
        """
        if service is not None and status is None:
            raise FilterUnsupported("filter offers by service together with a status")
        query = paged(OFFER_ROWS, OFFERS.c.position, before, limit)
        if status is not None:
            query = query.where(OFFERS.c.status == status)
        if service is not None:
            query = query.where(OFFERS.c.service == service)
        return self._all(query, offer_row)

    def cheapest_offers(self, service: str, limit: int = 25) -> list[OfferRow]:
        """Return the open offers of a service, the cheapest first."""
        is_open = (OFFERS.c.service == service) & (OFFERS.c.status == OfferStatus.OPEN)
        query = OFFER_ROWS.where(is_open).order_by(OFFERS.c.price, OFFERS.c.position)
        return self._all(query.limit(page_size(limit)), offer_row)

    def governance_changes(self, before: Before = None, limit: int = 25) -> list[OutcomeRow]:
        """Return what changed about validators, coordinators, parameters and supply."""
        return self._all(paged(CHANGE_ROWS, CHANGES.c.position, before, limit), change_row)

    def stats(self) -> ChainStats:
        """Return the totals."""
        totals = dict.fromkeys(TOTAL_NAMES, 0)
        with self._database.reading() as connection:
            at = connection.execute(select(CURSOR.c.height, CURSOR.c.timestamp_ms)).one_or_none()
            totals.update(iter(connection.execute(select(TOTALS))))
        height, timestamp_ms = (-1, 0) if at is None else at
        names = ("blocks", "transactions", "outcomes", "receipts", "jobs", "miners")
        amounts = ("locked", "paid", "refunded", "fees", "earned")
        return ChainStats(
            height=height,
            timestamp_ms=timestamp_ms,
            jobs_by_phase={phase: totals[phase_total(phase)] for phase in JobPhase},
            **{name: totals[name] for name in (*names, *amounts)},
        )

    def hours(self, before_ms: TimestampMs | None = None, limit: int = 24) -> list[HourRow]:
        """Return hourly statistics, newest first; hours without a block have no row."""
        query = select(HOURS).order_by(HOURS.c.hour.desc()).limit(page_size(limit))
        if before_ms is not None:
            query = query.where(HOURS.c.hour < _hour(before_ms))
        return self._all(query, lambda row: HourRow(row[0] * HOUR_MS, *row[1:]))

    def _all(self, query: AnySelect, model: Callable[[AnyRow], ModelT]) -> list[ModelT]:
        with self._database.reading() as connection:
            return fetch(connection, query, model)

    def _first(self, query: AnySelect, model: Callable[[AnyRow], ModelT]) -> ModelT | None:
        found = self._all(query.limit(1), model)
        return found[0] if found else None


def _hour(time_ms: TimestampMs) -> int:
    """Return the number of a time's hour, of the nearest that is one."""
    return min(max(time_ms, 0), TIMESTAMP_MS_MAX) // HOUR_MS


def _reason_row(row: AnyRow) -> ReasonRow:
    hour, kind, code, count = row
    return ReasonRow(hour * HOUR_MS, OutcomeKind(kind), Reason(code), count)


__all__ = ["PAGE_MAX", "IndexReader"]
