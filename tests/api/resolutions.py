"""Which resolutions of docs/rules/api-resolutions.md apply to which documented rows."""

import re
from fnmatch import fnmatchcase
from pathlib import Path

RESOLUTIONS = Path(__file__).parents[2] / "docs" / "rules" / "api-resolutions.md"

APPLIES: dict[str, tuple[str, ...]] = {
    "V1": ("*.jobs.create", "*.jobs.get", "*.jobs.list", "*.receipts.get*", "*.sdk.httpx.get_job"),
    "V4": ("*.ws.*",),
    "V5": ("2026-05-11.003.jobs.*", "*.schema.*"),
    "V6": ("*.schema.*", "*.response.*", "*.openapi.*", "*.docs.swagger", "*.docs.redoc"),
    "A1": ("*.auth.header", "*.auth.curl"),
    "A2": ("*.auth.*", "*.curl.*", "*.sdk.httpx*.construct", "*.sdk.fetch.construct"),
    "A3": ("*.jobs.create.unauthorized", "*.status.401"),
    "A4": (
        "*.auth.public.*", "*.receipts.list*", "*.receipts.get*", "*.explorer.*", "*.registry.*",
    ),
    "E1": ("*.error.*", "*.response.*", "*.schema.Error"),
    "E2": (
        "*.prompt-required", "*.body-required", "*.bad-request", "*.error.internal-error",
        "*.status.400", "*.status.500", "*.complete.required",
    ),
    "E3": ("*.conflict", "*.cancel.completed", "*.error.job-already-completed"),
    "E4": ("*.not-found", "*.error.job-not-found", "*.status.404"),
    "P1": ("*.jobs.create", "*.jobs.create.minimal", "*.error.insufficient-balance"),
    "P2": ("*.offers.accept", "*.jobs.payment"),
    "P3": ("2026-05-11.003.jobs.create*", "*.error.insufficient-balance"),
    "P4": ("*.jobs.payment",),
    "P5": (
        "*.offers.*", "*.marketplace.stats", "*.miners.stats", "2026-01-24.*.receipts.*",
        "*.jobs.payment",
    ),
    "J1": ("*.state.*", "*.jobs.list.status-*", "*.wait_for_job", "*.waitForJob"),
    "J2": ("*.jobs.list*", "*.receipts.list*", "*.offers.list*", "*.explorer.blocks*"),
    "J3": ("*.jobs.results", "*.jobs.result", "2026-01-24.*.jobs.get"),
    "R2": ("*.jobs.results", "*.jobs.result", "*.get_results", "*.getResults", "*.get_job_result"),
    "J4": ("*.jobs.cancel*",),
    "J5": ("*.jobs.create", "2024-01-01.000.jobs.get", "2024-01-01.000.state.running"),
    "J6": ("*.jobs.create", "*.jobs.get", "*.receipts.get*"),
    "S1": ("2024-01-01.000.jobs.create", "*.error.invalid-job-type", "*.jobs.list.type"),
    "S2": ("*.offers.*", "*.error.offer-not-available"),
    "S3": ("*.default-model", "*.miners.register", "*.sdk.httpx*.usage", "*.sdk.fetch.usage"),
    "S4": ("2024-01-01.000.jobs.create", "2024-01-01.000.sdk.*"),
    "S5": ("*.services.*", "*.registry.*"),
    "S6": ("*.services.*", "2024-01-01.000.jobs.create", "*.miners.register"),
    "M1": ("*.miners.register*", "*.004.overview"),
    "M2": ("*.jobs.available*",),
    "M3": ("*.jobs.claim*",),
    "M4": ("*.jobs.complete*",),
    "L1": ("*.rate-limit.*", "*.error.rate-limit-exceeded", "*.status.429", "*.sdk.retry.429"),
    "Receipts": ("*.receipts.*", "*.jobs.receipt", "*.jobs.receipts", "*.schema.Receipt"),
    "Statistics": (
        "*.health*", "*.stats", "*.base.*", "*.ws.global*", "*.webhooks.*", "*.explorer.*",
    ),
    "Statuses": ("*.create", "*.register", "*.accept", "*.claim", "*.complete", "*.jobs.cancel*"),
    "1.6": ("*.curl.*",),
    "1.7": ("2024-01-01.000.sdk.*",),
    "1.8": ("*.get_results", "*.getResults", "*.get_job_result"),
    "1.12": ("*.base.*", "*.docs.swagger", "*.docs.redoc"),
}  # fmt: skip
"""Patterns of ids, by resolution: the letter and number of a rule, a heading, or an item of 1."""

HEADINGS = {
    "Receipts": "Receipts",
    "Statistics": "Statistics, health, limits, events, ports",
    "Statuses": "Status codes not documented",
}


def resolutions_of(row: str) -> list[str]:
    """Return the resolutions that apply to a row."""
    return [
        code
        for code, patterns in APPLIES.items()
        if any(fnmatchcase(row, pattern) for pattern in patterns)
    ]


def places() -> dict[str, str]:
    """Return the anchor under which the document states each resolution."""
    found: dict[str, str] = {}
    heading = ""
    for line in RESOLUTIONS.read_text().splitlines():
        if match := re.fullmatch(r"#+ (.*)", line):
            heading = match[1]
            found |= {code: _slug(heading) for code, title in HEADINGS.items() if title == heading}
        elif match := re.match(r"- \*\*([A-Z][0-9]+)\.", line):
            found[match[1]] = _slug(heading)
        elif match := re.match(r"([0-9]+)\. \*\*", line):
            found[f"1.{match[1]}"] = _slug(heading)
    return found


def _slug(heading: str) -> str:
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
