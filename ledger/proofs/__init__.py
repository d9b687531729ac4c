"""Proof bundles: one JSON document that shows what is final, to be checked offline.

The format, the steps and their codes are in docs/proofs.md.
"""

from ledger.proofs.build import (
    Foundation,
    account_bundle,
    account_part,
    boundary_part,
    finality_part,
    genesis_part,
    outcome_bundle,
    receipt_bundle,
    since_part,
    transaction_bundle,
    validators_bundle,
)
from ledger.proofs.check import (
    Claim,
    Proved,
    ProvedAccount,
    ProvedOutcome,
    ProvedTransaction,
    check_bundle,
)
from ledger.proofs.document import (
    BOUNDARIES_MAX,
    DOCUMENT_BYTES_MAX,
    FORMAT,
    HEADERS_MAX,
    SPECIFICATION_BYTES_MAX,
    AccountBundle,
    AccountPart,
    BoundaryPart,
    GenesisPart,
    OutcomeBundle,
    ReceiptBundle,
    SincePart,
    TransactionBundle,
    ValidatorsBundle,
)
from ledger.proofs.faults import Fault, ProofInvalid, Step
from ledger.proofs.finality import FinalBlock
from ledger.proofs.trust import Trust

__all__ = [
    "BOUNDARIES_MAX",
    "DOCUMENT_BYTES_MAX",
    "FORMAT",
    "HEADERS_MAX",
    "SPECIFICATION_BYTES_MAX",
    "AccountBundle",
    "AccountPart",
    "BoundaryPart",
    "Claim",
    "Fault",
    "FinalBlock",
    "Foundation",
    "GenesisPart",
    "OutcomeBundle",
    "ProofInvalid",
    "Proved",
    "ProvedAccount",
    "ProvedOutcome",
    "ProvedTransaction",
    "ReceiptBundle",
    "SincePart",
    "Step",
    "TransactionBundle",
    "Trust",
    "ValidatorsBundle",
    "account_bundle",
    "account_part",
    "boundary_part",
    "check_bundle",
    "finality_part",
    "genesis_part",
    "outcome_bundle",
    "receipt_bundle",
    "since_part",
    "transaction_bundle",
    "validators_bundle",
]
