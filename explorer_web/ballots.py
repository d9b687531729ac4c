"""The page of a ballot: what it asks, who voted how, and how many votes it takes."""

from collections.abc import Callable, Sequence

from explorer_web.checks import Check
from explorer_web.facts import Fact, Json, Kind, Section, Source, facts_json
from explorer_web.formats import short
from explorer_web.governance_words import motion_words
from explorer_web.outcomes import outcome_json
from explorer_web.page import Crumb, Page, malformed, unknown
from explorer_web.references import PageKind, page_url, parse_id
from explorer_web.sentences import Sentence, account, plain
from explorer_web.validators import BALLOTS, VALIDATORS
from explorer_web.words import BALLOT_STATES, FINAL
from ledger import quorum_of
from ledger.block import Header
from ledger.outcomes import OutcomeKind
from ledger.records import ValidatorSet
from ledger.store import PAGE_MAX, BallotRow, IndexReader, OutcomeRow
from ledger.types import Address


def ballot_page(
    index: IndexReader, reference: str, members_of: Callable[[Header], ValidatorSet | None]
) -> Page:
    """Return the page of a ballot.

    Args:
        index: where ballots and votes are.
        reference: its id from the address: that of the transaction that opened it.
        members_of: who agreed on a block, to say how many may vote.

    Raises:
        Absent: there is no such ballot here.
    """
    ballot_id = parse_id(PageKind.BALLOT, reference)
    if ballot_id is None:
        wanted = "a ballot is named by the id of the transaction that opened it: 64 hex digits"
        raise malformed(PageKind.BALLOT, reference, wanted)
    ballot = index.ballot(ballot_id)
    if ballot is None:
        raise unknown(PageKind.BALLOT, reference, ballot_id)
    # Each authority votes once and may change it once, so one read has all of it.
    outcomes = index.outcomes(limit=PAGE_MAX, object_id=ballot_id)[::-1]
    votes = votes_of(outcomes)
    at = index.block_at(ballot.closed.height if ballot.closed else index.indexed_height())
    members = members_of(at.header) if at is not None else None
    sections = (Section("Overview", _overview(ballot, votes, members)),)
    title = f"Ballot {short(ballot_id.hex())}"
    sentence: Sentence = (
        account(ballot.opener),
        " opened a ballot ",
        *motion_words(ballot.motion),
        ".",
    )
    told: list[Json] = [outcome_json(row) for row in outcomes]
    return Page(
        template="ballot.html",
        title=title,
        crumbs=(VALIDATORS, BALLOTS, Crumb(title)),
        content={
            "sentence": sentence,
            "badges": (BALLOT_STATES[ballot.status.value.lower()], FINAL),
            "sections": sections,
            "outcomes": outcomes,
            "checks": _checks(ballot_id.hex()),
        },
        twin={**facts_json(sections), "sentence": plain(sentence), "outcomes": told},
        twin_url=page_url(PageKind.BALLOT, ballot_id) + ".json",
        moves=ballot.closed is None,
    )


def votes_of(outcomes: Sequence[OutcomeRow]) -> dict[Address, bool]:
    """Return how each authority voted last; who opens a ballot is for it.

    Args:
        outcomes: what happened to the ballot, oldest first.
    """
    votes: dict[Address, bool] = {}
    for row in outcomes:
        if row.outcome.kind is OutcomeKind.BALLOT_OPENED:
            votes[row.outcome.parties[0]] = True
        elif row.outcome.kind is OutcomeKind.BALLOT_VOTED:
            votes[row.outcome.parties[0]] = bool(row.outcome.code)
    return votes


def _overview(
    ballot: BallotRow, votes: dict[Address, bool], members: ValidatorSet | None
) -> list[Fact]:
    of_index, outcome, number = Source.INDEX, Source.OUTCOME, Kind.NUMBER
    count = None if members is None else len(members.members)
    quorum = None if count is None else quorum_of(count)
    closed = ballot.closed
    unclosed, nameless = "still open", "the set is not known here"
    return [
        Fact("ballot_id", "Ballot id", Kind.TRANSACTION, ballot.ballot_id, of_index, _OPENING),
        Fact("status", "Status", Kind.TEXT, ballot.status.value.lower(), of_index),
        Fact("yes", "Votes for it", number, sum(votes.values()), outcome, _LAST),
        Fact("no", "Votes against it", number, len(votes) - sum(votes.values()), outcome),
        Fact("voters", "Authorities", number, count, Source.STATE, _VOTERS, nameless),
        Fact("quorum", "Votes that pass it", number, quorum, Source.STATE, "", nameless),
        Fact("opener", "Opened by", Kind.ADDRESS, ballot.opener, of_index),
        Fact("opened_height", "Opened in", Kind.HEIGHT, ballot.opened.height, of_index),
        Fact("opened_ms", "Opened", Kind.TIME, ballot.opened.timestamp_ms, Source.HEADER),
        Fact(
            "closed_height",
            "Closed in",
            Kind.HEIGHT,
            closed and closed.height,
            of_index,
            missing=unclosed,
        ),
        Fact(
            "closed_ms",
            "Closed",
            Kind.TIME,
            closed and closed.timestamp_ms,
            Source.HEADER,
            missing=unclosed,
        ),
    ]


_OPENING = "Id of the transaction that opened it."
_LAST = "Of each authority its last one. Who opened it is for it; votes of those who left lapse."
_VOTERS = "Validators of the block that closed it, or of the newest one."


def _checks(ballot_id: str) -> tuple[Check, ...]:
    return (
        Check(
            "That it was opened, and what it asks: the proof of its transaction, checked from the "
            "genesis file on. Each vote below links its own proof:",
            f'aitbc verify "$NODE/v1/proofs/transaction/{ballot_id}" --genesis genesis.json',
        ),
        Check(
            "What this page shows, as JSON:", f'curl "$NODE/validators/ballots/{ballot_id}.json"'
        ),
    )
