"""What a node answers with, typed: each is a dict whose declared members are attributes too.

The node may send more than is declared here; what is not declared is read with brackets.
"""

from aitbc.answers.clients import (
    ApiKey,
    Artifact,
    Caller,
    NewApiKey,
    RegisteredCaller,
)
from aitbc.answers.jobs import (
    CancelledJob,
    Job,
    JobPage,
    JobReceipt,
    JobResult,
    Output,
    Payment,
    ReceiptSummary,
)
from aitbc.answers.jobs_2024 import (
    JobCancellation,
    JobResults,
    JobStatus,
    JobStatusPage,
    NewJob,
)
from aitbc.answers.receipts import (
    Receipt,
    ReceiptTransaction,
    Signature,
    Verification,
)

__all__ = [
    "ApiKey",
    "Artifact",
    "Caller",
    "CancelledJob",
    "Job",
    "JobCancellation",
    "JobPage",
    "JobReceipt",
    "JobResult",
    "JobResults",
    "JobStatus",
    "JobStatusPage",
    "NewApiKey",
    "NewJob",
    "Output",
    "Payment",
    "Receipt",
    "ReceiptSummary",
    "ReceiptTransaction",
    "RegisteredCaller",
    "Signature",
    "Verification",
]
