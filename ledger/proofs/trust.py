"""Where trust starts: the genesis that the reader pins, or a set that it has verified before."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from ledger.bucket_tree import bucket_bits
from ledger.codec import Codec
from ledger.errors import CodecError
from ledger.hashing import Purpose, Tags, sha256
from ledger.params import VALIDATORS_MAX
from ledger.proofs.document import GenesisPart, SincePart
from ledger.proofs.faults import Fault, ProofInvalid, Step
from ledger.proofs.points import is_sound_key
from ledger.records import Validator, ValidatorSet
from ledger.types import Address, Epoch, Hash, PublicKey, TimestampMs

SET_CODEC: Final = Codec(ValidatorSet, 16_384, "validator set")
"""Canonical bytes of a set; 100 members take about 9 kB."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What a reader brings along."""

    genesis_digest: Hash
    """Of the chain that it means; pinned, from elsewhere than the bundle."""
    specification: bytes | None = None
    """Canonical genesis specification, for bundles that leave it out."""
    known: Mapping[Epoch, Hash] = field(default_factory=dict)
    """Hashes of sets that it has verified, by their epoch."""


@dataclass(frozen=True, slots=True)
class Start:
    """What trust leads to before any block is looked at."""

    tags: Tags
    """Tags of the chain."""
    chain_name: str
    """Its name."""
    buckets: int
    """Buckets of its state tree."""
    validators: ValidatorSet
    """The set to start with."""
    epoch: Epoch
    """The first epoch that this set is known to be that of."""


class _Member(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A validator as the specification has it."""

    name: str
    """Shown name."""
    public_key: PublicKey
    """Consensus key."""
    payout: Address
    """Account that its blocks' fees go to."""


class _Specification(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A genesis specification, as `genesis.spec.canonical_bytes` writes it.

    The hash binds what is not decoded.
    """

    version: Annotated[int, Meta(ge=1, le=1)]
    """Version of the specification's form."""
    name: Annotated[str, Meta(min_length=1, max_length=32, pattern=r"\A[a-z0-9-]+\Z")]
    """Chain name."""
    timestamp_ms: TimestampMs
    """Time of block 0."""
    buckets: int
    """Buckets of the state tree."""
    parameters: msgspec.Raw
    """Parameters of the first epoch, not decoded."""
    validators: tuple[_Member, ...]
    """First validator set, in the order of leader rotation."""
    coordinators: msgspec.Raw
    """First coordinators, not decoded."""
    allocations: msgspec.Raw
    """First balances, not decoded."""


_SPECIFICATION: Final = msgspec.msgpack.Decoder(_Specification)


def start_of(trust: Trust, genesis: GenesisPart, since: SincePart | None) -> Start:
    """Return where a bundle's chain of sets starts (S14).

    Raises:
        ProofInvalid: at the step `genesis`.
    """
    digest = bytes.fromhex(genesis.digest)
    if digest != trust.genesis_digest:
        detail = f"of the genesis {genesis.digest}, not of {trust.genesis_digest.hex()}"
        raise _refused(Fault.GENESIS_OTHER, detail)
    specification = _read_specification(trust, genesis)
    tags = Tags(digest)
    if since is None:
        members = tuple(Validator(v.public_key, v.name, v.payout) for v in specification.validators)
        validators, epoch = check_set(ValidatorSet(members), Step.GENESIS), 0
    else:
        validators, epoch = _known_set(tags, trust, since), int(since.epoch)
    return Start(tags, specification.name, specification.buckets, validators, epoch)


def read_set(data: bytes, step: Step) -> ValidatorSet:
    """Return a set that can decide something.

    Raises:
        ProofInvalid: at the step that is given.
    """
    try:
        return check_set(SET_CODEC.decode(data), step)
    except CodecError as error:
        raise ProofInvalid(step, Fault.SET_MALFORMED, str(error)) from None


def check_set(validators: ValidatorSet, step: Step) -> ValidatorSet:
    """Return a set if it has 1 to 100 distinct members whose keys can be relied on (T10).

    Raises:
        ProofInvalid: at the step that is given.
    """
    keys = [member.public_key for member in validators.members]
    if not 1 <= len(keys) <= VALIDATORS_MAX or len(set(keys)) != len(keys):
        detail = f"a set of {len(keys)} members, {len(set(keys))} of them distinct"
        raise ProofInvalid(step, Fault.SET_MALFORMED, detail)
    for key in keys:
        if not is_sound_key(key):
            detail = f"key {key.hex()} is of small order or not canonical"
            raise ProofInvalid(step, Fault.SET_KEY_INVALID, detail)
    return validators


def _read_specification(trust: Trust, genesis: GenesisPart) -> _Specification:
    if genesis.specification is not None:
        data = bytes.fromhex(genesis.specification)
    elif trust.specification is not None:
        data = trust.specification
    else:
        detail = "the bundle has no specification; give the checker the genesis file"
        raise _refused(Fault.GENESIS_MISSING, detail)
    if sha256(data) != trust.genesis_digest:
        detail = f"the specification hashes to {sha256(data).hex()}"
        raise _refused(Fault.GENESIS_DIGEST_MISMATCH, detail)
    try:
        specification = _SPECIFICATION.decode(data)
        bucket_bits(specification.buckets)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise _refused(Fault.GENESIS_MALFORMED, str(error)) from None
    return specification


def _known_set(tags: Tags, trust: Trust, since: SincePart) -> ValidatorSet:
    """Return the set that a bundle starts with instead of the genesis'; the reader must know it."""
    data = bytes.fromhex(since.set)
    digest = tags.digest(Purpose.VALIDATOR_SET, data)
    if trust.known.get(int(since.epoch)) != digest:
        detail = f"the set {digest.hex()} of epoch {since.epoch} was not verified before"
        raise _refused(Fault.SINCE_UNKNOWN, detail)
    return read_set(data, Step.GENESIS)


def _refused(fault: Fault, detail: str) -> ProofInvalid:
    return ProofInvalid(Step.GENESIS, fault, detail)
