"""Checks receipts and results offline: nothing is asked of anybody.

A receipt is a transaction that its miner signed. What has to be known of the chain is its genesis
digest, which everybody who runs a node of it has; `ChainTags` is made from it.

A check proves who signed what. That the chain assigned the job to that miner, and that the receipt
is in a final block, it does not prove: `aitbc.proofs` does.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from aitbc.actions import UNIT_TYPES
from aitbc.digests import ChainTags
from aitbc.errors import InvalidValue, ReceiptInvalid
from aitbc.field_checks import FieldValue
from aitbc.json_values import JsonValue, parse_json
from aitbc.keys import address_of, format_address, parse_address
from aitbc.transactions import ReadTransaction, read_transaction

if TYPE_CHECKING:
    # Proofs stand on this module.
    from aitbc.proofs.claims import ProvenBlock

_NAIT_PER_AITBC: Final = 10**9
_MICRO: Final = 10**6
_PUBLIC_KEY_BYTES: Final = 32

_UNIT_NAMES: Final = {number: name for name, number in UNIT_TYPES.items()}


@dataclass(frozen=True)
class VerifiedReceipt:
    """What a miner signed. Everything in it is the miner's statement, bound to the chain's job."""

    receipt_id: str
    """Id of the receipt, which is its transaction's: ``receipt_…``."""
    job_id: str
    """The job, ``job_…``."""
    attempt: int
    """Attempt of the job."""
    miner: str
    """Address of the miner."""
    public_key: bytes
    """Key that signed."""
    client: str
    """Address that pays."""
    coordinator: str
    """Address of the coordinator."""
    payload_digest: bytes
    """Digest of the job's input (J20)."""
    result_digest: bytes
    """Digest of the result (J21)."""
    units_micro: int
    """Work done, in millionths of the unit."""
    unit_type: str
    """The unit."""
    price: int
    """Nait claimed."""
    model: str
    """Model that ran."""
    started_ms: int
    """When the work began, as the miner claims."""
    completed_ms: int
    """When the work ended, as the miner claims."""
    block: "ProvenBlock | None" = field(default=None, compare=False)
    """The final block that was proved to hold it; None where only the signature was checked. No
    part of what was signed, so two that differ in it alone are equal."""


def verify_receipt(
    tags: ChainTags,
    transaction: bytes | str,
    receipt: Mapping[str, JsonValue] | None = None,
    *,
    miner: str | None = None,
    public_key: bytes | str | None = None,
) -> VerifiedReceipt:
    """Check a receipt's signed transaction, and return what it says.

    That proves that the holder of `VerifiedReceipt.public_key` signed exactly these bytes for this
    job on this chain. It does not prove that the job was assigned to that miner, nor that a final
    block holds the receipt: anybody can make a key and sign a receipt for any job with it. Name
    the miner that you expect, and compare the job with yours.

    Args:
        tags: the chain that is trusted.
        transaction: signed bytes, or their hex as ``receipts.transaction(id)`` has them.
        receipt: the same receipt as the API shows it, in any version: each member that the
            transaction says too has to agree with it. The miner's name is not signed.
        miner: address of the only miner whose receipt is accepted, ``ait1…``.
        public_key: the only key whose receipt is accepted: 32 bytes, or their base64 in either
            alphabet, as the API shows them.

    Raises:
        ReceiptInvalid: it is no receipt of this chain, its signature does not hold, `receipt`
            says something else, or another miner signed it; ``field`` names which.
        InvalidValue: `miner` is no address, or `public_key` no key.
    """
    expected = _Expected.read(miner, public_key)
    try:
        signed = bytes.fromhex(transaction) if isinstance(transaction, str) else transaction
        read = read_transaction(tags, signed)
    except InvalidValue as error:
        raise ReceiptInvalid(error.field, error.reason) from None
    except ValueError:
        raise ReceiptInvalid("transaction", "is not hex") from None
    if read.action != "post_receipt":
        raise ReceiptInvalid("action", f"is {read.action}, no receipt")
    found = receipt_of(read)
    if receipt is not None:
        _compare(receipt, found, read.signature)
    expected.require(read)
    return found


def verify_result(
    tags: ChainTags, receipt: VerifiedReceipt, proof: Mapping[str, JsonValue]
) -> JsonValue:
    """Check that a result is the one that a receipt names (J21), and return it.

    It is worth as much as the receipt: whoever signed that chose the result too.

    Args:
        tags: the chain that is trusted.
        receipt: from `verify_receipt`.
        proof: member ``proof`` of version 2026-05-11's result: ``document`` and ``salt``.

    Raises:
        ReceiptInvalid: it is another result.
    """
    document, salt = proof.get("document"), proof.get("salt")
    if not isinstance(document, str) or not isinstance(salt, str):
        raise ReceiptInvalid("proof", "has no document and salt")
    try:
        digest = tags.result_digest(
            bytes.fromhex(receipt.job_id.removeprefix("job_")),
            receipt.attempt,
            address_of(receipt.public_key),
            bytes.fromhex(salt),
            document.encode(),
        )
    except ValueError:
        raise ReceiptInvalid("salt", "is not hex") from None
    if digest != receipt.result_digest:
        raise ReceiptInvalid("document", "is not the result that the receipt names")
    return parse_json(document.encode())


