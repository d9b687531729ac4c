"""Plain words for offers: what was offered, accepted, taken back, and what ran out."""

from typing import Final

from explorer_web.facts import Kind
from explorer_web.formats import money
from explorer_web.sentences import Ref, Sentence, account, job
from ledger.actions import AcceptOffer, PostOffer, WithdrawOffer
from ledger.outcomes import Outcome, OutcomeKind

OFFER_TITLES: Final[dict[OutcomeKind, str]] = {
    OutcomeKind.OFFER_POSTED: "Offer made",
    OutcomeKind.OFFER_ACCEPTED: "Offer accepted",
    OutcomeKind.OFFER_WITHDRAWN: "Offer withdrawn",
    OutcomeKind.OFFER_EXPIRED: "Offer expired",
}
"""What each kind is called."""


def offer_action_sentence(who: Ref, action: PostOffer | WithdrawOffer | AcceptOffer) -> Sentence:
    """Return what a transaction's sender did to an offer."""
    match action:
        case PostOffer():
            jobs = f"up to {action.capacity} {action.service} jobs"
            return who, f" offered to do {jobs} for {money(action.price)} each."
        case WithdrawOffer():
            return who, " took offer ", _offer(action.offer_id), " back."
        case AcceptOffer():
            price = f" for {money(action.price)}."
            taken = (who, " accepted offer ", _offer(action.offer_id), " for job ")
            return *taken, job(action.job_id), price


def offer_outcome_sentence(outcome: Outcome) -> Sentence:
    """Return what happened to an offer."""
    miner, price, left = account(outcome.parties[0]), money(outcome.amounts[0]), outcome.code
    match outcome.kind:
        case OutcomeKind.OFFER_POSTED:
            return miner, f" takes up to {left} jobs for {price} each."
        case OutcomeKind.OFFER_ACCEPTED:
            rest = f"it takes {left} more" if left else "that was the last it takes"
            return "A job went to ", miner, f" for {price}; {rest}."
        case OutcomeKind.OFFER_WITHDRAWN:
            return miner, f" takes no more jobs for {price} by this offer; {left} were left."
    return "The offer of ", miner, f" for {price} a job ran out; {left} were left."


def _offer(offer_id: bytes) -> Ref:
    """Return a reference to an offer: the transaction that made it."""
    return Ref(Kind.TRANSACTION, offer_id)
