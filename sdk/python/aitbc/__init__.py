"""AITBC for Python: keys, transactions, digests and a client of the API."""

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
from aitbc.keys import SigningKey, address_of, format_address, parse_address
from aitbc.transactions import SignedTransaction, action_array, fee_for, sign_transaction

__all__ = [
    "AitbcError",
    "ApiError",
    "ChainTags",
    "Client",
    "ConnectionFailed",
    "InvalidValue",
    "JobFailed",
    "JobTimeout",
    "KeyFileError",
    "SignedTransaction",
    "SigningKey",
    "action_array",
    "address_of",
    "canonical_json",
    "fee_for",
    "format_address",
    "parse_address",
    "sign_transaction",
]
