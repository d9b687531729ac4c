"""Ballots and evidence of the vectors: every motion, every form of contradiction."""

from collections.abc import Callable, Mapping
from typing import Final

from ledger import motions
from ledger.actions import Action, CastVote, SubmitEvidence
from ledger.hashing import Tags
from ledger.keys import KeyPair
from ledger.statements import (
    Finalize,
    Notarize,
    Nullify,
    SignedStatement,
    Statement,
    signed_bytes,
)
from ledger.types import COUNT_MAX

Case = tuple[str, KeyPair, Action]
"""What a case is called, who signs it, and the action."""


def signed_statement(tags: Tags, key: KeyPair, statement: Statement) -> SignedStatement:
    """Return a statement signed as a vote of consensus is."""
    return SignedStatement(statement, key.sign(signed_bytes(tags, statement)))


def governance_actions(
    tags: Tags, keys: Mapping[str, KeyPair], pseudo_random: Callable[[str], bytes]
) -> list[Case]:
    """Return a ballot with each motion, votes, and evidence of each form."""
    validator, ballot_id = keys["validator"], pseudo_random("ballot")
    opened: list[Case] = [
        (f"cast_vote to {name}", validator, CastVote(None, motion, support=True))
        for name, motion in _motions(tags, keys, pseudo_random).items()
    ]
    voted: list[Case] = [
        ("cast_vote of yes", validator, CastVote(ballot_id, None, support=True)),
        ("cast_vote of no", validator, CastVote(ballot_id, None, support=False)),
    ]
    shown: list[Case] = [
        (f"submit_evidence of {form}", keys["other"], evidence_of(tags, validator, *pair))
        for form, pair in contradictions(pseudo_random).items()
    ]
    return [*opened, *voted, *shown]


def evidence_of(
    tags: Tags, accused: KeyPair, first: Statement, second: Statement
) -> SubmitEvidence:
    """Return evidence that the accused signed both statements."""
    return SubmitEvidence(
        accused.public_key,
        signed_statement(tags, accused, first),
        signed_statement(tags, accused, second),
    )


def contradictions(
    pseudo_random: Callable[[str], bytes],
) -> dict[str, tuple[Statement, Statement]]:
    """Return the three pairs that one validator may not sign (consensus rule 9)."""
    one, other = pseudo_random("block"), pseudo_random("another block")
    return {
        "two notarizes": (Notarize(3, 17, 16, one), Notarize(3, 17, 15, other)),
        "two finalizes": (Finalize(3, 17, 16, one), Finalize(3, 17, 16, other)),
        "nullify and finalize": (
            Nullify(COUNT_MAX, COUNT_MAX),
            Finalize(COUNT_MAX, COUNT_MAX, COUNT_MAX - 1, one),
        ),
    }


def _motions(
    tags: Tags, keys: Mapping[str, KeyPair], pseudo_random: Callable[[str], bytes]
) -> dict[str, motions.Motion]:
    """Return a motion of every kind, by its name."""
    joining, payout = keys["other"], keys["payout"].address
    proof = motions.prove_possession(tags, joining, "validator-2", payout)
    found: list[motions.Motion] = [
        motions.AddAuthority(joining.public_key, "validator-2", payout, proof),
        motions.RemoveAuthority(keys["validator"].public_key),
        motions.AddCoordinator(keys["coordinator"].address, "coordinator-2"),
        motions.RemoveCoordinator(keys["coordinator"].address),
        motions.SetParameter("fee_base", 2_000),
        motions.SetProtocolVersion(2),
        motions.ResolveDispute(pseudo_random("job"), for_miner=True),
        motions.IssueUnits(keys["client"].address, 10**15),
    ]
    return {motions.motion_name(motion): motion for motion in found}


WRONG_PAIRS: Final[dict[str, tuple[str, Statement, Statement]]] = {
    "notarize and nullify of one view": (
        "EVIDENCE_NOTARIZE_AND_NULLIFY",
        Notarize(3, 17, 16, bytes(32)),
        Nullify(3, 17),
    ),
    "notarize and finalize of one view": (
        "EVIDENCE_WITHOUT_CONTRADICTION",
        Notarize(3, 17, 16, bytes(32)),
        Finalize(3, 17, 16, bytes([1]) * 32),
    ),
    "the same statement twice": (
        "EVIDENCE_WITHOUT_CONTRADICTION",
        Finalize(3, 17, 16, bytes(32)),
        Finalize(3, 17, 16, bytes(32)),
    ),
    "two views": (
        "EVIDENCE_WITHOUT_CONTRADICTION",
        Notarize(3, 17, 16, bytes(32)),
        Notarize(3, 18, 16, bytes([1]) * 32),
    ),
    "two epochs": (
        "EVIDENCE_WITHOUT_CONTRADICTION",
        Notarize(3, 17, 16, bytes(32)),
        Notarize(4, 17, 16, bytes([1]) * 32),
    ),
    "nullify of one view and finalize of another": (
        "EVIDENCE_WITHOUT_CONTRADICTION",
        Nullify(3, 18),
        Finalize(3, 17, 16, bytes(32)),
    ),
}
"""Pairs that prove nothing, with the code of the refusal."""
