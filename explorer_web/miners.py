"""The page of a miner: the record of its work, how its score follows, and what it does now."""

from collections.abc import Sequence
from typing import Final

from coordinator.stats import MICRO, Weights, day_of
from explorer_web.charts import Chart, Series, draw
from explorer_web.checks import Check
from explorer_web.facts import Fact, Json, Kind, Section, Source, facts_json
from explorer_web.formats import money, utc_day
from explorer_web.grids import Grid, GridRow, Mark
from explorer_web.listings import Column, Row, Table
from explorer_web.lists import jobs_listing, receipts_listing
from explorer_web.page import Crumb, Page, unknown
from explorer_web.ports import Standing
from explorer_web.references import PageKind, page_url
from explorer_web.sentences import Sentence, account, plain
from explorer_web.words import CUSTODIES, MINER_STATES
from ledger.actions import RegisterMiner, UpdateMiner
from ledger.keys import format_address
from ledger.outcomes import OutcomeKind
from ledger.store import CompletedJob, IndexReader, MinerDay, MinerRow
from ledger.types import Address

ROWS_SHOWN: Final = 10
"""Rows of each list on the page."""

RECENT_JOBS: Final = 200
"""Completed jobs from which times and prices by service are taken."""

SCORE_DAYS: Final = 365
"""Days that the score looks back; what is older weighs less than 0.0002 of its own."""

STRIP_DAYS: Final = 30
"""Days of the strip, and of the chart of earnings."""

PRICE_CHANGES: Final = 10
"""Changes of a miner's price floor that are shown."""

_DAY_MS: Final = 86_400_000


def miner_page(index: IndexReader, address: Address, standing: Standing) -> Page:
    """Return the page of a miner, registered or retired.

    Args:
        index: where its work is.
        address: its account.
        standing: where the chain stands; what counts as today.

    Raises:
        Absent: no miner with this address ever registered, as far as the index knows.
    """
    text = format_address(address)
    miner = index.miner(address)
    if miner is None:
        raise unknown(PageKind.MINER, text, None)
    days = index.miner_days(address, SCORE_DAYS)
    today = max(day_of(standing.final_ms), day_of(days[0].start_ms) if days else 0)
    sections = _sections(miner, _weights(days, today))
    services = _services(index.completed_jobs(address, RECENT_JOBS))
    prices = _price_history(index, address)
    current = jobs_listing(index, {"miner": text, "phase": "running"})
    receipts = receipts_listing(index, {"miner": text})
    running, posted = current.read("", ROWS_SHOWN), receipts.read("", ROWS_SHOWN)
    sentence = _sentence(miner)
    url = page_url(PageKind.MINER, address)
    earnings = _earnings(days, today)
    strip, state = _strip(days, today), "retired" if miner.retired else "registered"
    lists: dict[str, Json] = {
        "state": state,
        "strip": strip.json,
        "services": services.json,
        "price_history": prices.json,
        "days": earnings.table.json,
        "current_jobs": current.json_rows(running.rows),
        "latest_receipts": receipts.json_rows(posted.rows),
    }
    return Page(
        template="miner.html",
        title=f"Miner {miner.name}",
        crumbs=(Crumb("Miners", "/miners"), Crumb(miner.name)),
        content={
            "sentence": sentence,
            "badges": (MINER_STATES[state],),
            "sections": sections,
            "account_url": page_url(PageKind.ACCOUNT, address),
            "strip": strip,
            "earnings": earnings,
            "services": services,
            "prices": prices,
            "current": (current, running),
            "receipts": (receipts, posted),
            "checks": _checks(text),
        },
        twin={**facts_json(sections), "sentence": plain(sentence), **lists},
        twin_url=url + ".json",
        moves=True,
    )


def _sentence(miner: MinerRow) -> Sentence:
    done = f"finished {miner.receipts:,} of {miner.assignments:,} attempts"
    return account(miner.miner), f" {done} and earned {money(miner.earned)}."


def _sections(miner: MinerRow, weights: Weights) -> tuple[Section, ...]:
    return (
        Section("Work record", _record(miner), "Counted from final blocks, over all time."),
        Section("Score", _score(weights), _FORMULA),
        Section("Terms", _terms(miner)),
    )


_FORMULA: Final = (
    "reputation = 5 × lower(completed, faults) × lower(settled, refuted), where lower is the lower "
    "end of Wilson's score interval at z = 1.96 and each weight is multiplied by 0.977 a day. "
    f"Here over the jobs of all coordinators, of the last {SCORE_DAYS} days."
)


