"""The home page: how the chain is, in a sentence, and what happened last."""

from typing import Final

from explorer_web.blocks import block_json
from explorer_web.checks import twin_checks
from explorer_web.facts import Json
from explorer_web.jobs import job_json, payment_of
from explorer_web.page import Page
from explorer_web.receipts import receipt_json
from explorer_web.words import PAYMENTS, PHASES
from ledger.store import ChainStats, HourRow, IndexReader

LATEST_ROWS: Final = 8
"""Rows of each list of the home page."""

HOURS_SHOWN: Final = 6
"""Hours of work and spend."""


def home_page(index: IndexReader) -> Page:
    """Return the home page."""
    stats = index.stats()
    blocks = index.blocks(limit=LATEST_ROWS)
    jobs = index.jobs(limit=LATEST_ROWS)
    receipts = index.receipts(limit=LATEST_ROWS)
    hours = index.hours(limit=HOURS_SHOWN)
    return Page(
        template="home.html",
        title="Overview",
        crumbs=(),
        content={
            "stats": stats,
            "blocks": blocks,
            "jobs": jobs,
            "receipts": receipts,
            "hours": hours,
            "phases": PHASES,
            "payments": PAYMENTS,
            "checks": twin_checks("/index.json"),
            "payment_of": payment_of,
        },
        twin={
            "totals": _totals(stats),
            "blocks": [block_json(row) for row in blocks],
            "jobs": [job_json(row) for row in jobs],
            "receipts": [receipt_json(row) for row in receipts],
            "hours": [_hour_json(hour) for hour in hours],
        },
        twin_url="/index.json",
    )


def _hour_json(hour: HourRow) -> Json:
    return {
        "start_ms": hour.start_ms,
        "blocks": hour.blocks,
        "jobs": hour.jobs,
        "receipts": hour.receipts,
        "settled": hour.settled,
        "paid": str(hour.paid),
        "refunded": str(hour.refunded),
    }


def _totals(stats: ChainStats) -> Json:
    phases: dict[str, Json] = {
        phase.value.lower(): count for phase, count in stats.jobs_by_phase.items()
    }
    return {
        "as_of_height": stats.height,
        "timestamp_ms": stats.timestamp_ms,
        "blocks": stats.blocks,
        "transactions": stats.transactions,
        "outcomes": stats.outcomes,
        "receipts": stats.receipts,
        "jobs": stats.jobs,
        "jobs_by_phase": phases,
        "miners": stats.miners,
        "locked": str(stats.locked),
        "paid": str(stats.paid),
        "refunded": str(stats.refunded),
        "fees": str(stats.fees),
    }
