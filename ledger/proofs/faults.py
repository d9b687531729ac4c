"""How a proof fails: at which step, and what is wrong. Part of the format (docs/proofs.md)."""

from enum import StrEnum
from typing import ClassVar

from ledger.errors import LedgerError


class Step(StrEnum):
    """The steps of a check, in their order."""

    DOCUMENT = "document"
    GENESIS = "genesis"
    BOUNDARIES = "boundaries"
    HEADERS = "headers"
    VALIDATORS = "validators"
    CERTIFICATE = "certificate"
    INCLUSION = "inclusion"
    SIGNATURE = "signature"
    RECEIPT = "receipt"
    STATE = "state"


class Fault(StrEnum):
    """What is wrong; what each means is in docs/proofs.md."""

    DOCUMENT_TOO_LARGE = "DOCUMENT_TOO_LARGE"
    DOCUMENT_MALFORMED = "DOCUMENT_MALFORMED"
    FORMAT_UNKNOWN = "FORMAT_UNKNOWN"
    GENESIS_OTHER = "GENESIS_OTHER"
    GENESIS_MISSING = "GENESIS_MISSING"
    GENESIS_DIGEST_MISMATCH = "GENESIS_DIGEST_MISMATCH"
    GENESIS_MALFORMED = "GENESIS_MALFORMED"
    SINCE_UNKNOWN = "SINCE_UNKNOWN"
    SET_MALFORMED = "SET_MALFORMED"
    SET_KEY_INVALID = "SET_KEY_INVALID"
    HEADER_MALFORMED = "HEADER_MALFORMED"
    BOUNDARY_ORDER = "BOUNDARY_ORDER"
    BOUNDARY_NOT_LAST = "BOUNDARY_NOT_LAST"
    BOUNDARY_NEXT_SET = "BOUNDARY_NEXT_SET"
    HEADERS_UNLINKED = "HEADERS_UNLINKED"
    EPOCH_TOO_EARLY = "EPOCH_TOO_EARLY"
    SET_OTHER = "SET_OTHER"
    CERTIFICATE_MALFORMED = "CERTIFICATE_MALFORMED"
    CERTIFICATE_NOT_FINALIZE = "CERTIFICATE_NOT_FINALIZE"
    CERTIFICATE_OTHER_BLOCK = "CERTIFICATE_OTHER_BLOCK"
    CERTIFICATE_OTHER_EPOCH = "CERTIFICATE_OTHER_EPOCH"
    CERTIFICATE_OTHER_VIEW = "CERTIFICATE_OTHER_VIEW"
    SIGNERS_NOT_ASCENDING = "SIGNERS_NOT_ASCENDING"
    QUORUM_MISSING = "QUORUM_MISSING"
    SIGNER_UNKNOWN = "SIGNER_UNKNOWN"
    SIGNATURE_INVALID = "SIGNATURE_INVALID"
    TRANSACTION_MALFORMED = "TRANSACTION_MALFORMED"
    OUTCOME_MALFORMED = "OUTCOME_MALFORMED"
    INCLUSION_MISMATCH = "INCLUSION_MISMATCH"
    NOT_A_RECEIPT = "NOT_A_RECEIPT"
    RECORD_MALFORMED = "RECORD_MALFORMED"
    STATE_MISMATCH = "STATE_MISMATCH"


class ProofInvalid(LedgerError):
    """A bundle proves nothing: `step` failed for the reason `fault`."""

    code: ClassVar[str] = "PROOF_INVALID"

    def __init__(self, step: Step, fault: Fault, detail: str) -> None:
        """State the step, what is wrong, and with what."""
        super().__init__(f"{step}: {fault}: {detail}")
        self.step = step
        self.fault = fault
        self.detail = detail
