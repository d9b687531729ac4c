"""The page of validators: the set, who signs, what governance changed and decides."""

from collections.abc import Mapping
from typing import Final

from explorer_web.checks import Check
from explorer_web.facts import Fact, Json, Kind, Section, Source, facts_json
from explorer_web.formats import grouped
from explorer_web.governance_words import motion_words
from explorer_web.listings import (
    Column,
    Filter,
    Form,
    Listing,
    Row,
    Rows,
    Table,
    cut,
    parse_position,
    position_key,
)
from explorer_web.outcomes import TITLES, outcome_sentence
from explorer_web.page import Absence, Absent, Crumb, Page
from explorer_web.participation import NOTE, Participation
from explorer_web.ports import MemberStanding, ValidatorsStanding
from explorer_web.words import BALLOT_STATES, VALIDATOR_STATES
from ledger.store import BallotStatus, IndexReader

BLOCKS_SHOWN: Final = 24
"""Blocks of the participation grid."""

BLOCKS_COUNTED: Final = 100
"""Blocks over which participation is counted."""

ROWS_SHOWN: Final = 10
"""Ballots and changes on the page."""

MISSES_SHOWN: Final = 12
"""Heights that are named of those that a validator missed."""

VALIDATORS: Final = Crumb("Validators", "/validators")

BALLOTS: Final = Crumb("Ballots", "/validators/ballots")


def validators_page(index: IndexReader, standing: ValidatorsStanding) -> Page:
    """Return the page of validators.

    Args:
        index: where certificates, ballots and changes are.
        standing: the set in the final state, and how this node sees its members.
    """
    counted = Participation.of(index.blocks(limit=BLOCKS_COUNTED), standing)
    shown = Participation.of(counted.blocks[:BLOCKS_SHOWN], standing)
    members = _members(standing, counted)
    changes, ballots = changes_listing(index, {}), ballots_listing(index, {})
    changed, voted = changes.read("", ROWS_SHOWN), ballots.read("", ROWS_SHOWN)
    sections = (Section("The set", _set(standing)),)
    lists: dict[str, Json] = {
        "validators": members.json,
        "participation": shown.grid.json,
        "waiting": list(standing.waiting),
        "changes": changes.json_rows(changed.rows),
        "ballots": ballots.json_rows(voted.rows),
    }
    return Page(
        template="validators.html",
        title=VALIDATORS.text,
        crumbs=(Crumb(VALIDATORS.text),),
        content={
            "sections": sections,
            "members": members,
            "counted": len(counted.blocks),
            "grid": shown.grid,
            "note": NOTE,
            "waiting": standing.waiting,
            "changes": (changes, changed),
            "ballots": (ballots, voted),
            "checks": _checks(),
            "quorum": standing.quorum,
        },
        twin={**facts_json(sections), "counted_blocks": len(counted.blocks), **lists},
        twin_url="/validators.json",
        moves=True,
    )


def _set(standing: ValidatorsStanding) -> list[Fact]:
    state, number = Source.STATE, Kind.NUMBER
    return [
        Fact("members", "Members", number, len(standing.members), state),
        Fact("quorum", "Quorum", number, standing.quorum, state, "Votes that make a block final."),
        Fact("epoch", "Epoch", number, standing.epoch, state, "A span with one validator set."),
        Fact("set_height", "After block", Kind.HEIGHT, standing.height, state),
        Fact("set_hash", "Hash of the set", Kind.HASH, standing.set_hash, state, "In headers."),
        Fact(
            "protocol_version",
            "Protocol in force",
            number,
            standing.protocol_version,
            state,
            "Changes by ballot, at the end of an epoch.",
        ),
        Fact(
            "peer_version",
            "Version that nodes speak",
            number,
            standing.peer_version,
            Source.NODE,
            "Connections of any other are refused, so every connected validator speaks it.",
        ),
    ]


