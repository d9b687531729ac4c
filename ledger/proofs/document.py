"""The JSON document of a proof bundle: every leaf is a string or null, and bounded.

The struct types are the form on the wire; decoding refuses what is no hex, too long, missing or
unknown, with the path of the member. What the bytes mean is not looked at here.
"""

import json
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from ledger.bucket import FLAT_BYTES_MAX
from ledger.merkle import PATH_MAX
from ledger.outcomes import OUTCOME_BYTES_MAX
from ledger.params import TRANSACTION_BYTES_MAX
from ledger.proofs.faults import Fault, ProofInvalid, Step
from ledger.state_proof import SIBLINGS_MAX
from ledger.types import COUNT_MAX

FORMAT: Final = "aitbc-proof/1"
"""Value of `format`."""

DOCUMENT_BYTES_MAX: Final = 16 * 1_048_576
"""Longest document that is read."""

SPECIFICATION_BYTES_MAX: Final = 1_048_576
"""Longest genesis specification that a bundle carries; about 30,000 allocations."""

BOUNDARIES_MAX: Final = 1_024
"""Most boundaries of a bundle. Longer chains are walked in stages (`since`)."""

HEADERS_MAX: Final = 1_024
"""Most headers from the proved block to the one that the certificate names."""

_HEX: Final = r"\A(?:[0-9a-f]{2})*\Z"

Digest = Annotated[str, Meta(min_length=64, max_length=64, pattern=_HEX)]
"""32 bytes."""
HeaderHex = Annotated[str, Meta(max_length=2 * 1_024, pattern=_HEX)]
CertificateHex = Annotated[str, Meta(max_length=2 * 8_192, pattern=_HEX)]
SetHex = Annotated[str, Meta(max_length=2 * 16_384, pattern=_HEX)]
SpecificationHex = Annotated[str, Meta(max_length=2 * SPECIFICATION_BYTES_MAX, pattern=_HEX)]
TransactionHex = Annotated[str, Meta(max_length=2 * TRANSACTION_BYTES_MAX, pattern=_HEX)]
OutcomeHex = Annotated[str, Meta(max_length=2 * OUTCOME_BYTES_MAX, pattern=_HEX)]
AddressHex = Annotated[str, Meta(min_length=40, max_length=40, pattern=_HEX)]
RecordHex = Annotated[str, Meta(max_length=2 * 64, pattern=_HEX)]
BlobHex = Annotated[str, Meta(max_length=2 * FLAT_BYTES_MAX, pattern=r"\A(?:[0-9a-f]{128})*\Z")]
"""Entries of 64 bytes."""
SiblingsHex = Annotated[str, Meta(max_length=2 * 15 * 32, pattern=_HEX)]
Path = Annotated[tuple[Digest, ...], Meta(max_length=PATH_MAX)]
Number = Annotated[str, Meta(max_length=19, pattern=r"\A(?:0|[1-9][0-9]*)\Z")]
"""A whole number below 2^63, in decimal digits."""


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all parts: a JSON object."""


class GenesisPart(_Part, frozen=True):
    """Which chain it is."""

    digest: Digest
    """SHA-256 of the specification."""
    specification: SpecificationHex | None
    """Canonical specification (S14); null if it is too long for a bundle."""


class SincePart(_Part, frozen=True):
    """Where the chain of sets starts, if not with the genesis."""

    epoch: Number
    """An epoch."""
    set: SetHex
    """Its validator set."""


class BoundaryPart(_Part, frozen=True):
    """The last block of an epoch, as `consensus.finality.EpochBoundary`."""

    header: HeaderHex
    """Its header."""
    certificate: CertificateHex
    """Its finalization."""
    next_set: SetHex
    """The set of the next epoch."""


class FinalityPart(_Part, frozen=True):
    """What makes the proved block final."""

    headers: Annotated[tuple[HeaderHex, ...], Meta(min_length=1, max_length=HEADERS_MAX)]
    """That of the proved block, then children up to the one that the certificate names."""
    certificate: CertificateHex
    """Finalization of the last header."""


class TransactionPart(_Part, frozen=True):
    """A transaction in the proved block."""

    signed: TransactionHex
    """Its signed bytes."""
    index: Number
    """Its position in the body."""
    path: Path
    """Siblings from its leaf up to the root."""


class OutcomePart(_Part, frozen=True):
    """An outcome of the proved block."""

    record: OutcomeHex
    """Its bytes."""
    index: Number
    """Its position among the outcomes."""
    path: Path
    """Siblings from its leaf up to the root."""


class AccountPart(_Part, frozen=True):
    """An account after the proved block, or its absence."""

    address: AddressHex
    """The account."""
    record: RecordHex | None
    """Its record; null if it has none."""
    blob: BlobHex
    """Entries of the flat part of the state tree where it belongs."""
    siblings: Annotated[tuple[SiblingsHex, ...], Meta(max_length=SIBLINGS_MAX)]
    """Up to the root, per node: the digests of its other children side by side."""


class _Bundle(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """What all kinds have."""

    format: str
    """`FORMAT`."""
    genesis: GenesisPart
    """Which chain it is."""
    since: SincePart | None
    """Where the chain of sets starts; null: with the genesis."""
    boundaries: Annotated[tuple[BoundaryPart, ...], Meta(max_length=BOUNDARIES_MAX)]
    """Ends of the epochs at which the set changed."""
    finality: FinalityPart
    """What makes the proved block final."""


class ReceiptBundle(_Bundle, frozen=True, tag="receipt"):
    """Proof of a miner's receipt."""

    receipt: TransactionPart
    """The receipt's transaction."""


