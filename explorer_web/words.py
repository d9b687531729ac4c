"""Plain words for what the ledger does: sentences about actions and outcomes, badges, reasons.

A sentence is made of words and references, see `sentences`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from explorer_web.facts import Kind
from explorer_web.formats import money, units_of
from explorer_web.governance_words import evidence_sentence, vote_sentence
from explorer_web.offer_words import offer_action_sentence
from explorer_web.sentences import Ref, Sentence, account, job, receipt
from ledger.actions import (
    AcceptOffer,
    AcceptReceipt,
    Action,
    AssignJob,
    AttestationKind,
    AttestReceipt,
    CancelJob,
    CastVote,
    Custody,
    DisputeReceipt,
    FailJob,
    PostOffer,
    PostReceipt,
    Reason,
    RegisterMiner,
    ReleaseJob,
    RetireMiner,
    SubmitEvidence,
    SubmitJob,
    Transfer,
    UpdateMiner,
    WithdrawOffer,
)
from ledger.store import JobPhase, Payment
from ledger.types import Address, Amount


class Tone(StrEnum):
    """What a badge's colour and icon say beside its word."""

    GOOD = "good"
    WAIT = "wait"
    BAD = "bad"
    NEUTRAL = "neutral"
    FINAL = "final"


@dataclass(frozen=True, slots=True)
class Badge:
    """A state: icon, word and colour."""

    word: str
    """The word."""
    tone: Tone
    """Colour and icon."""
    meaning: str
    """What the word says, in a sentence."""


FINAL: Final = Badge(
    "Final", Tone.FINAL, "In a block with a finality certificate: it is never undone."
)
APPLIED: Final = Badge(
    "Applied", Tone.GOOD, "The ledger accepted it; blocks hold valid transactions only."
)

PHASES: Final[dict[JobPhase, Badge]] = {
    JobPhase.QUEUED: Badge("Queued", Tone.WAIT, "Waits for a miner."),
    JobPhase.RUNNING: Badge("Running", Tone.WAIT, "A miner works on it."),
    JobPhase.COMPLETED: Badge("Completed", Tone.GOOD, "The miner's receipt is on the chain."),
    JobPhase.FAILED: Badge("Failed", Tone.BAD, "Its coordinator ended it without a receipt."),
    JobPhase.CANCELLED: Badge("Cancelled", Tone.NEUTRAL, "Its client ended it."),
    JobPhase.EXPIRED: Badge("Expired", Tone.BAD, "Its time ran out."),
}
"""Badge of each phase of a job."""

PAYMENTS: Final[dict[str, Badge]] = {
    "escrowed": Badge("Escrowed", Tone.WAIT, "The price is locked on the chain."),
    "disputed": Badge("Disputed", Tone.BAD, "Its receipt is disputed; nothing is paid."),
    "released": Badge("Paid", Tone.GOOD, "The miner is paid, the client has the rest."),
    "refunded": Badge("Refunded", Tone.NEUTRAL, "The escrow went back to the client."),
    "compensated": Badge(
        "Compensated", Tone.NEUTRAL, "The miner got a part for its work, the client has the rest."
    ),
}
"""Badge of what became of an escrow; see `payment_state`."""

MINER_STATES: Final[dict[str, Badge]] = {
    "registered": Badge("Registered", Tone.GOOD, "It may be given jobs."),
    "retired": Badge("Retired", Tone.NEUTRAL, "It left; its record stays."),
}
"""Badge of whether a miner is registered."""

VALIDATOR_STATES: Final[dict[str, Badge]] = {
    "self": Badge("This node", Tone.GOOD, "This node votes as this validator."),
    "connected": Badge("Connected", Tone.GOOD, "This node is connected to it."),
    "away": Badge("Not connected", Tone.WAIT, "This node has no connection to it now."),
}
"""Badge of how this node sees a validator."""

OFFER_STATES: Final[dict[str, Badge]] = {
    "open": Badge("Open", Tone.GOOD, "It can be accepted."),
    "taken": Badge("Taken", Tone.NEUTRAL, "Accepted as often as it could be."),
    "withdrawn": Badge("Withdrawn", Tone.NEUTRAL, "Taken back, or its miner retired."),
    "expired": Badge("Expired", Tone.NEUTRAL, "Its time was over."),
}
"""Badge of what became of an offer."""

BALLOT_STATES: Final[dict[str, Badge]] = {
    "open": Badge("Open", Tone.WAIT, "Authorities vote on it."),
    "passed": Badge("Passed", Tone.GOOD, "What it asked has been decided."),
    "expired": Badge("Expired", Tone.NEUTRAL, "Nobody passed it in time."),
}
"""Badge of what became of a ballot."""

