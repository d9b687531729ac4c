"""Types on the wire of the operator's side."""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from coordinator.http.money import format_text
from coordinator.invariants import InvariantReport
from coordinator.wire import Body, MoneyText, View


class Invariant(View, kw_only=True, frozen=True):
    """One thing that must hold."""

    name: str
    """Its name."""
    meaning: str
    """What must hold."""
    holds: bool
    """Whether it does."""
    violations: list[str]
    """What does not; at most 100 are listed."""
    count: int
    """How many there are."""


class Invariants(View, kw_only=True, frozen=True):
    """What must hold between the coordinator's tables and the chain."""

    holds: bool
    """Whether all of it does."""
    as_of_height: int
    """Height of the final block that the tables follow."""
    is_current: bool
    """Whether that was the newest one. Otherwise only what the tables say alone was checked: the
    coordinator is catching up."""
    open_jobs: int
    """Jobs whose escrow is locked."""
    escrowed: MoneyText
    """AITBC in those escrows, by the chain."""
    checks: list[Invariant]
    """Each check with what it found."""


def invariants_view(report: InvariantReport) -> Invariants:
    """Return what was found."""
    return Invariants(
        holds=not report.violations,
        as_of_height=report.as_of_height,
        is_current=report.is_current,
        open_jobs=report.open_jobs,
        escrowed=format_text(report.escrowed),
        checks=[
            Invariant(
                name=check.name,
                meaning=check.meaning,
                holds=check.count == 0,
                violations=list(check.violations),
                count=check.count,
            )
            for check in report.checks
        ],
    )


Quota = Annotated[int, Meta(ge=1, le=1_000_000_000)]
"""Requests a minute."""


class KeyLimits(Body, kw_only=True, frozen=True, omit_defaults=True):
    """Requests a minute that a key may make, by policy; the node's, where nothing is said (L1)."""

    submit: Quota | UnsetType = UNSET
    """Submissions of jobs."""
    status: Quota | UnsetType = UNSET
    """Questions about the state of jobs."""
    result: Quota | UnsetType = UNSET
    """Results and receipts of jobs."""
    miner: Quota | UnsetType = UNSET
    """Calls of one miner."""
    miners: Quota | UnsetType = UNSET
    """Calls of all miners of the key."""
    other: Quota | UnsetType = UNSET
    """Everything else."""
