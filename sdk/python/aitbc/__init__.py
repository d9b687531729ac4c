"""AITBC for Python: keys, transactions, digests and a client of the API."""

from aitbc.actions import REASONS, UNIT_TYPES, ActionArray, action_array
from aitbc.client import Client
from aitbc.digests import ChainTags, canonical_json
from aitbc.errors import (
    AitbcError,
    ApiError,
    ConnectionFailed,
    InvalidValue,
    JobFailed,
    JobTimeout,
    KeyFileError,
)
from aitbc.http import RetryPolicy
from aitbc.json_values import Answer, JsonValue
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
    "ActionArray",
    "AitbcError",
    "Answer",
    "ApiError",
    "ChainTags",
    "Client",
    "ConnectionFailed",
    "InvalidValue",
    "JobFailed",
    "JobTimeout",
    "JsonValue",
    "KeyFileError",
    "ReadTransaction",
    "RetryPolicy",
    "SignedTransaction",
    "SigningKey",
    "action_array",
    "address_of",
    "canonical_json",
    "fee_for",
    "format_address",
    "parse_address",
    "read_transaction",
    "sign_transaction",
]