REASONS: Final[dict[Reason, str]] = {
    Reason.UNSPECIFIED: "no reason given",
    Reason.BAD_INPUT: "the input cannot be processed",
    Reason.RUNNER_FAILED: "the miner's program failed",
    Reason.MINER_DRAINING: "the miner is shutting down",
    Reason.LEASE_EXPIRED: "the miner's time was over",
    Reason.HEARTBEAT_MISSED: "the miner was not heard from",
    Reason.NO_PAYLOAD: "the input never arrived",
    Reason.ATTEMPTS_EXHAUSTED: "all attempts were used up",
    Reason.RESULT_NOT_DELIVERED: "the result was not delivered",
    Reason.RESULT_MALFORMED: "the result failed the structural checks",
    Reason.NO_SOURCE: "no miner was found",
    Reason.PAYLOAD_MISMATCH: "the input does not match its digest",
}
"""Each reason in words."""

CUSTODIES: Final[dict[Custody, str]] = {
    Custody.OWN: "own: the miner alone holds its key",
    Custody.MANAGED: "managed: the coordinator holds the key and signs for the miner",
}
"""Who holds a miner's key (K3)."""

ATTESTATIONS: Final[dict[AttestationKind, str]] = {
    AttestationKind.DELIVERY: "the result arrived and matches the receipt's digest",
    AttestationKind.RERUN: "a second run of the job agreed with the result",
}
"""What a coordinator vouches for (J3)."""


def payment_state(payment: Payment, paid_miner: Amount) -> str:
    """Return what became of an escrow, as pages say it.

    The index counts every end without a settled receipt as refunded; a client's cancel may have
    paid the miner for what it did (J5, J6), down to nothing for the client.
    """
    if payment is Payment.REFUNDED and paid_miner:
        return "compensated"
    return payment.value.lower()


def action_sentence(sender: Address, action: Action) -> Sentence:
    """Return what a transaction's sender did."""
    who = account(sender)
    match action:
        case Transfer():
            return who, f" sent {money(action.amount)} to ", account(action.to), "."
        case RegisterMiner() | UpdateMiner() | RetireMiner():
            return _miner_sentence(who, action)
        case SubmitJob():
            return _submit_sentence(who, action)
        case AssignJob():
            attempt = f" as attempt {action.attempt}, for at most {money(action.price_cap)}."
            given = (who, " gave job ", job(action.job_id), " to miner ")
            return *given, account(action.miner), attempt
        case ReleaseJob():
            why = f": {REASONS[action.reason]}."
            return who, f" ended attempt {action.attempt} of job ", job(action.job_id), why
        case PostReceipt():
            return _receipt_sentence(who, action)
        case FailJob() | CancelJob():
            return _end_sentence(who, action)
        case AttestReceipt() | AcceptReceipt() | DisputeReceipt():
            return _judgement_sentence(who, action)
        case PostOffer() | WithdrawOffer() | AcceptOffer():
            return offer_action_sentence(who, action)
        case CastVote():
            return vote_sentence(who, action)
        case SubmitEvidence():
            return evidence_sentence(who, action)


def _miner_sentence(who: Ref, action: RegisterMiner | UpdateMiner | RetireMiner) -> Sentence:
    match action:
        case RegisterMiner():
            bond = f"with a bond of {money(action.bond)}" if action.bond else "without a bond"
            return who, f" registered as miner {action.name}, {bond}."
        case UpdateMiner():
            return who, f" changed what it offers, from {money(action.price_floor)} a job."
        case RetireMiner():
            return who, " retired as a miner."


def _submit_sentence(who: Ref, action: SubmitJob) -> Sentence:
    locked = f" locked {money(action.max_price)} in escrow for a {action.service} job with "
    return who, locked, Ref(Kind.ADDRESS, action.coordinator), " as its coordinator."


def _receipt_sentence(who: Ref, action: PostReceipt) -> Sentence:
    work = units_of(action.units_micro, action.unit_type)
    model = f" with {action.model}" if action.model else ""
    claim = f" claims {money(action.price)} for {work}{model}, done for job "
    return who, claim, job(action.job_id), "."


def _end_sentence(who: Ref, action: FailJob | CancelJob) -> Sentence:
    named = job(action.job_id)
    if isinstance(action, FailJob):
        why = f" ended without pay: {REASONS[action.reason]}."
        return who, " declared job ", named, why
    limit = f", granting the miner at most {money(action.compensation_max)}."
    return who, " cancelled job ", named, limit


def _judgement_sentence(
    who: Ref, action: AttestReceipt | AcceptReceipt | DisputeReceipt
) -> Sentence:
    named = receipt(action.receipt_id)
    match action:
        case AttestReceipt():
            return who, " attested receipt ", named, f": {ATTESTATIONS[action.kind]}."
        case AcceptReceipt():
            return who, " accepted receipt ", named, ", which settles its job at once."
        case DisputeReceipt():
            return who, " disputed receipt ", named, f": {REASONS[action.reason]}."