def _record(miner: MinerRow) -> list[Fact]:
    source, number = Source.INDEX, Kind.NUMBER
    others = max(0, miner.assignments - miner.receipts - miner.released - miner.lost)
    return [
        Fact("assignments", "Attempts", number, miner.assignments, source, "It was given."),
        Fact("receipts", "Completed", number, miner.receipts, source, "Ended with a receipt."),
        Fact("released", "Given back", number, miner.released, source, "By it or for it."),
        Fact("lost", "Failed", number, miner.lost, source, "Without receipt or release."),
        Fact("timeouts", "Timeouts", number, miner.timeouts, source, "Among these two."),
        Fact("others", "Other attempts", number, others, source, _OTHERS),
        Fact("settled", "Receipts paid", number, miner.settled, source),
        Fact("refuted", "Receipts refuted", number, miner.refuted, source, "Lost in a dispute."),
        Fact("reruns", "Agreed in re-runs", number, miner.reruns, source, "A second run agreed."),
        Fact("earned", "Earned", Kind.MONEY, miner.earned, source, "Compensations included."),
    ]


_OTHERS: Final = "Running now, or ended by the client's cancel, which is nobody's fault."


def _score(weights: Weights) -> list[Fact]:
    source, text = Source.INDEX, Kind.TEXT
    reputation = f"{weights.reputation:.2f} of 5"
    parts = (("completed", weights.completed), ("faults", weights.faults))
    judged = (("settled", weights.settled), ("refuted", weights.refuted))
    return [
        Fact("reputation", "Reputation", text, reputation, source),
        Fact("reliability", "Reliability", text, f"{weights.reliability:.4f}", source),
        Fact("correctness", "Correctness", text, f"{weights.correctness:.4f}", source),
        *(
            Fact(f"{name}_weight", f"Weight of {name}", text, f"{micro / MICRO:.3f}", source)
            for name, micro in (*parts, *judged)
        ),
    ]


def _terms(miner: MinerRow) -> list[Fact]:
    signed, retired = Source.SIGNED, miner.retired
    return [
        Fact("miner", "Account", Kind.ADDRESS, miner.miner, signed),
        Fact("name", "Name", Kind.TEXT, miner.name, signed),
        Fact("price_floor", "From, a job", Kind.MONEY, miner.price_floor, signed),
        Fact("bond", "Bond", Kind.MONEY, miner.bond, signed, "Locked while it is registered."),
        Fact("custody", "Custody", Kind.TEXT, CUSTODIES[miner.custody], signed),
        Fact(
            "capabilities_digest",
            "Capabilities",
            Kind.HASH,
            miner.capabilities_digest,
            signed,
            "SHA-256 of the document that describes its hardware and models.",
        ),
        Fact("registered_height", "Registered in", Kind.HEIGHT, miner.registered.height, signed),
        Fact(
            "registered_ms", "Registered", Kind.TIME, miner.registered.timestamp_ms, Source.HEADER
        ),
        Fact(
            "retired_ms",
            "Retired",
            Kind.TIME,
            retired.timestamp_ms if retired else None,
            Source.HEADER,
            missing="no",
        ),
    ]


def _weights(days: Sequence[MinerDay], today: int) -> Weights:
    """Return the weights of a miner's days as they are today."""
    total, before = Weights(), 0
    for day in reversed(days):
        number = day_of(day.start_ms)
        new = (day.completed, day.faults, day.settled, day.refuted)
        total = total.after(number - before if before else 0)
        total, before = total.plus(Weights(*(count * MICRO for count in new))), number
    return total.after(today - before if before else 0)


def _strip(days: Sequence[MinerDay], today: int) -> Grid:
    """Return on which of the last days a miner worked, and whether it failed."""
    by_day = {day_of(day.start_ms): day for day in days}
    # Newest first: where there is no room for all, the oldest are out of sight.
    numbers = range(today, today - STRIP_DAYS, -1)

    def mark(number: int) -> Mark:
        day = by_day.get(number)
        if day is None or not (day.completed or day.faults):
            return Mark.NONE
        return Mark.NO if day.faults > day.completed else Mark.YES

    words = {
        Mark.YES: "finished most of what it began",
        Mark.NO: "failed more than it finished",
        Mark.NONE: "ended no attempt",
    }
    heads = [Crumb(utc_day(number * _DAY_MS)[5:]) for number in numbers]
    row = GridRow("Attempts", [mark(number) for number in numbers])
    return Grid(f"The last {STRIP_DAYS} days of block time, UTC", "Day", heads, (row,), words)


