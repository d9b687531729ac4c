"""Why there is no proof of something, as callers are told."""

from coordinator.errors import Conflict, Gone, NotFound, TooFar


class ProofNotYet(Conflict):
    """It is not final yet; a proof exists once it is."""

    code = "NOT_FINAL"


class ProofPruned(Gone):
    """It is final, and this node has forgotten what a proof needs (S11)."""

    code = "PROOF_PRUNED"


class OutcomeNotFound(NotFound):
    """No final block of this height, or no outcome of this index in it."""

    code = "OUTCOME_NOT_FOUND"
    text = "Outcome not found"


class EpochNotFound(NotFound):
    """No final block of this epoch yet."""

    code = "EPOCH_NOT_FOUND"
    text = "No block of this epoch is final"


class ProofTooLong(TooFar):
    """The chain of validator sets is longer than a bundle may be; it has to be walked in stages."""

    code = "PROOF_TOO_LONG"
