"""Outcome records: what a block did to jobs, bonds and miners (J28).

The header commits to an RFC 6962 tree over their canonical bytes, automatic ones first. They link
every step, automatic ones included, and prove a job's end after it left the state (J29).
"""

from enum import IntEnum
from typing import Final

import msgspec

from ledger.codec import Codec
from ledger.types import Address, Amount


class OutcomeKind(IntEnum):
    """What happened to an object; in brackets what parties and amounts mean.

    `amounts[i]` nait belongs to `parties[i]`. For LOCKED kinds it left the party's balance, for
    ends and RETURNED kinds it was credited, for the rest it is informative and moved nothing.
    """

    JOB_LOCKED = 1
    """[client: escrow locked]"""
    JOB_ASSIGNED = 2
    """[miner: price cap]"""
    JOB_RELEASED = 3
    """[miner: 0]"""
    RECEIPT_POSTED = 4
    """[miner: price claimed]"""
    RECEIPT_ATTESTED = 5
    """[coordinator: 0]"""
    RECEIPT_DISPUTED = 6
    """[opener: bond locked, 0 for the coordinator]"""
    JOB_SETTLED = 7
    """[miner, coordinator, client: credited]"""
    JOB_REFUNDED = 8
    """[client: credited]; a dispute that ended against the miner"""
    JOB_FAILED = 9
    """[client: credited]"""
    JOB_CANCELLED = 10
    """[miner, client: credited]; the miner's entry is absent when it was queued"""
    JOB_EXPIRED = 11
    """[client: credited]"""
    MINER_REGISTERED = 20
    """[miner: bond locked]"""
    MINER_UPDATED = 21
    """[miner: 0]"""
    MINER_RETIRED = 22
    """[miner: bond that will return]"""
    BOND_RETURNED = 23
    """[owner: credited]"""
    UNITS_ISSUED = 24
    """[account: credited]; new units by a ballot, which is the object"""
    OFFER_POSTED = 25
    """[miner: price of a job]"""
    OFFER_ACCEPTED = 26
    """[miner: price of the job]; the job's own record follows"""
    OFFER_WITHDRAWN = 27
    """[miner: price of a job]; by its action, or because it retires"""
    OFFER_EXPIRED = 28
    """[miner: price of a job]"""
    BALLOT_OPENED = 30
    """[authority: 0]; counts as its yes"""
    BALLOT_VOTED = 31
    """[authority: 0]"""
    BALLOT_PASSED = 32
    """[]; what it decides at once stands before it, the rest follows at the epoch's end"""
    BALLOT_EXPIRED = 33
    """[]"""
    VALIDATOR_ADDED = 34
    """[its payout account: 0]"""
    VALIDATOR_REMOVED = 35
    """[its payout account: 0]"""
    VALIDATOR_ACCUSED = 36
    """[who submitted the evidence: 0]"""
    COORDINATOR_ADDED = 37
    """[coordinator: 0]"""
    COORDINATOR_REMOVED = 38
    """[coordinator: 0]"""
    PARAMETER_CHANGED = 39
    """[]; from the next block on, an epoch's first (E4)"""


JOB_ENDS = frozenset(
    {
        OutcomeKind.JOB_SETTLED,
        OutcomeKind.JOB_REFUNDED,
        OutcomeKind.JOB_FAILED,
        OutcomeKind.JOB_CANCELLED,
        OutcomeKind.JOB_EXPIRED,
    }
)
"""Kinds that end a job."""


RULED: Final = 1
"""Code of JOB_SETTLED and JOB_REFUNDED after a ruling of the authorities. The bond of a client's
dispute is then the miner's in the one and the client's in the other; without a ruling it is the
client's in both (J13)."""


class Outcome(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """One thing that a block did."""

    kind: OutcomeKind
    """What happened."""
    cause: bytes
    """Id of the transaction that did it; empty for automatic work."""
    object_id: bytes
    """Id of the job, offer, retirement or ballot, the miner's or coordinator's address, the
    validator's key, or the parameter's name in ASCII."""
    code: int
    """Attempt of an assignment, release or receipt; kind of an attestation; reason of a dispute or
    failure; `RULED` for the end of a dispute by a ruling; kind of the motion of a ballot that
    opens, passes or expires; 1 for a vote of yes, 0 for no; kind of a change of the validator set;
    epoch of accepted evidence; a parameter's new value; jobs that an offer could still take; else
    0."""
    parties: tuple[Address, ...]
    """Who is concerned."""
    amounts: tuple[Amount, ...]
    """Nait for each party; see the kind."""


OUTCOME_BYTES_MAX = 512
"""Three parties with amounts take about 160 bytes."""

CODEC = Codec(Outcome, OUTCOME_BYTES_MAX, "outcome")
