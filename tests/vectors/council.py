"""Vectors of what authorities leave behind: records, outcomes, evidence with its verdicts."""

from typing import Final

from ledger.actions import SubmitEvidence
from ledger.codec import encode
from ledger.errors import LedgerError
from ledger.evidence import check_evidence_sanity
from ledger.governance_rejections import EvidenceSignatureInvalid
from ledger.hashing import Purpose, Tags
from ledger.keys import verify
from ledger.motions import IssueUnits, MotionKind, possession_message, prove_possession
from ledger.outcomes import Outcome, OutcomeKind
from ledger.params import Parameters
from ledger.records import (
    Accusation,
    Ballot,
    BallotVote,
    EvidenceLog,
    PendingChanges,
    Record,
    SetChange,
    SetChangeKind,
    Table,
    Validator,
    ValidatorSet,
)
from ledger.statements import SignedStatement, signed_bytes
from tests.vectors.governance import (
    WRONG_PAIRS,
    contradictions,
    evidence_of,
    signed_statement,
)
from tests.vectors.world import CLIENT, COORDINATOR, KEYS, NOW_MS, TAGS, Json, plain, pseudo_random

K = OutcomeKind

AUTHORITY: Final = KEYS["validator"]
BALLOT_ID: Final = pseudo_random("ballot")

_EPOCHS_END: Final = {K.BALLOT_EXPIRED, K.VALIDATOR_ADDED, K.VALIDATOR_REMOVED, K.PARAMETER_CHANGED}

_SHAPES: Final[dict[OutcomeKind, tuple[bytes, int, tuple[bytes, ...]]]] = {
    K.BALLOT_OPENED: (BALLOT_ID, MotionKind.ISSUE_UNITS, (AUTHORITY.address,)),
    K.BALLOT_VOTED: (BALLOT_ID, 1, (AUTHORITY.address,)),
    K.BALLOT_PASSED: (BALLOT_ID, MotionKind.ISSUE_UNITS, ()),
    K.BALLOT_EXPIRED: (BALLOT_ID, MotionKind.ISSUE_UNITS, ()),
    K.VALIDATOR_ADDED: (AUTHORITY.public_key, SetChangeKind.ADD, (KEYS["payout"].address,)),
    K.VALIDATOR_REMOVED: (AUTHORITY.public_key, SetChangeKind.EVICT, (KEYS["payout"].address,)),
    K.VALIDATOR_ACCUSED: (AUTHORITY.public_key, 7, (CLIENT.address,)),
    K.COORDINATOR_ADDED: (COORDINATOR.address, 0, (COORDINATOR.address,)),
    K.COORDINATOR_REMOVED: (COORDINATOR.address, 0, (COORDINATOR.address,)),
    K.PARAMETER_CHANGED: (b"fee_base", 2_000, ()),
}

GOVERNANCE_OUTCOMES: Final = frozenset(_SHAPES)
"""Kinds of outcomes that only ballots, evidence and epochs' ends leave."""


def governance_outcome(kind: OutcomeKind) -> Outcome:
    """Return a record of the shape that `OutcomeKind` describes."""
    subject, code, parties = _SHAPES[kind]
    cause = b"" if kind in _EPOCHS_END else pseudo_random(f"cause {kind.name}")
    return Outcome(kind, cause, subject, int(code), parties, (0,) * len(parties))


def governance_records(validators: ValidatorSet) -> list[tuple[Table, bytes, Record]]:
    """Return an open ballot, what waits for an epoch's end, and accepted evidence."""
    voters = sorted(KEYS[role].public_key for role in ("validator", "other"))
    votes = (
        BallotVote(voters[0], support=True, changed=False),
        BallotVote(voters[1], support=False, changed=True),
    )
    opened = Ballot(voters[0], IssueUnits(CLIENT.address, 10**15), NOW_MS + 604_800_000, votes)
    joining = Validator(KEYS["other"].public_key, "validator-2", KEYS["payout"].address)
    changes = (
        SetChange(SetChangeKind.EVICT, validators.members[0], pseudo_random("evidence")),
        SetChange(SetChangeKind.ADD, joining, BALLOT_ID),
    )
    log = EvidenceLog(2, 5, NOW_MS, (Accusation(AUTHORITY.public_key, 7),))
    return [
        (Table.BALLOT, BALLOT_ID, opened),
        (Table.PENDING, b"", PendingChanges(changes, Parameters(fee_base=2_000))),
        (Table.EVIDENCE, b"", log),
    ]


def evidence() -> Json:
    """A possession proof, and evidence with the verdict that every verifier must reach (E5)."""
    joining, payout = KEYS["other"], KEYS["payout"].address
    return {
        "possession": {
            "public_key": joining.public_key.hex(),
            "name": "validator-2",
            "payout": payout.hex(),
            "message": possession_message(TAGS, joining.public_key, "validator-2", payout).hex(),
            "proof": prove_possession(TAGS, joining, "validator-2", payout).hex(),
        },
        "cases": [_case(name, action) for name, action in _evidence().items()],
    }


def _evidence() -> dict[str, SubmitEvidence]:
    """Return evidence to accept and evidence to refuse, by name."""
    found = {
        name: evidence_of(TAGS, AUTHORITY, *pair)
        for name, pair in contradictions(pseudo_random).items()
    }
    for name, (_, first, second) in WRONG_PAIRS.items():
        found[name] = evidence_of(TAGS, AUTHORITY, first, second)
    first, second = contradictions(pseudo_random)["two notarizes"]
    good = found["two notarizes"]
    other_chain = signed_statement(Tags(bytes(32)), AUTHORITY, second)
    as_finalize = AUTHORITY.sign(TAGS[Purpose.FINALIZE] + encode(second))
    flipped = bytes([good.first.signature[0] ^ 1]) + good.first.signature[1:]
    found |= {
        "second statement signed by another": SubmitEvidence(
            AUTHORITY.public_key, good.first, signed_statement(TAGS, KEYS["other"], second)
        ),
        "accused is another": SubmitEvidence(KEYS["other"].public_key, good.first, good.second),
        "second statement signed for another genesis": SubmitEvidence(
            AUTHORITY.public_key, good.first, other_chain
        ),
        "notarize signed as finalize": SubmitEvidence(
            AUTHORITY.public_key, good.first, SignedStatement(second, as_finalize)
        ),
        "a flipped bit in a signature": SubmitEvidence(
            AUTHORITY.public_key, SignedStatement(first, flipped), good.second
        ),
    }
    return found


def _case(name: str, action: SubmitEvidence) -> Json:
    return {
        "name": name,
        "code": _verdict(action),
        "authority": action.authority.hex(),
        "first": plain(action.first),
        "first_message": signed_bytes(TAGS, action.first.statement).hex(),
        "second": plain(action.second),
        "second_message": signed_bytes(TAGS, action.second.statement).hex(),
    }


def _verdict(action: SubmitEvidence) -> str | None:
    """Return the code of the refusal, None if the evidence proves a contradiction."""
    try:
        check_evidence_sanity(action)
    except LedgerError as refusal:
        return refusal.code
    for signed in (action.first, action.second):
        message = signed_bytes(TAGS, signed.statement)
        if not verify(action.authority, message, signed.signature):
            return EvidenceSignatureInvalid.code
    return None
