"""From a trusted set to a final block: boundaries, headers, certificate (E7)."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ledger.authorities import quorum_of
from ledger.block import HEADER_CODEC, ZERO_HASH, Header
from ledger.certificates import CERTIFICATE_CODEC, Certificate
from ledger.errors import CodecError
from ledger.hashing import Purpose, Tags
from ledger.keys import verify
from ledger.params import HEADER_VERSION
from ledger.proofs.document import BoundaryPart, FinalityPart
from ledger.proofs.faults import Fault, ProofInvalid, Step
from ledger.proofs.points import is_sound_key
from ledger.proofs.trust import Start, read_set
from ledger.records import ValidatorSet
from ledger.statements import Finalize, signed_bytes
from ledger.types import Epoch, Hash, Height
from ledger.views import validator_set_hash


@dataclass(frozen=True, slots=True)
class Reached:
    """A set that boundaries have led to."""

    validators: ValidatorSet
    """The set."""
    epoch: Epoch
    """The first epoch that it is known to be that of."""
    height: Height
    """Height of the last block before that epoch; 0 where the chain of sets starts."""


@dataclass(frozen=True, slots=True)
class FinalBlock:
    """A block that is final."""

    header: Header
    """Its header."""
    block_id: Hash
    """Its id."""
    validators: ValidatorSet
    """The set of its epoch."""
    signers: tuple[int, ...]
    """Members that signed its finalization, or that of a descendant of its epoch."""


@dataclass(frozen=True, slots=True)
class _Link:
    """A header with its id, which is over the bytes that were decoded."""

    header: Header
    block_id: Hash

    @property
    def ends_epoch(self) -> bool:
        return self.header.next_validator_set_hash != ZERO_HASH


def follow(start: Start, boundaries: Sequence[BoundaryPart]) -> Reached:
    """Return the set that the boundaries lead to.

    Raises:
        ProofInvalid: at the step `boundaries`; the text has the boundary's position.
    """
    reached = Reached(start.validators, start.epoch, 0)
    for at, boundary in enumerate(boundaries):
        try:
            reached = _next_set(start.tags, reached, boundary)
        except ProofInvalid as error:
            detail = f"boundary {at}: {error.detail}"
            raise ProofInvalid(Step.BOUNDARIES, error.fault, detail) from None
    return reached


def check_finality(tags: Tags, reached: Reached, finality: FinalityPart) -> FinalBlock:
    """Return the proved block, which the first header is of.

    Raises:
        ProofInvalid: at the steps `headers`, `validators` and `certificate`.
    """
    links = [_read_link(tags, data, Step.HEADERS) for data in finality.headers]
    for parent, child in pairwise(links):
        _check_link(parent, child)
    first, last = links[0], links[-1]
    if first.header.epoch < reached.epoch or first.header.height <= reached.height:
        detail = f"block {first.header.height} of epoch {first.header.epoch} is not after them"
        raise ProofInvalid(Step.VALIDATORS, Fault.EPOCH_TOO_EARLY, detail)
    for link in links:
        _check_named_set(tags, link.header, reached.validators, Step.VALIDATORS)
    certificate = bytes.fromhex(finality.certificate)
    signers = _check_certificate(tags, reached.validators, last, certificate, Step.CERTIFICATE)
    return FinalBlock(first.header, first.block_id, reached.validators, signers)


def _next_set(tags: Tags, reached: Reached, boundary: BoundaryPart) -> Reached:
    step = Step.BOUNDARIES
    link = _read_link(tags, boundary.header, step)
    header = link.header
    if header.epoch < reached.epoch or header.height <= reached.height:
        detail = f"block {header.height} of epoch {header.epoch} does not come after the one before"
        raise ProofInvalid(step, Fault.BOUNDARY_ORDER, detail)
    if not link.ends_epoch:
        detail = f"block {header.height} is not the last of its epoch"
        raise ProofInvalid(step, Fault.BOUNDARY_NOT_LAST, detail)
    _check_named_set(tags, header, reached.validators, step)
    certificate = bytes.fromhex(boundary.certificate)
    _check_certificate(tags, reached.validators, link, certificate, step)
    data = bytes.fromhex(boundary.next_set)
    following = read_set(data, step)
    if tags.digest(Purpose.VALIDATOR_SET, data) != header.next_validator_set_hash:
        detail = f"block {header.height} commits to another next set"
        raise ProofInvalid(step, Fault.BOUNDARY_NEXT_SET, detail)
    return Reached(following, header.epoch + 1, header.height)


def _read_link(tags: Tags, text: str, step: Step) -> _Link:
    data = bytes.fromhex(text)
    try:
        header = HEADER_CODEC.decode(data)
    except CodecError as error:
        raise ProofInvalid(step, Fault.HEADER_MALFORMED, str(error)) from None
    if header.version != HEADER_VERSION:
        detail = f"a header of version {header.version}"
        raise ProofInvalid(step, Fault.HEADER_MALFORMED, detail)
    return _Link(header, tags.digest(Purpose.HEADER, data))


def _check_link(parent: _Link, child: _Link) -> None:
    above, below = child.header, parent.header
    is_child = above.height == below.height + 1 and above.parent_id == parent.block_id
    if not is_child or above.epoch != below.epoch or parent.ends_epoch:
        detail = f"block {above.height} is not a child of the one before it in its epoch"
        raise ProofInvalid(Step.HEADERS, Fault.HEADERS_UNLINKED, detail)


def _check_named_set(tags: Tags, header: Header, validators: ValidatorSet, step: Step) -> None:
    if header.validator_set_hash != validator_set_hash(tags, validators):
        detail = f"block {header.height} names the set {header.validator_set_hash.hex()}"
        raise ProofInvalid(step, Fault.SET_OTHER, detail)


def _check_certificate(
    tags: Tags, validators: ValidatorSet, link: _Link, data: bytes, step: Step
) -> tuple[int, ...]:
    """Check that a set made a block final (E7); return who signed."""
    try:
        certificate = CERTIFICATE_CODEC.decode(data)
    except CodecError as error:
        raise ProofInvalid(step, Fault.CERTIFICATE_MALFORMED, str(error)) from None
    fault = _fault_of_statement(certificate, link)
    if fault is not None:
        detail = f"block {link.header.height}: the certificate says {certificate.statement}"
        raise ProofInvalid(step, fault, detail)
    signers = tuple(entry.signer for entry in certificate.entries)
    size = len(validators.members)
    fault = _fault_of_signers(signers, size)
    if fault is not None:
        detail = f"block {link.header.height}: signers {signers} of {size}"
        raise ProofInvalid(step, fault, detail)
    message = signed_bytes(tags, certificate.statement)
    for entry in certificate.entries:
        key = validators.members[entry.signer].public_key
        # libsodium refuses a small-order or non-canonical R and S by itself (T10).
        if not is_sound_key(key) or not verify(key, message, entry.signature):
            detail = f"block {link.header.height}: not the signature of member {entry.signer}"
            raise ProofInvalid(step, Fault.SIGNATURE_INVALID, detail)
    return signers


def _fault_of_statement(certificate: Certificate, link: _Link) -> Fault | None:
    final, header = certificate.statement, link.header
    if not isinstance(final, Finalize):
        return Fault.CERTIFICATE_NOT_FINALIZE
    if final.parent_view >= final.view:
        return Fault.CERTIFICATE_MALFORMED
    if final.block_id != link.block_id:
        return Fault.CERTIFICATE_OTHER_BLOCK
    if final.epoch != header.epoch:
        return Fault.CERTIFICATE_OTHER_EPOCH
    if final.view < header.view or (final.view > header.view and not link.ends_epoch):
        return Fault.CERTIFICATE_OTHER_VIEW
    return None


def _fault_of_signers(signers: Sequence[int], size: int) -> Fault | None:
    if any(later <= earlier for earlier, later in pairwise(signers)):
        return Fault.SIGNERS_NOT_ASCENDING
    if len(signers) < quorum_of(size):
        return Fault.QUORUM_MISSING
    if signers[-1] >= size:
        return Fault.SIGNER_UNKNOWN
    return None
