"""Outcome records in words: what a block did, and to whom it paid what (J28)."""

from typing import Final

from explorer_web.facts import Json, Kind, to_json
from explorer_web.formats import money
from explorer_web.governance_words import BALLOT_KINDS, GOVERNANCE_TITLES, governance_sentence
from explorer_web.offer_words import OFFER_TITLES, offer_outcome_sentence
from explorer_web.sentences import Sentence, account, plain
from explorer_web.words import ATTESTATIONS, REASONS
from ledger.actions import AttestationKind, Reason
from ledger.outcomes import Outcome, OutcomeKind
from ledger.store import OutcomeRow

TITLES: Final[dict[OutcomeKind, str]] = {
    OutcomeKind.JOB_LOCKED: "Escrow locked",
    OutcomeKind.JOB_ASSIGNED: "Assigned",
    OutcomeKind.JOB_RELEASED: "Attempt ended",
    OutcomeKind.RECEIPT_POSTED: "Receipt posted",
    OutcomeKind.RECEIPT_ATTESTED: "Receipt attested",
    OutcomeKind.RECEIPT_DISPUTED: "Receipt disputed",
    OutcomeKind.JOB_SETTLED: "Settled",
    OutcomeKind.JOB_REFUNDED: "Refunded",
    OutcomeKind.JOB_FAILED: "Failed",
    OutcomeKind.JOB_CANCELLED: "Cancelled",
    OutcomeKind.JOB_EXPIRED: "Expired",
    OutcomeKind.MINER_REGISTERED: "Miner registered",
    OutcomeKind.MINER_UPDATED: "Miner updated",
    OutcomeKind.MINER_RETIRED: "Miner retired",
    OutcomeKind.BOND_RETURNED: "Bond returned",
    **OFFER_TITLES,
    **GOVERNANCE_TITLES,
}
"""What each kind is called."""

JOB_KINDS: Final = frozenset(kind for kind in OutcomeKind if kind < OutcomeKind.MINER_REGISTERED)
"""Kinds whose object is a job."""


TRANSACTION_KINDS: Final = BALLOT_KINDS | OFFER_TITLES.keys() | {OutcomeKind.BOND_RETURNED}
"""Kinds whose object is the transaction that made it: an offer, a ballot, or a bond on its way
back."""


def object_text(outcome: Outcome) -> str:
    """Return what an outcome is about where it has no page: a parameter's name, or a key."""
    if outcome.kind is OutcomeKind.PARAMETER_CHANGED:
        return outcome.object_id.decode("ascii", "replace")
    return outcome.object_id.hex()


def outcome_sentence(outcome: Outcome) -> Sentence:
    """Return what an outcome record says."""
    match outcome.kind:
        case (
            OutcomeKind.JOB_SETTLED
            | OutcomeKind.JOB_REFUNDED
            | OutcomeKind.JOB_FAILED
            | OutcomeKind.JOB_CANCELLED
            | OutcomeKind.JOB_EXPIRED
        ):
            return _end_sentence(outcome)
        case (
            OutcomeKind.MINER_REGISTERED
            | OutcomeKind.MINER_UPDATED
            | OutcomeKind.MINER_RETIRED
            | OutcomeKind.BOND_RETURNED
        ):
            return _miner_sentence(outcome)
    if outcome.kind in OFFER_TITLES:
        return offer_outcome_sentence(outcome)
    if outcome.kind in GOVERNANCE_TITLES:
        return governance_sentence(outcome)
    return _step_sentence(outcome)


def _step_sentence(outcome: Outcome) -> Sentence:
    """Return what a step of a job's life did."""
    party, amount = account(outcome.parties[0]), outcome.amounts[0]
    match outcome.kind:
        case OutcomeKind.JOB_LOCKED:
            return f"{money(amount)} went from ", party, " into the job's escrow."
        case OutcomeKind.JOB_ASSIGNED:
            cap = f", for at most {money(amount)}."
            return f"Attempt {outcome.code} went to miner ", party, cap
        case OutcomeKind.JOB_RELEASED:
            return f"Attempt {outcome.code} of miner ", party, " ended; the job is queued again."
        case OutcomeKind.RECEIPT_POSTED:
            return "Miner ", party, f" claims {money(amount)} for attempt {outcome.code}."
        case OutcomeKind.RECEIPT_ATTESTED:
            words = ATTESTATIONS[AttestationKind(outcome.code)]
            return "Coordinator ", party, f" vouches that {words}."
    assert outcome.kind is OutcomeKind.RECEIPT_DISPUTED
    bond = f", with a bond of {money(amount)}" if amount else ""
    return party, f" objected: {REASONS[Reason(outcome.code)]}{bond}. Settlement waits."


def _end_sentence(outcome: Outcome) -> Sentence:
    """Return to whom a job's escrow went."""
    parts: list[Sentence] = [
        (f"{money(amount)} to ", account(party))
        for party, amount in zip(outcome.parties, outcome.amounts, strict=True)
        if amount
    ]
    words: list[Sentence] = []
    for number, part in enumerate(parts):
        joint = "" if number == 0 else (" and " if number == len(parts) - 1 else ", ")
        words.append((joint, *part))
    has_reason = outcome.kind is OutcomeKind.JOB_FAILED
    reason = f" Reason: {REASONS[Reason(outcome.code)]}." if has_reason else ""
    return "The escrow went: ", *(each for word in words for each in word), f".{reason}"


def _miner_sentence(outcome: Outcome) -> Sentence:
    """Return what happened to a miner or its bond."""
    party, amount = account(outcome.parties[0]), outcome.amounts[0]
    match outcome.kind:
        case OutcomeKind.MINER_REGISTERED:
            bond = f"a bond of {money(amount)} is locked" if amount else "no bond"
            return party, f" is a miner now; {bond}."
        case OutcomeKind.MINER_UPDATED:
            return party, " changed what it offers."
        case OutcomeKind.MINER_RETIRED:
            bond = f"; its bond of {money(amount)} will return" if amount else ""
            return party, f" is no miner any more{bond}."
    return f"{money(amount)} of bond went back to ", party, "."


def outcome_json(row: OutcomeRow) -> Json:
    """Return an outcome for a JSON twin."""
    outcome = row.outcome
    parties: list[Json] = [
        {"address": to_json(Kind.ADDRESS, party), "amount": to_json(Kind.MONEY, amount)}
        for party, amount in zip(outcome.parties, outcome.amounts, strict=True)
    ]
    return {
        "height": row.height,
        "index": row.index,
        "timestamp_ms": row.timestamp_ms,
        "kind": outcome.kind.name.lower(),
        "cause": row.cause.hex() if row.cause else None,
        "object_id": outcome.object_id.hex(),
        "code": outcome.code,
        "parties": parties,
        "words": plain(outcome_sentence(outcome)),
    }