def _members(standing: ValidatorsStanding, counted: Participation) -> Table:
    with_certificate = sum(signed is not None for signed in counted.signers)
    rows: list[Row] = []
    for place, member in enumerate(standing.members):
        signed, misses = counted.signed(place), counted.misses(place)
        named = ", ".join(grouped(height) for height in misses[:MISSES_SHOWN])
        more = f" and {len(misses) - MISSES_SHOWN} more" if len(misses) > MISSES_SHOWN else ""
        rows.append(
            (
                member.name,
                _state(member),
                signed * 10_000 // with_certificate if with_certificate else None,
                len(misses),
                named + more or None,
                member.silent_ms,
                member.final_height,
                member.public_key,
                member.payout,
            )
        )
    columns = (
        Column("name", "Validator"),
        Column("state", "State", form=Form.BADGE, badges=VALIDATOR_STATES),
        Column("participation", "In certificates", Kind.SHARE),
        Column("misses", "Misses", Kind.NUMBER),
        Column("missed_heights", "Missed heights", is_roomy=True),
        Column("silent_ms", "Last heard", Kind.DURATION, is_roomy=True, hint="How long ago"),
        Column("final_height", "Announces", Kind.NUMBER, is_roomy=True, hint="Its final height"),
        Column("public_key", "Consensus key", Kind.KEY, is_wide=True),
        Column("payout", "Fees go to", Kind.ADDRESS, is_wide=True),
    )
    return Table("Members, in the order of rotation", columns, rows)


def _state(member: MemberStanding) -> str:
    if member.is_self:
        return "self"
    return "connected" if member.is_connected else "away"


def changes_listing(index: IndexReader, _query: Mapping[str, str]) -> Listing:
    """Return the list of what governance changed, evidence among it, newest first."""

    def read(before: str, limit: int) -> Rows:
        found = index.governance_changes(parse_position(before), limit + 1)
        rows: list[Row] = [
            (
                row.height,
                row.timestamp_ms,
                TITLES[row.outcome.kind],
                outcome_sentence(row.outcome),
                row.cause,
            )
            for row in found
        ]
        return cut(rows, [position_key(row.position) for row in found], limit)

    return Listing(
        name="changes",
        title="What governance changed",
        lead="Validators and coordinators that came and went, evidence, parameters, new units.",
        path="/validators/changes",
        columns=(
            Column("height", "Block", Kind.HEIGHT),
            Column("timestamp_ms", "Time", Kind.TIME, is_roomy=True),
            Column("what", "What"),
            Column("words", "In words", form=Form.WORDS),
            Column("transaction_id", "By", Kind.TRANSACTION, is_roomy=True),
        ),
        read=read,
        empty="Nothing has changed since genesis, as far as this index reaches.",
        crumbs=(VALIDATORS, Crumb("Changes")),
    )


def ballots_listing(index: IndexReader, query: Mapping[str, str]) -> Listing:
    """Return the list of ballots, of a status if one is given.

    Raises:
        Absent: there is no such status.
    """
    chosen = query.get("status", "")
    if chosen and chosen not in BALLOT_STATES:
        detail = f"`status` is one of {', '.join(BALLOT_STATES)}"
        raise Absent(None, chosen, absence=Absence.MALFORMED, detail=detail)
    status = BallotStatus(chosen.upper()) if chosen else None

    def read(before: str, limit: int) -> Rows:
        found = index.ballots(parse_position(before), limit + 1, status=status)
        rows: list[Row] = [
            (
                row.ballot_id,
                row.status.value.lower(),
                ("A ballot ", *motion_words(row.motion), "."),
                row.opener,
                row.opened.height,
                row.opened.timestamp_ms,
                row.closed.height if row.closed else None,
            )
            for row in found
        ]
        return cut(rows, [position_key(row.position) for row in found], limit)

    options = (("", "any"), *((name, badge.word) for name, badge in BALLOT_STATES.items()))
    return Listing(
        name="ballots",
        title="Ballots",
        lead="What authorities were asked, newest first. Each ballot's page has the votes on it.",
        path="/validators/ballots",
        columns=(
            Column("ballot_id", "Ballot", Kind.BALLOT),
            Column("status", "Status", form=Form.BADGE, badges=BALLOT_STATES),
            Column("words", "Asks", form=Form.WORDS),
            Column("opener", "Opened by", Kind.ADDRESS, is_roomy=True),
            Column("opened_height", "Opened in", Kind.HEIGHT, is_roomy=True),
            Column("opened_ms", "Opened", Kind.TIME, is_roomy=True),
            Column("closed_height", "Closed in", Kind.HEIGHT, is_roomy=True),
        ),
        read=read,
        empty="No ballot yet.",
        filters=(Filter("status", "Status", chosen, options),),
        crumbs=(VALIDATORS, Crumb("Ballots")),
    )


def _checks() -> tuple[Check, ...]:
    return (
        Check(
            "The set is proved from the genesis on, epoch by epoch, each by a quorum of the set "
            "before it:",
            'aitbc verify "$NODE/v1/proofs/validators" --genesis genesis.json',
        ),
        Check("The same in the final state of a node:", 'curl "$NODE/v1/chain/validators"'),
    )
