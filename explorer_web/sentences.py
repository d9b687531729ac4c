"""Sentences: words and references, so that a page can link what a JSON twin writes out."""

from dataclasses import dataclass
from typing import TypeAlias

from explorer_web.facts import Kind, to_json
from ledger.types import Address, Hash


@dataclass(frozen=True, slots=True)
class Ref:
    """Something that a sentence names: an account, or an object with a page."""

    kind: Kind
    """What it is."""
    value: bytes | int
    """Its id, address or height."""


Sentence: TypeAlias = tuple[str | Ref, ...]


def plain(sentence: Sentence) -> str:
    """Return a sentence as text, ids in full."""
    return "".join(part if isinstance(part, str) else _ref_text(part) for part in sentence)


def _ref_text(ref: Ref) -> str:
    return str(to_json(ref.kind, ref.value))


def account(address: Address) -> Ref:
    """Return a reference to an account."""
    return Ref(Kind.ADDRESS, address)


def job(job_id: Hash) -> Ref:
    """Return a reference to a job."""
    return Ref(Kind.JOB, job_id)


def receipt(receipt_id: Hash) -> Ref:
    """Return a reference to a receipt."""
    return Ref(Kind.RECEIPT, receipt_id)