class TransactionBundle(_Bundle, frozen=True, tag="transaction"):
    """Proof of any transaction."""

    transaction: TransactionPart
    """The transaction."""


class OutcomeBundle(_Bundle, frozen=True, tag="outcome"):
    """Proof of what a block did."""

    outcome: OutcomePart
    """The outcome."""


class AccountBundle(_Bundle, frozen=True, tag="account"):
    """Proof of a balance, or of its absence."""

    account: AccountPart
    """The account."""


class ValidatorsBundle(_Bundle, frozen=True, tag="validators"):
    """Proof of the validator set of an epoch."""


Bundle = ReceiptBundle | TransactionBundle | OutcomeBundle | AccountBundle | ValidatorsBundle
"""Any bundle."""

KINDS: Final = ("receipt", "transaction", "outcome", "account", "validators")
"""Values of `kind`."""


class _Outline(msgspec.Struct, frozen=True):
    """What says whether this program can read a document at all."""

    format: str
    """`FORMAT`, if this program can read the document."""
    kind: str
    """One of `KINDS`, if it can."""


_ENCODER: Final = msgspec.json.Encoder()


def read_document(data: bytes) -> Bundle:
    """Return the bundle that a document holds; its bytes are hostile still.

    Raises:
        ProofInvalid: at the step `document`.
    """
    if len(data) > DOCUMENT_BYTES_MAX:
        detail = f"has {len(data)} bytes, at most {DOCUMENT_BYTES_MAX} are read"
        raise ProofInvalid(Step.DOCUMENT, Fault.DOCUMENT_TOO_LARGE, detail)
    try:
        document = json.loads(
            data.decode(), object_pairs_hook=_members, parse_constant=_refuse_constant
        )
        outline = msgspec.convert(document, _Outline)
        if outline.format != FORMAT or outline.kind not in KINDS:
            detail = f"is {outline.format!r:.40} of the kind {outline.kind!r:.40}"
            raise ProofInvalid(Step.DOCUMENT, Fault.FORMAT_UNKNOWN, detail)
        bundle: Bundle = msgspec.convert(document, Bundle)
        _check_numbers(bundle)
    except (ValueError, RecursionError) as error:
        raise ProofInvalid(Step.DOCUMENT, Fault.DOCUMENT_MALFORMED, str(error)) from None
    return bundle


def write_document(bundle: Bundle) -> bytes:
    """Return the document of a bundle."""
    return _ENCODER.encode(bundle)


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Return a JSON object, in which no name may stand twice: readers differ in what counts."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice in an object")
    return members


def _refuse_constant(name: str) -> None:
    """Refuse what `json` reads and JSON does not have."""
    raise ValueError(f"{name} is no JSON")


def _check_numbers(bundle: Bundle) -> None:
    """Check the bound that a pattern cannot say."""
    numbers = [] if bundle.since is None else [bundle.since.epoch]
    if isinstance(bundle, ReceiptBundle):
        numbers.append(bundle.receipt.index)
    elif isinstance(bundle, TransactionBundle):
        numbers.append(bundle.transaction.index)
    elif isinstance(bundle, OutcomeBundle):
        numbers.append(bundle.outcome.index)
    if any(int(number) > COUNT_MAX for number in numbers):
        raise msgspec.ValidationError("a number is not below 2^63")
