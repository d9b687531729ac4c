"""The page of every component in every state, made as the other pages make it.

Its values are made up and say so; nothing here is read from the chain.
"""

from typing import Final

from explorer_web.charts import Chart, Series, draw
from explorer_web.checks import Check
from explorer_web.facts import Fact, Kind, Section, Source
from explorer_web.formats import grouped
from explorer_web.grids import Grid, GridRow, Mark
from explorer_web.listings import Column, Filter, Form, Listing, Row, Rows, Table
from explorer_web.page import Crumb, Page
from explorer_web.steps import Step, StepState
from explorer_web.words import APPLIED, FINAL, PAYMENTS, PHASES, Badge, Tone
from ledger.hashing import sha256

_NOW_MS: Final = 1_760_000_000_000

_TONES: Final = (
    Badge("Good", Tone.GOOD, "It went as it should."),
    Badge("Waiting", Tone.WAIT, "Something is still to come."),
    Badge("Bad", Tone.BAD, "It failed, or needs a look."),
    Badge("Neutral", Tone.NEUTRAL, "It is over, and neither good nor bad."),
    Badge("Final", Tone.FINAL, "It is never undone."),
)
_LONG: Final = "a-name-that-is-as-long-as-names-may-be-and-has-no-place-to-break"

_COLUMNS: Final = (
    Column("job_id", "Job", Kind.JOB),
    Column("service", "Service"),
    Column(
        "phase",
        "Phase",
        form=Form.BADGE,
        badges={phase.value.lower(): badge for phase, badge in PHASES.items()},
    ),
    Column("max_price", "Locked", Kind.MONEY),
    Column("size", "Size", Kind.BYTES, is_roomy=True, hint="Left out on a narrow screen"),
    Column("submitted_ms", "Submitted", Kind.TIME),
)


def styleguide_page() -> Page:
    """Return the page."""
    listing = _listing()
    return Page(
        template="styleguide.html",
        title="Style guide",
        crumbs=(Crumb("Style guide"),),
        content={
            "tones": _TONES,
            "outcomes_of": (tuple(PHASES.values()), tuple(PAYMENTS.values()), (APPLIED, FINAL)),
            "facts": _facts(),
            "missing": Section("Without values", [_fact("none", Kind.HASH, None)]),
            "listing": listing,
            "rows": listing.read("", 3).rows,
            "check": (
                Check("Ask another node:", 'curl "$NODE/v1/proofs/account/ait1…"'),
                Check("A sentence without a line."),
            ),
            "chart": _chart(),
            "empty_chart": _chart(is_empty=True),
            "grid": _grid(),
            "steps": _steps(),
            "raw": (("A header", sha256(b"header") * 4), ("A certificate", b"")),
            "sentence": ("Something made up moved ", "12 AITBC", "."),
        },
    )


def _listing() -> Listing:
    phases = [phase.value.lower() for phase in PHASES]
    rows: list[Row] = [
        (sha256(name.encode()), name, phase, 10**number, 10**number, _NOW_MS - 10**number)
        for number, (name, phase) in enumerate(
            zip(("llm_inference", "ffmpeg_transcode", _LONG), phases, strict=False), 4
        )
    ]
    options = (("", "any"), *((phase, phase) for phase in phases))
    return Listing(
        name="examples",
        title="Examples",
        lead="",
        path="/styleguide",
        columns=_COLUMNS,
        read=lambda _before, limit: Rows(rows[:limit], "1.0"),
        empty="No such job.",
        filters=(
            Filter("client", "Client", "", (), "ait1…"),
            Filter("phase", "Phase", "running", options),
        ),
    )


def _fact(name: str, kind: Kind, value: bytes | int | str | None, hint: str = "") -> Fact:
    return Fact(name, name.capitalize(), kind, value, Source.INDEX, hint)


def _facts() -> Section:
    digest = sha256(b"made up")
    return Section(
        "Every kind of value",
        [
            _fact("text", Kind.TEXT, _LONG),
            _fact("number", Kind.NUMBER, 1_234_567),
            _fact("amount", Kind.MONEY, 1_500_000_000, "Exact, with its unit."),
            _fact("small amount", Kind.MONEY, 12),
            _fact("time", Kind.TIME, _NOW_MS),
            _fact("hour", Kind.HOUR, _NOW_MS),
            _fact("duration", Kind.DURATION, 3_905_000),
            _fact("size", Kind.BYTES, 1_536),
            _fact("share", Kind.SHARE, 525),
            _fact("hash", Kind.HASH, digest, "In full; a button copies it."),
            _fact("transaction", Kind.TRANSACTION, digest, "Made up: it leads to no transaction."),
            _fact("account", Kind.ADDRESS, digest[:20]),
            Fact("claim", "Claim", Kind.NUMBER, 7, Source.CLAIMED, "Marked with who answers."),
        ],
        "Names at the left, values at the right, and where each is from.",
    )


def _chart(*, is_empty: bool = False) -> Chart:
    labels = [f"{hour:02d}:00" for hour in range(24)]
    values = [] if is_empty else [(hour * 37) % 50 + 3 for hour in range(24)]
    table = Table(
        "Jobs by the hour",
        (Column("hour", "Hour"), Column("jobs", "Jobs", Kind.NUMBER)),
        list(zip(labels, values, strict=False)),
    )
    series = Series(labels[: len(values)], values, grouped)
    return draw(
        series,
        name="empty-chart" if is_empty else "a-chart",
        title="Jobs by the hour",
        formula="Jobs submitted in blocks of the hour.",
        window="Made up",
        table=table,
        csv_url="",
    )


def _grid() -> Grid:
    marks = (Mark.YES, Mark.YES, Mark.NO, Mark.YES, Mark.NONE)
    return Grid(
        title="Who signed which block",
        corner="Validator",
        heads=[Crumb(str(height), f"/blocks/{height}") for height in range(5)],
        rows=[
            GridRow(f"validator-{number}", marks[number:] + marks[:number]) for number in range(4)
        ],
        words={Mark.YES: "signed", Mark.NO: "did not sign", Mark.NONE: "not known"},
    )


def _steps() -> tuple[Step, ...]:
    return (
        Step("genesis", "Genesis", StepState.PASSED, "The digest is the one that you pinned."),
        Step("headers", "Headers", StepState.PASSED),
        Step("certificate", "Certificate", StepState.FAILED, "3 votes, and 4 are needed."),
        Step("inclusion", "Inclusion", StepState.RUNNING),
        Step("signature", "Signature", StepState.WAITING, "An earlier step failed."),
    )
