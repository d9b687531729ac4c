"""The page that stands where there is none: it says which case holds, and what to do."""

from dataclasses import dataclass
from typing import Final

from coordinator.ports import TransactionStatus
from explorer_web.formats import grouped
from explorer_web.page import Absence, Absent, Crumb, Page
from explorer_web.words import Badge, Tone
from ledger.store import KeptRange

REFERENCE_CHARACTERS_MAX: Final = 200
"""Characters of an address that the page repeats."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a page says about one kind of absence."""

    title: str
    """Its heading; `{}` is what was asked for."""
    badge: Badge
    """The case in a word."""
    advice: str
    """What it means, and what can be done."""


CASES: Final[dict[Absence, Case]] = {
    Absence.MALFORMED: Case(
        "This address names no {}",
        Badge("Malformed", Tone.BAD, "Nothing can be at this address."),
        "Check the address: something was cut off or mistyped.",
    ),
    Absence.UNKNOWN: Case(
        "This node knows no such {}",
        Badge(
            "Unknown here",
            Tone.NEUTRAL,
            "Not in what this node keeps of final blocks, and not waiting for one.",
        ),
        "It may belong to another chain, may never have been sent, or may have been dropped "
        "long ago. This node cannot tell which.",
    ),
    Absence.PENDING: Case(
        "This {} waits for a block",
        Badge("Pending", Tone.WAIT, "In this node's pool."),
        "It was admitted to this node's pool, and is not in a block yet. Look again in a moment.",
    ),
    Absence.NOT_FINAL: Case(
        "This {} is included, and not final yet",
        Badge("Not final", Tone.WAIT, "In a block that could still be abandoned."),
        "Pages show what is final, because only that is never undone. Look again in a moment.",
    ),
    Absence.NOT_INDEXED: Case(
        "This {} is final, and not indexed yet",
        Badge("Being indexed", Tone.WAIT, "The explorer's index trails the chain."),
        "The chain has it; these pages have not caught up. Look again in a moment.",
    ),
    Absence.PRUNED: Case(
        "This {} lies before what this node keeps",
        Badge("Pruned", Tone.NEUTRAL, "The chain has it; this node's index begins later."),
        "This node started from a snapshot, or drops what is old. Ask a node that keeps the whole "
        "chain; what it shows can be proved.",
    ),
    Absence.UNREACHABLE: Case(
        "The index does not answer",
        Badge("Unreachable", Tone.BAD, "These pages cannot be read now."),
        "The chain goes on without it: the API's chain routes still answer. Look again in a "
        "moment, or ask the node's operator.",
    ),
    Absence.DROPPED: Case(
        "This {} never got into a block",
        Badge("Dropped", Tone.BAD, "It left the pool without a block."),
        "This node refused it, or its time was over. It cannot become valid again.",
    ),
    Absence.NO_PAGE: Case(
        "There is no page here",
        Badge("No such page", Tone.NEUTRAL, "The address leads nowhere."),
        "Search by height or id above, or begin at the overview.",
    ),
    Absence.FAILED: Case(
        "This page could not be made",
        Badge("Internal error", Tone.BAD, "The node failed while it made the page."),
        "Nothing is wrong with the address: this node failed, and its log says why. Look again in "
        "a moment; if it fails again, tell the node's operator the reference.",
    ),
}
"""Words for each case; a test asserts that none is missing."""

INDEX_LAGS: Final = {
    TransactionStatus.POOLED: Absence.PENDING,
    TransactionStatus.INCLUDED: Absence.NOT_FINAL,
    TransactionStatus.FINAL: Absence.NOT_INDEXED,
    TransactionStatus.REJECTED: Absence.DROPPED,
}
"""What the node's word on a transaction means for its page."""

_STATUSES: Final = {Absence.UNREACHABLE: 503, Absence.FAILED: 500}
"""Statuses of what is no matter of the address; all else is 404."""

_LOOK_AGAIN: Final = frozenset({Absence.PENDING, Absence.NOT_FINAL, Absence.NOT_INDEXED})
"""What will be there soon: the page advances by itself, and stops at the object's own."""

_STAGES: Final = (
    ("admitted", "Admitted", "This node checked it and holds it in its pool."),
    ("included", "In a block", "A block has it, and could still be abandoned."),
    ("final", "Final", "A quorum of validators signed: it is never undone."),
    ("indexed", "Indexed", "These pages can show it."),
)
"""What becomes of a transaction, in order."""

_REACHED: Final = {Absence.PENDING: 1, Absence.NOT_FINAL: 2, Absence.NOT_INDEXED: 3}
"""How many of these stages are behind it."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of the way into these pages."""

    name: str
    """Its stable name."""
    title: str
    """What it is called."""
    detail: str
    """What it means."""
    tone: Tone
    """Whether it is behind, at hand or to come."""
    word: str
    """The same in a word."""


def stages_of(absence: Absence) -> list[Stage]:
    """Return how far something is that will be there soon; nothing for what will not."""
    reached = _REACHED.get(absence)
    if reached is None:
        return []
    tones = [Tone.GOOD] * reached + [Tone.WAIT] + [Tone.NEUTRAL] * len(_STAGES)
    words = {Tone.GOOD: "done", Tone.WAIT: "awaited", Tone.NEUTRAL: "later"}
    return [Stage(*stage, tone, words[tone]) for stage, tone in zip(_STAGES, tones, strict=False)]


def kept_sentence(kept: KeptRange | None) -> str:
    """Return what an index lacks of the chain, in a sentence; nothing where it has all of it."""
    if kept is None:
        return ""
    words = []
    if kept.first_height:
        words.append(f"The index of this node begins at block {grouped(kept.first_height)}.")
    if kept.transfers_from > kept.first_height:
        words.append(
            "It keeps plain transfers from block "
            f"{grouped(kept.transfers_from)} on; older ones have left it."
        )
    return " ".join(words)


def absent_page(absent: Absent, kept: KeptRange | None = None) -> Page:
    """Return the page for what is not there, with the status that says so.

    Args:
        absent: what was asked for, and why it is not there.
        kept: what the index has of the chain, where that may be the reason.
    """
    case = CASES[absent.absence]
    detail = absent.detail or kept_sentence(kept)
    kind = absent.kind.value if absent.kind else "page"
    reference = absent.reference
    if len(reference) > REFERENCE_CHARACTERS_MAX:
        reference = reference[:REFERENCE_CHARACTERS_MAX] + "…"
    return Page(
        template="absent.html",
        title=case.badge.word,
        crumbs=(Crumb(case.badge.word),),
        content={
            "heading": case.title.format(kind),
            "badges": (case.badge,),
            "case": case,
            "detail": detail,
            "reference": reference,
            "can_look_again": absent.absence in _LOOK_AGAIN,
            "stages": stages_of(absent.absence),
        },
        twin={"error": absent.absence.value, "kind": kind, "detail": detail or case.advice},
        status=_STATUSES.get(absent.absence, 404),
    )
