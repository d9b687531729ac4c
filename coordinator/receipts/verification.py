"""Whether a receipt that somebody shows is one of this chain, and says what it said.

What is shown is untrusted: the receipt is found by its id, the miner's signature is verified over
the transaction that the chain has, and every member that was shown has to be as one of the
versions shows it. So a receipt with a genuine signature and another price is not authentic.
"""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import msgspec
from msgspec import UNSET

from coordinator.http.faults import FieldInvalid
from coordinator.receipts.model import ReceiptView
from coordinator.receipts.schemas import ReceiptClaim, SignatureClaim
from ledger.hashing import Purpose, Tags
from ledger.keys import verify
from ledger.proofs import ProofInvalid, ProvedTransaction, Trust, check_bundle
from ledger.types import Hash, PublicKey, Signature

NOT_FOUND: Final = "no final receipt has this id"

_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]*={0,2}", re.ASCII)

_BY_THEMSELVES: Final = frozenset({"signature", "public_key", "attestations"})
"""Members that are not compared as they are: bytes have several spellings in base64."""


def fault_of(
    tags: Tags,
    shown: Mapping[str, object],
    claim: ReceiptClaim,
    receipt: ReceiptView,
    shapes: Sequence[object],
) -> str | None:
    """Return what is wrong with a receipt that somebody shows, None if it is authentic.

    Args:
        tags: of this chain.
        shown: the members that were shown.
        claim: the same, typed.
        receipt: the final receipt of the same id.
        shapes: that receipt as each version shows it.

    Raises:
        FieldInvalid: what is to be base64 is none.
    """
    signature, keys = _signature_of(claim)
    message = tags[Purpose.TX_SIGN] + receipt.receipt_id
    if any(key != receipt.public_key for key in keys):
        return "the key is not the miner's"
    signed = receipt.signature if signature is None else signature
    if not verify(receipt.public_key, message, signed):
        return "the signature is not the miner's over this receipt's transaction"
    known = [_plain(shape) for shape in shapes]
    for name, value in shown.items():
        if name in _BY_THEMSELVES:
            continue
        # To Python, true is the number 1.
        if isinstance(value, bool) or all(shape.get(name, UNSET) != value for shape in known):
            return f"{name} is not what the receipt says"
    return _attestations_fault(claim, known)


def proved_receipt(bundle: Mapping[str, object], trust: Trust) -> tuple[Hash | None, str | None]:
    """Return the id of the receipt that a bundle proves, or what is wrong with the bundle.

    Args:
        bundle: the members of the document that somebody shows.
        trust: the chain that it has to be of.
    """
    if bundle.get("kind") != "receipt":
        return None, "the bundle is not of kind receipt"
    document = json.dumps(bundle, default=str).encode()
    try:
        proved = check_bundle(document, trust)
    except ProofInvalid as error:
        return None, f"the bundle fails: {error}"
    assert isinstance(proved.claim, ProvedTransaction), "a bundle of this kind proves no other"
    return proved.claim.transaction_id, None


def _signature_of(claim: ReceiptClaim) -> tuple[Signature | None, list[PublicKey]]:
    """Return the bytes of the signature, None if none is shown, and of the keys beside it."""
    shown, keys = claim.signature, [("/receipt/public_key", claim.public_key)]
    pointer = "/receipt/signature"
    if isinstance(shown, SignatureClaim):
        keys += [(f"{pointer}/public_key", shown.public_key), (f"{pointer}/key_id", shown.key_id)]
        shown, pointer = shown.sig, f"{pointer}/sig"
    signature = None if shown is UNSET else _bytes_of(shown, pointer)
    return signature, [_bytes_of(key, place) for place, key in keys if key is not UNSET]


def _bytes_of(text: str, pointer: str) -> bytes:
    """Return the bytes of base64 in either alphabet, padded or not."""
    digits = text.rstrip("=")
    if not _BASE64.fullmatch(text) or len(digits) % 4 == 1:
        raise FieldInvalid(pointer, "must be base64")
    plain = digits.replace("-", "+").replace("_", "/")
    return base64.b64decode(plain + "=" * (-len(plain) % 4))


def _plain(shape: object) -> dict[str, object]:
    """Return a receipt's members with exact numbers, as bodies are read."""
    members: dict[str, object] = json.loads(msgspec.json.encode(shape), parse_float=Decimal)
    return members


def _attestations_fault(claim: ReceiptClaim, known: Sequence[Mapping[str, object]]) -> str | None:
    """Return what is wrong with attestations; there may be more since the receipt was read."""
    if claim.attestations is UNSET:
        return None
    made: list[object] = []
    for shape in known:
        attestations = shape.get("attestations", [])
        assert isinstance(attestations, list)
        made += attestations
    if all(attestation in made for attestation in claim.attestations):
        return None
    return "attestations has one that the coordinator did not make"
