"""Plain words for governance: motions, votes, evidence, and what they changed."""

from typing import Final

from explorer_web.facts import Kind
from explorer_web.formats import money
from explorer_web.sentences import Ref, Sentence, account, job
from ledger import motions
from ledger.actions import CastVote, SubmitEvidence
from ledger.motions import MotionKind
from ledger.outcomes import Outcome, OutcomeKind
from ledger.records import SetChangeKind
from ledger.statements import Nullify, SignedStatement

GOVERNANCE_TITLES: Final[dict[OutcomeKind, str]] = {
    OutcomeKind.UNITS_ISSUED: "Units issued",
    OutcomeKind.BALLOT_OPENED: "Ballot opened",
    OutcomeKind.BALLOT_VOTED: "Vote",
    OutcomeKind.BALLOT_PASSED: "Ballot passed",
    OutcomeKind.BALLOT_EXPIRED: "Ballot expired",
    OutcomeKind.VALIDATOR_ADDED: "Validator added",
    OutcomeKind.VALIDATOR_REMOVED: "Validator removed",
    OutcomeKind.VALIDATOR_ACCUSED: "Validator accused",
    OutcomeKind.COORDINATOR_ADDED: "Coordinator added",
    OutcomeKind.COORDINATOR_REMOVED: "Coordinator removed",
    OutcomeKind.PARAMETER_CHANGED: "Parameter changed",
}
"""What each kind is called."""

BALLOT_KINDS: Final = frozenset(
    {
        OutcomeKind.UNITS_ISSUED,
        OutcomeKind.BALLOT_OPENED,
        OutcomeKind.BALLOT_VOTED,
        OutcomeKind.BALLOT_PASSED,
        OutcomeKind.BALLOT_EXPIRED,
    }
)
"""Kinds whose object is a ballot, whose id is that of the transaction that opened it."""

_REASONS: Final = {
    SetChangeKind.ADD: "by a ballot",
    SetChangeKind.REMOVE: "by a ballot",
    SetChangeKind.EVICT: "because it signed two statements that contradict each other",
}

_KEY_DIGITS: Final = 16
"""Hex digits by which a sentence names a validator's key."""


def ballot(ballot_id: bytes) -> Ref:
    """Return a reference to a ballot."""
    return Ref(Kind.BALLOT, ballot_id)


def motion_words(motion: motions.Motion) -> Sentence:
    """Return what a motion asks, as the end of a sentence without its full stop."""
    match motion:
        case motions.AddAuthority():
            name = f"to make {motion.name} a validator, its fees going to "
            return name, account(motion.payout)
        case motions.RemoveAuthority():
            return (f"to remove the validator of key {_key(motion.public_key)}",)
        case motions.AddCoordinator():
            return "to let jobs name coordinator ", account(motion.address), f", {motion.name}"
        case motions.RemoveCoordinator():
            return "to refuse coordinator ", account(motion.address)
        case motions.SetParameter():
            return (f"to set parameter {motion.name} to {motion.value}",)
        case motions.SetProtocolVersion():
            return (f"to put protocol version {motion.version} in force",)
        case motions.ResolveDispute():
            end = "to pay the miner" if motion.for_miner else "to refund the client"
            return f"{end} of disputed job ", job(motion.job_id)
        case motions.IssueUnits():
            return f"to issue {money(motion.amount)} to ", account(motion.to)


def vote_sentence(who: Ref, action: CastVote) -> Sentence:
    """Return what an authority said."""
    if action.motion is not None:
        return who, " opened a ballot ", *motion_words(action.motion), "."
    vote = "yes" if action.support else "no"
    subject = action.ballot_id or b""
    return who, f" voted {vote} on ballot ", ballot(subject), "."


def evidence_sentence(who: Ref, action: SubmitEvidence) -> Sentence:
    """Return what somebody showed."""
    first = action.first.statement
    where = f"of epoch {first.epoch}, view {first.view}"
    shown = f" showed two statements {where} that the validator of key "
    return who, shown + f"{_key(action.authority)} must not both sign."


def statement_text(signed: SignedStatement) -> str:
    """Return a signed statement on one line."""
    said = signed.statement
    where = f"{said.kind.name.lower()} of epoch {said.epoch}, view {said.view}"
    block = "" if isinstance(said, Nullify) else f": block {said.block_id.hex()}"
    return f"{where}{block}"


def governance_sentence(outcome: Outcome) -> Sentence:
    """Return what an outcome of governance did; its parties are all in it."""
    parties = outcome.parties
    match outcome.kind:
        case OutcomeKind.UNITS_ISSUED:
            return f"{money(outcome.amounts[0])} were made for ", account(parties[0]), "."
        case OutcomeKind.BALLOT_OPENED:
            return account(parties[0]), f" opened a ballot to {_kind(outcome)}, and is for it."
        case OutcomeKind.BALLOT_VOTED:
            return account(parties[0]), f" voted {'yes' if outcome.code else 'no'}."
        case OutcomeKind.BALLOT_PASSED:
            return (f"The ballot to {_kind(outcome)} passed.",)
        case OutcomeKind.BALLOT_EXPIRED:
            return (f"The ballot to {_kind(outcome)} expired.",)
        case OutcomeKind.PARAMETER_CHANGED:
            name = outcome.object_id.decode("ascii", "replace")
            return (f"Parameter {name} is {outcome.code} from the next block on.",)
        case OutcomeKind.COORDINATOR_ADDED:
            return "Jobs may name coordinator ", account(parties[0]), "."
        case OutcomeKind.COORDINATOR_REMOVED:
            return "Coordinator ", account(parties[0]), " is refused from now on."
        case OutcomeKind.VALIDATOR_ACCUSED:
            accused = f"The validator of key {_key(outcome.object_id)} contradicted itself in epoch"
            return f"{accused} {outcome.code}, as ", account(parties[0]), " showed."
    added = outcome.kind is OutcomeKind.VALIDATOR_ADDED
    what = "was added" if added else "was removed"
    start = f"The validator of key {_key(outcome.object_id)}, paid to "
    return start, account(parties[0]), f", {what} {_REASONS[SetChangeKind(outcome.code)]}."


def _kind(outcome: Outcome) -> str:
    return MotionKind(outcome.code).name.lower().replace("_", " ")


def _key(public_key: bytes) -> str:
    return f"{public_key.hex()[:_KEY_DIGITS]}…"