@dataclass(frozen=True)
class _Expected:
    """Who has to have signed; None where anybody may."""

    miner: bytes | None
    """Address."""
    public_key: bytes | None
    """Key."""

    @classmethod
    def read(cls, miner: str | None, public_key: bytes | str | None) -> "_Expected":
        """Return what a caller expects; raise `InvalidValue` if that can be nobody."""
        try:
            address = None if miner is None else parse_address(miner)
        except InvalidValue as error:
            raise InvalidValue("miner", error.reason) from None
        try:
            key = _from_base64(public_key, "") if isinstance(public_key, str) else public_key
        except ReceiptInvalid as error:
            raise InvalidValue("public_key", error.reason) from None
        if key is not None and len(key) != _PUBLIC_KEY_BYTES:
            raise InvalidValue("public_key", f"must be {_PUBLIC_KEY_BYTES} bytes, not {len(key)}")
        return cls(address, key)

    def require(self, read: ReadTransaction) -> None:
        """Refuse what another miner signed."""
        if self.miner is not None and self.miner != read.sender:
            signer, wanted = format_address(read.sender), format_address(self.miner)
            raise ReceiptInvalid("miner", f"{signer} signed it, {wanted} is expected")
        if self.public_key is not None and self.public_key != read.sender_public_key:
            raise ReceiptInvalid("public_key", "another key than the expected one signed it")


def receipt_of(read: ReadTransaction) -> VerifiedReceipt:
    """Return what a ``post_receipt`` says, whose signature the caller has checked."""
    fields = read.fields
    return VerifiedReceipt(
        receipt_id=f"receipt_{read.transaction_id.hex()}",
        job_id=f"job_{_bytes(fields['job_id']).hex()}",
        attempt=_integer(fields["attempt"]),
        miner=format_address(read.sender),
        public_key=read.sender_public_key,
        client=format_address(_bytes(fields["client"])),
        coordinator=format_address(_bytes(fields["coordinator"])),
        payload_digest=_bytes(fields["payload_digest"]),
        result_digest=_bytes(fields["result_digest"]),
        units_micro=_integer(fields["units_micro"]),
        unit_type=_UNIT_NAMES[_integer(fields["unit_type"])],
        price=_integer(fields["price"]),
        model=str(fields["model"]),
        started_ms=_integer(fields["started_ms"]),
        completed_ms=_integer(fields["completed_ms"]),
    )


def _compare(receipt: Mapping[str, JsonValue], found: VerifiedReceipt, signature: bytes) -> None:
    """Refuse a receipt on the wire that says something else than what was signed."""
    expected: dict[str, JsonValue] = {
        "receipt_id": found.receipt_id,
        "job_id": found.job_id,
        "client": found.client,
        "units": found.units_micro / _MICRO,
        "unit_type": found.unit_type,
        "price": found.price / _NAIT_PER_AITBC,
        "model": found.model,
        # In version 2026-01-24 they are whole seconds since the epoch.
        "started_at": found.started_ms // 1_000,
        "completed_at": found.completed_ms // 1_000,
    }
    for name, value in expected.items():
        if name in receipt and receipt[name] != value:
            raise ReceiptInvalid(name, f"is {receipt[name]!r} on the wire, {value!r} was signed")
    told = receipt.get("signature")
    parts = told if isinstance(told, Mapping) else {"sig": told, **receipt}
    for name, known in (
        ("sig", signature),
        ("key_id", found.public_key),
        ("public_key", found.public_key),
    ):
        text = parts.get(name)
        if text is not None and _from_base64(text, name) != known:
            raise ReceiptInvalid(name, "is not that of the transaction")


def _from_base64(text: JsonValue, name: str) -> bytes:
    """Return the bytes of a text in either alphabet, padded or not."""
    try:
        standard = str(text).rstrip("=").replace("-", "+").replace("_", "/")
        padding = "=" * (-len(standard) % 4)
        return base64.b64decode(standard + padding, validate=True)
    except (ValueError, binascii.Error):
        raise ReceiptInvalid(name, "is not base64") from None


def _bytes(value: FieldValue) -> bytes:
    assert isinstance(value, bytes)
    return value


def _integer(value: FieldValue) -> int:
    assert isinstance(value, int)
    return value
