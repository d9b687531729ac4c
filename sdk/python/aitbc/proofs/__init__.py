"""Proof bundles, checked offline by a program of its own (``docs/proofs.md``)."""

from aitbc.proofs.check import CheckedProof, Step, check_proof, verify_proof
from aitbc.proofs.claims import (
    BalanceProof,
    Claims,
    OutcomeProof,
    ProvenBlock,
    ReceiptProof,
    TransactionProof,
    ValidatorsProof,
)
from aitbc.proofs.document import CHAIN_MAX, DOCUMENT_BYTES_MAX, KINDS
from aitbc.proofs.genesis import (
    GenesisFacts,
    read_genesis_bytes,
    read_genesis_document,
    read_genesis_file,
)
from aitbc.proofs.header import Header
from aitbc.proofs.records import Outcome
from aitbc.proofs.validators import Validator, ValidatorSet, read_validator_set

__all__ = [
    "CHAIN_MAX",
    "DOCUMENT_BYTES_MAX",
    "KINDS",
    "BalanceProof",
    "CheckedProof",
    "Claims",
    "GenesisFacts",
    "Header",
    "Outcome",
    "OutcomeProof",
    "ProvenBlock",
    "ReceiptProof",
    "Step",
    "TransactionProof",
    "Validator",
    "ValidatorSet",
    "ValidatorsProof",
    "check_proof",
    "read_genesis_bytes",
    "read_genesis_document",
    "read_genesis_file",
    "read_validator_set",
    "verify_proof",
]
