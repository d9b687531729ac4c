"""Every field of every action: what it is called, how it is written, what it means."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

import msgspec

from explorer_web.facts import Fact, Kind, Source, Value
from explorer_web.governance_words import motion_words, statement_text
from explorer_web.sentences import plain
from ledger.actions import Action, PostReceipt
from ledger.motions import Motion
from ledger.statements import SignedStatement


@dataclass(frozen=True, slots=True)
class FieldWords:
    """How a field is shown."""

    label: str
    """Its name on pages."""
    kind: Kind
    """How its value is written."""
    hint: str = ""
    """What it means."""


FIELDS: Final[dict[str, FieldWords]] = {
    "to": FieldWords("To", Kind.ADDRESS),
    "amount": FieldWords("Amount", Kind.MONEY),
    "name": FieldWords("Name", Kind.TEXT),
    "capabilities_digest": FieldWords(
        "Capabilities", Kind.HASH, "Digest of what the miner told its coordinator that it can do."
    ),
    "price_floor": FieldWords("Price floor", Kind.MONEY, "Least price cap that it works for."),
    "bond": FieldWords(
        "Bond", Kind.MONEY, "Locked: a miner's beyond its retirement, that of a dispute to its end."
    ),
    "custody": FieldWords("Custody", Kind.TEXT, "Who holds the miner's key."),
    "coordinator": FieldWords("Coordinator", Kind.ADDRESS),
    "service": FieldWords("Service", Kind.TEXT),
    "payload_digest": FieldWords(
        "Input digest", Kind.HASH, "Blinded; the input itself is not on the chain."
    ),
    "max_price": FieldWords("Maximum price", Kind.MONEY, "What is locked in escrow."),
    "start_by_ms": FieldWords("Start by", Kind.TIME, "Latest time of the first assignment."),
    "deadline_ms": FieldWords("Deadline", Kind.TIME, "Latest end of a lease."),
    "dispute_ms": FieldWords(
        "Dispute window", Kind.DURATION, "Time from the receipt until an attested job settles."
    ),
    "streamed": FieldWords("Streamed", Kind.TEXT, "Whether tokens are streamed."),
    "verification": FieldWords("Verification", Kind.TEXT, "How the result is checked."),
    "job_id": FieldWords("Job", Kind.JOB),
    "attempt": FieldWords("Attempt", Kind.NUMBER, "Number of the assignment, from 1."),
    "miner": FieldWords("Miner", Kind.ADDRESS),
    "price_cap": FieldWords("Price cap", Kind.MONEY, "The most that the receipt may claim."),
    "unit_type": FieldWords("Unit of work", Kind.TEXT),
    "unit_price": FieldWords("Price of a unit", Kind.RATE, "0: the price is not by unit."),
    "lease_end_ms": FieldWords(
        "Lease end", Kind.TIME, "Until then only the miner may end the attempt."
    ),
    "reason": FieldWords("Reason", Kind.TEXT),
    "client": FieldWords("Client", Kind.ADDRESS),
    "result_digest": FieldWords(
        "Result digest", Kind.HASH, "Salted; the result itself is not on the chain."
    ),
    "units_micro": FieldWords("Units of work", Kind.UNITS),
    "price": FieldWords("Price", Kind.MONEY, "A receipt claims it; an offer names it."),
    "offer_id": FieldWords("Offer", Kind.TRANSACTION, "The transaction that made it."),
    "capacity": FieldWords("Jobs", Kind.NUMBER, "How many jobs the offer takes."),
    "requirements_digest": FieldWords(
        "Requirements", Kind.HASH, "Digest of what the offer asks of a job."
    ),
    "expires_ms": FieldWords("Expires", Kind.TIME, "Latest time at which it can be accepted."),
    "model": FieldWords("Model", Kind.TEXT),
    "started_ms": FieldWords("Work began", Kind.TIME),
    "completed_ms": FieldWords("Work ended", Kind.TIME),
    "receipt_id": FieldWords("Receipt", Kind.RECEIPT),
    "kind": FieldWords("Kind", Kind.TEXT, "What is vouched for."),
    "compensation_max": FieldWords(
        "Compensation limit", Kind.MONEY, "Most that the client grants a running miner."
    ),
    "ballot_id": FieldWords("Ballot", Kind.BALLOT, "None: this transaction opens one."),
    "motion": FieldWords("Motion", Kind.TEXT, "What the ballot asks."),
    "support": FieldWords("Vote", Kind.TEXT, "Whether the authority is for the motion."),
    "authority": FieldWords("Accused", Kind.KEY, "Consensus key that signed both statements."),
    "first": FieldWords("First statement", Kind.TEXT),
    "second": FieldWords("Second statement", Kind.TEXT),
}
"""All fields of all actions; a test asserts that none is missing."""

_CLAIMS: Final = frozenset(
    {"units_micro", "unit_type", "model", "started_ms", "completed_ms", "result_digest"}
)
"""Fields of a receipt that nobody but the miner vouches for."""


def action_facts(action: Action) -> list[Fact]:
    """Return all fields of an action."""
    is_receipt = isinstance(action, PostReceipt)
    return [
        _fact(name, value, Source.CLAIMED if is_receipt and name in _CLAIMS else Source.SIGNED)
        for name, value in msgspec.structs.asdict(action).items()
    ]


def _fact(name: str, raw: object, source: Source) -> Fact:
    words = FIELDS[name]
    return Fact(name, words.label, words.kind, _value(raw), source, words.hint)


def _value(raw: object) -> Value:
    if isinstance(raw, Enum):
        return raw.name.lower()
    if isinstance(raw, bool):
        return "yes" if raw else "no"
    if isinstance(raw, Motion):
        return plain(motion_words(raw))
    if isinstance(raw, SignedStatement):
        return statement_text(raw)
    if raw is None:
        return None
    assert isinstance(raw, bytes | int | str)
    return raw
