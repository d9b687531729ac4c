"""What the coordinator owes its jobs: decided from facts, done through the outbox."""

from coordinator.duties.decide import (
    BLAMELESS,
    INPUT_FAULTS,
    AttemptFacts,
    Attest,
    Dispute,
    Duty,
    Fail,
    JobFacts,
    ReceiptFacts,
    Release,
    SignReceipt,
    duty_of,
)
from coordinator.duties.perform import Duties, intent_of, managed_receipt

__all__ = [
    "BLAMELESS",
    "INPUT_FAULTS",
    "AttemptFacts",
    "Attest",
    "Dispute",
    "Duties",
    "Duty",
    "Fail",
    "JobFacts",
    "ReceiptFacts",
    "Release",
    "SignReceipt",
    "duty_of",
    "intent_of",
    "managed_receipt",
]