def _earnings(days: Sequence[MinerDay], today: int) -> Chart:
    first = (today - STRIP_DAYS + 1) * _DAY_MS
    shown = [day for day in reversed(days) if day.start_ms >= first]
    columns = (
        Column("start_ms", "Day, UTC", Kind.TIME),
        Column("attempts", "Attempts", Kind.NUMBER),
        Column("completed", "Completed", Kind.NUMBER),
        Column("faults", "Faults", Kind.NUMBER),
        Column("settled", "Paid", Kind.NUMBER),
        Column("refuted", "Refuted", Kind.NUMBER),
        Column("earned", "Earned", Kind.MONEY),
    )
    rows: list[Row] = [
        (
            day.start_ms,
            day.attempts,
            day.completed,
            day.faults,
            day.settled,
            day.refuted,
            day.earned,
        )
        for day in shown
    ]
    return draw(
        Series([utc_day(day.start_ms)[5:] for day in shown], [day.earned for day in shown], money),
        name="earnings",
        title="Earnings by the day",
        formula="What the ledger paid to it, compensations included.",
        window=f"Days of block time with work, of the last {STRIP_DAYS}",
        table=Table("Work and earnings by the day", columns, rows),
        csv_url="",
    )


def _services(jobs: Sequence[CompletedJob]) -> Table:
    """Return times and prices of the newest completed jobs, by service."""
    by_service: dict[str, list[CompletedJob]] = {}
    for job in jobs:
        by_service.setdefault(job.service, []).append(job)
    rows: list[Row] = []
    for service, done in sorted(by_service.items()):
        times = sorted(job.took_ms for job in done if job.took_ms is not None)
        last = next((job for job in done if job.paid), None)
        rows.append(
            (
                service,
                len(done),
                percentile(times, 50),
                percentile(times, 95),
                last.paid if last else None,
                last.ended_ms if last else None,
            )
        )
    columns = (
        Column("service", "Service"),
        Column("jobs", "Jobs", Kind.NUMBER),
        Column("p50_ms", "p50", Kind.DURATION, hint="Half of the jobs took at most this long"),
        Column("p95_ms", "p95", Kind.DURATION, hint="95 of 100 jobs took at most this long"),
        Column("last_paid", "Last paid", Kind.MONEY),
        Column("last_paid_ms", "When", Kind.TIME),
    )
    return Table("Times and prices by service", columns, rows)


def percentile(ordered: Sequence[int], share: int) -> int | None:
    """Return the least value that so many of 100 do not exceed; None of nothing."""
    return ordered[-(-len(ordered) * share // 100) - 1] if ordered else None


def _price_history(index: IndexReader, address: Address) -> Table:
    """Return the newest price floors that a miner set, from what it signed."""
    kinds = {OutcomeKind.MINER_REGISTERED, OutcomeKind.MINER_UPDATED}
    rows: list[Row] = []
    found = index.outcomes(limit=PRICE_CHANGES, object_id=address)
    changes = [each for each in found if each.outcome.kind in kinds]
    causes = index.causes_of(changes)
    for outcome in changes:
        signed = causes.get(outcome.cause) if outcome.cause else None
        action = signed.content.transaction.action if signed else None
        if isinstance(action, RegisterMiner | UpdateMiner):
            rows.append((outcome.height, outcome.timestamp_ms, action.price_floor, outcome.cause))
    columns = (
        Column("height", "Block", Kind.HEIGHT),
        Column("timestamp_ms", "Time", Kind.TIME),
        Column("price_floor", "From, a job", Kind.MONEY),
        Column("transaction_id", "Transaction", Kind.TRANSACTION),
    )
    return Table("Price history", columns, rows)


def _checks(address: str) -> tuple[Check, ...]:
    return (
        Check(
            "The record is counted from receipts and outcomes of final blocks. Fetch the receipts, "
            "and the proof of any of them:",
            f'curl "$NODE/receipts.csv?miner={address}"',
        ),
        Check(
            "The proof of one receipt, checked from the genesis file on:",
            'aitbc verify "$NODE/v1/proofs/receipt/$RECEIPT" --genesis genesis.json',
        ),
        Check("What this page shows, as JSON:", f'curl "$NODE/miners/{address}.json"'),
    )
