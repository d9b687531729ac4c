"""What types on the wire share: their bases, the texts of ids, and annotated primitives."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from coordinator.errors import ArtifactNotFound, JobNotFound, ReceiptNotFound
from ledger.types import Hash


class Body(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """Base of request bodies.

    A member that nothing reads is refused, not ignored: a mistyped `payment_amount` costs money.
    """


class View(msgspec.Struct, kw_only=True, frozen=True):
    """Base of response bodies. Members of value `UNSET` are left out."""


AnyJson = Annotated[object, Meta(extra_json_schema={"description": "Any JSON value."})]
"""A JSON value of any kind."""

WITHOUT_NUL: Final = r"^[^\x00]*$"
"""Pattern of texts that are stored as such: PostgreSQL's hold no U+0000. Prompts and results are
stored as bytes and as JSON, and may."""

TimeText = Annotated[str, Meta(extra_json_schema={"format": "date-time"})]
"""RFC 3339 in UTC, whole seconds (J6)."""

NumberText = Annotated[msgspec.Raw, Meta(extra_json_schema={"type": "number"})]
"""A JSON number that was formatted exactly (P5)."""

MoneyText = Annotated[str, Meta(pattern=r"\A(0|[1-9][0-9]*)\.[0-9]{2,9}\Z")]
"""A decimal string of AITBC (P5)."""

MoneyInput = Annotated[
    object,
    Meta(
        extra_json_schema={
            "anyOf": [
                {"type": "number", "minimum": 0},
                {"type": "string", "pattern": r"^(0|[1-9][0-9]*)(\.[0-9]{1,9})?$"},
            ]
        }
    ),
]
"""An amount of AITBC with at most nine decimals: a number, or an exact decimal string."""

SizeInput = Annotated[
    object,
    Meta(extra_json_schema={"anyOf": [{"type": "integer", "minimum": 0}, {"type": "string"}]}),
]
"""A size of memory: a number of GiB, or a string such as `24GB` or `4Gi` (S6)."""

JOB_PREFIX: Final = "job_"
RECEIPT_PREFIX: Final = "receipt_"
PAYMENT_PREFIX: Final = "pay_"
TRANSACTION_PREFIX: Final = "tx_"
ARTIFACT_PREFIX: Final = "sha256:"
OFFER_PREFIX: Final = "offer_"

_HEX_DIGITS = frozenset("0123456789abcdef")


def job_text(job_id: Hash) -> str:
    """Return the id of a job on the wire; it is also its submit transaction's, in hex (J27)."""
    return JOB_PREFIX + job_id.hex()


def receipt_text(receipt_id: Hash) -> str:
    """Return the id of a receipt on the wire."""
    return RECEIPT_PREFIX + receipt_id.hex()


def payment_text(job_id: Hash) -> str:
    """Return the id of a job's payment on the wire."""
    return PAYMENT_PREFIX + job_id.hex()


def transaction_text(transaction_id: Hash) -> str:
    """Return the id of a transaction on the wire."""
    return TRANSACTION_PREFIX + transaction_id.hex()


def offer_text(offer_id: Hash) -> str:
    """Return the id of an offer on the wire; it is also its transaction's, in hex (J27)."""
    return OFFER_PREFIX + offer_id.hex()


def find_offer_id(text: str) -> Hash | None:
    """Return the id that an offer's text holds; None if it is no offer's."""
    return _parse(text, OFFER_PREFIX)


def find_transaction_id(text: str) -> Hash | None:
    """Return the id that a transaction's text holds; None if it is no transaction's."""
    return _parse(text, TRANSACTION_PREFIX)


def artifact_text(digest: Hash) -> str:
    """Return the name of an artifact on the wire."""
    return ARTIFACT_PREFIX + digest.hex()


def parse_job_id(text: str) -> Hash:
    """Return the id of a job.

    Raises:
        JobNotFound: a text that is no job's; ids are opaque, so a malformed one is unknown.
    """
    job_id = _parse(text, JOB_PREFIX)
    if job_id is None:
        raise JobNotFound
    return job_id


def parse_receipt_id(text: str) -> Hash:
    """Return the id of a receipt.

    Raises:
        ReceiptNotFound: a text that is no receipt's.
    """
    receipt_id = _parse(text, RECEIPT_PREFIX)
    if receipt_id is None:
        raise ReceiptNotFound
    return receipt_id


def parse_artifact(text: str) -> Hash:
    """Return the digest that an artifact's name holds.

    Raises:
        ArtifactNotFound: a text that is no artifact's.
    """
    digest = _parse(text, ARTIFACT_PREFIX)
    if digest is None:
        raise ArtifactNotFound
    return digest


def _parse(text: str, prefix: str) -> Hash | None:
    digits = text.removeprefix(prefix)
    if digits == text or len(digits) != 64 or not _HEX_DIGITS.issuperset(digits):
        return None
    return bytes.fromhex(digits)
