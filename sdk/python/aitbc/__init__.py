"""AITBC for Python: clients of the API, keys, transactions, digests, verification."""

from aitbc.actions import REASONS, UNIT_TYPES, ActionArray, action_array
from aitbc.async_client import AsyncAITBCClient, AsyncClient
from aitbc.client import AITBCClient, Client
from aitbc.digests import ChainTags, canonical_json
from aitbc.errors import (
    AitbcError,
    ApiError,
    Conflict,
    ConnectionFailed,
    Forbidden,
    Gone,
    InsufficientBalance,
    InvalidJobType,
    InvalidRequest,
    InvalidValue,
    JobAlreadyCompleted,
    JobFailed,
    JobNotFound,
    JobTimeout,
    KeyFileError,
    NotFound,
    OfferNotAvailable,
    RateLimitExceeded,
    ServerFault,
    Unauthenticated,
)
from aitbc.exchange import RetryPolicy
from aitbc.json_values import Answer, JsonValue, Record
from aitbc.keys import SigningKey, address_of, format_address, parse_address
from aitbc.transactions import (
    ReadTransaction,
    SignedTransaction,
    fee_for,
    read_transaction,
    sign_transaction,
)

__all__ = [
    "REASONS",
    "UNIT_TYPES",
    "AITBCClient",
    "ActionArray",
    "AitbcError",
    "Answer",
    "ApiError",
    "AsyncAITBCClient",
    "AsyncClient",
    "ChainTags",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Forbidden",
    "Gone",
    "InsufficientBalance",
    "InvalidJobType",
    "InvalidRequest",
    "InvalidValue",
    "JobAlreadyCompleted",
    "JobFailed",
    "JobNotFound",
    "JobTimeout",
    "JsonValue",
    "KeyFileError",
    "NotFound",
    "OfferNotAvailable",
    "RateLimitExceeded",
    "ReadTransaction",
    "Record",
    "RetryPolicy",
    "ServerFault",
    "SignedTransaction",
    "SigningKey",
    "Unauthenticated",
    "action_array",
    "address_of",
    "canonical_json",
    "fee_for",
    "format_address",
    "parse_address",
    "read_transaction",
    "sign_transaction",
]
