"""What a node answers with, typed: each is a dict whose declared members are attributes too.

The node may send more than is declared here; what is not declared is read with brackets.
"""

from aitbc.answers.accounts import (
    Balance,
    Statement,
    StatementLine,
    Transfer,
)
from aitbc.answers.chain import FinalBlock, TransactionState
from aitbc.answers.clients import (
    ApiKey,
    Artifact,
    Caller,
    KeyUse,
    NewApiKey,
    RegisteredCaller,
)
from aitbc.answers.jobs import (
    CancelledJob,
    DeletedData,
    Job,
    JobChange,
    JobEvent,
    JobPage,
    JobReceipt,
    JobResult,
    Message,
    Output,
    Payment,
    Quote,
    ReceiptSummary,
)
from aitbc.answers.jobs_2024 import (
    JobCancellation,
    JobResults,
    JobStatus,
    JobStatusPage,
    NewJob,
)
from aitbc.answers.market import (
    AcceptedOffer,
    Health,
    MarketplaceStats,
    Miner,
    MinerStats,
    NetworkStats,
    NewOffer,
    Offer,
    OfferDetails,
)
from aitbc.answers.receipts import (
    Receipt,
    ReceiptTransaction,
    Signature,
    Verification,
)
from aitbc.answers.services import (
    Requirement,
    Service,
    Validation,
)
from aitbc.answers.webhooks import (
    NewWebhook,
    Webhook,
    WebhookDelivery,
    WebhookDeliveryPage,
)

__all__ = [
    "AcceptedOffer",
    "ApiKey",
    "Artifact",
    "Balance",
    "Caller",
    "CancelledJob",
    "DeletedData",
    "FinalBlock",
    "Health",
    "Job",
    "JobCancellation",
    "JobChange",
    "JobEvent",
    "JobPage",
    "JobReceipt",
    "JobResult",
    "JobResults",
    "JobStatus",
    "JobStatusPage",
    "KeyUse",
    "MarketplaceStats",
    "Message",
    "Miner",
    "MinerStats",
    "NetworkStats",
    "NewApiKey",
    "NewJob",
    "NewOffer",
    "NewWebhook",
    "Offer",
    "OfferDetails",
    "Output",
    "Payment",
    "Quote",
    "Receipt",
    "ReceiptSummary",
    "ReceiptTransaction",
    "RegisteredCaller",
    "Requirement",
    "Service",
    "Signature",
    "Statement",
    "StatementLine",
    "TransactionState",
    "Transfer",
    "Validation",
    "Verification",
    "Webhook",
    "WebhookDelivery",
    "WebhookDeliveryPage",
]
