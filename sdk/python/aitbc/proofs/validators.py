"""Sets of validators and certificates, from their canonical bytes."""

from dataclasses import dataclass
from typing import Final

import msgpack
import nacl.bindings
import nacl.exceptions

from aitbc.digests import ChainTags
from aitbc.errors import InvalidValue
from aitbc.field_checks import ADDRESS, HASH, SIGNATURE, any_text, fixed_array, integer_to
from aitbc.governance import STATEMENT
from aitbc.proofs.canonical import decode

VALIDATORS_MAX: Final = 100
"""Members of a set."""

SET_BYTES_MAX: Final = 16_384
"""A set of 100 takes about 9 kB."""

CERTIFICATE_BYTES_MAX: Final = 128 + VALIDATORS_MAX * 72
"""A statement and, for each member, an index and a signature."""

KINDS: Final = {1: "notarization", 2: "nullification", 3: "finalization"}
"""Certificates by the number of what they state."""

FINALIZE: Final = 3
"""Number of what a finalization states."""

_FIELD: Final = 2**255 - 19
"""Prime of the curve's field."""

_EIGHTH: Final = 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
_SMALL_ORDER: Final = frozenset({0, 1, _FIELD - 1, _EIGHTH, _FIELD - _EIGHTH})
"""The y of all points of order 1, 2, 4 and 8."""

_MEMBER: Final = fixed_array({"public_key": HASH, "name": any_text, "payout": ADDRESS})
_ENTRY: Final = fixed_array({"signer": integer_to(VALIDATORS_MAX - 1), "signature": SIGNATURE})


@dataclass(frozen=True)
class Validator:
    """A member of a set."""

    public_key: bytes
    """Key that signs votes."""
    name: str
    """Shown name: ``[a-z0-9-]{1,32}`` on chains that follow the rules, but any text in a bundle of
    a chain that nobody pinned."""
    payout: bytes
    """Address that its blocks' fees go to."""


@dataclass(frozen=True)
class ValidatorSet:
    """The validators of an epoch, in the order that certificates count them."""

    members: tuple[Validator, ...]
    """1 to 100, distinct keys."""

    @property
    def quorum(self) -> int:
        """How many have to sign: n less the floor of (n - 1) / 3."""
        size = len(self.members)
        return size - (size - 1) // 3

    @property
    def canonical(self) -> bytes:
        """Canonical bytes."""
        told: bytes = msgpack.packb([[[m.public_key, m.name, m.payout] for m in self.members]])
        return told

    def hash(self, tags: ChainTags) -> bytes:
        """Return what headers name the set by."""
        return tags.digest("validator-set", self.canonical)


@dataclass(frozen=True)
class Certificate:
    """Votes of several members for one statement; checked by nobody yet."""

    kind: int
    """What they say: notarize, nullify or finalize."""
    epoch: int
    """Epoch that they say it in."""
    view: int
    """View that they say it of."""
    parent_view: int
    """View of the block's parent; 0 for a nullification."""
    block_id: bytes
    """The block; empty for a nullification."""
    statement: bytes
    """Canonical bytes of what is said, without a tag."""
    signatures: tuple[tuple[int, bytes], ...]
    """Index of each member in its set, and its signature."""

    @property
    def kind_name(self) -> str:
        """What such a certificate is called."""
        return KINDS[self.kind]


def read_validator_set(data: bytes) -> ValidatorSet:
    """Return the set that canonical bytes say.

    Raises:
        InvalidValue: they say none.
    """
    value = decode("validator set", data, SET_BYTES_MAX)
    if not isinstance(value, list) or len(value) != 1 or not isinstance(value[0], list):
        raise InvalidValue("validator set", "must be an array of members")
    members = []
    for each in value[0]:
        public_key, name, payout = _MEMBER("validator set", each)
        assert isinstance(public_key, bytes)
        assert isinstance(name, str)
        assert isinstance(payout, bytes)
        members.append(Validator(public_key, name, payout))
    return checked_set(ValidatorSet(tuple(members)))


def checked_set(validators: ValidatorSet) -> ValidatorSet:
    """Return a set if it has 1 to 100 distinct members.

    Raises:
        InvalidValue: it has not.
    """
    members = validators.members
    if not 1 <= len(members) <= VALIDATORS_MAX:
        raise InvalidValue("validator set", f"must have 1 to {VALIDATORS_MAX} members")
    if len({member.public_key for member in members}) != len(members):
        raise InvalidValue("validator set", "two members have the same key")
    return validators


def read_certificate(data: bytes) -> Certificate:
    """Return the certificate that canonical bytes say.

    Raises:
        InvalidValue: they say none.
    """
    value = decode("certificate", data, CERTIFICATE_BYTES_MAX)
    if not isinstance(value, list) or len(value) != 2 or not isinstance(value[1], list):
        raise InvalidValue("certificate", "must be a statement and its signatures")
    statement = STATEMENT("certificate", value[0])
    assert isinstance(statement, list)
    if len(value[1]) > VALIDATORS_MAX:
        raise InvalidValue("certificate", f"has more than {VALIDATORS_MAX} signatures")
    signatures = []
    for each in value[1]:
        signer, signature = _ENTRY("certificate", each)
        assert isinstance(signer, int)
        assert isinstance(signature, bytes)
        signatures.append((signer, signature))
    kind, epoch, view, *block = statement
    parent_view, block_id = block or (0, b"")
    assert isinstance(kind, int)
    assert isinstance(epoch, int)
    assert isinstance(view, int)
    assert isinstance(parent_view, int)
    assert isinstance(block_id, bytes)
    packed: bytes = msgpack.packb(statement)
    return Certificate(kind, epoch, view, parent_view, block_id, packed, tuple(signatures))


def is_usable_key(public_key: bytes) -> bool:
    """Return whether a key is written canonically and is not of small order (T10).

    A key that is no point of the curve passes: nothing that it signed holds.
    """
    y = int.from_bytes(public_key, "little") & (1 << 255) - 1
    return y < _FIELD and y not in _SMALL_ORDER


def signed_by(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Return whether a signature is the key's over a message.

    libsodium refuses keys and points of small order and other forms than the canonical one (T10).
    """
    try:
        nacl.bindings.crypto_sign_open(signature + message, public_key)
    except (nacl.exceptions.CryptoError, ValueError):
        return False
    return True
