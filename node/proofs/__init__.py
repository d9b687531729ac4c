"""Proof bundles of what is final here; the format is docs/proofs.md."""

from node.proofs.errors import (
    EpochNotFound,
    OutcomeNotFound,
    ProofNotYet,
    ProofPruned,
    ProofTooLong,
)
from node.proofs.prover import Prover

__all__ = [
    "EpochNotFound",
    "OutcomeNotFound",
    "ProofNotYet",
    "ProofPruned",
    "ProofTooLong",
    "Prover",
]
