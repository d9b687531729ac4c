"""Whether a set of validators made a block final (E7)."""

from itertools import pairwise

from aitbc.digests import ChainTags
from aitbc.errors import InvalidValue, ProofInvalid
from aitbc.proofs.header import Header
from aitbc.proofs.validators import (
    FINALIZE,
    Certificate,
    ValidatorSet,
    checked_set,
    is_usable_key,
    read_certificate,
    read_validator_set,
    signed_by,
)


def usable_set(members: ValidatorSet) -> ValidatorSet:
    """Return a set of 1 to 100 distinct members, all of whose keys can be judged by.

    Raises:
        ProofInvalid: it is none, or a key is not canonical, or of small order: libraries differ
            on such keys.
    """
    try:
        checked_set(members)
    except InvalidValue as error:
        raise ProofInvalid("SET_MALFORMED", str(error)) from None
    for member in members.members:
        if not is_usable_key(member.public_key):
            raise ProofInvalid(
                "SET_KEY_INVALID", f"the key of {member.name[:32]!a} is none to trust"
            )
    return members


def set_from(data: bytes) -> ValidatorSet:
    """Return the set that canonical bytes say, with keys that can be judged by.

    Raises:
        ProofInvalid: they say none, or a key is none.
    """
    try:
        members = read_validator_set(data)
    except InvalidValue as error:
        raise ProofInvalid("SET_MALFORMED", str(error)) from None
    return usable_set(members)


def check_names_set(tags: ChainTags, header: Header, members: ValidatorSet) -> None:
    """Check that a header says that this set agrees on it.

    Raises:
        ProofInvalid: it says another.
    """
    if header.validator_set_hash != members.hash(tags):
        reason = f"block {header.height} names another validator set than the one reached"
        raise ProofInvalid("SET_OTHER", reason)


def check_final(
    tags: ChainTags, members: ValidatorSet, header: Header, data: bytes
) -> tuple[str, ...]:
    """Check that a certificate makes a block final, and return the names of who signed.

    Args:
        tags: of the chain.
        members: the set that the header names.
        header: of the block.
        data: canonical bytes of the certificate; hostile.

    Raises:
        ProofInvalid: it does not.
    """
    try:
        certificate = read_certificate(data)
    except InvalidValue as error:
        raise ProofInvalid("CERTIFICATE_MALFORMED", str(error)) from None
    _check_statement(header, certificate)
    _check_signers(members, certificate)
    message = tags.tag("finalize") + certificate.statement
    names = []
    for signer, signature in certificate.signatures:
        member = members.members[signer]
        if not signed_by(member.public_key, message, signature):
            reason = f"{member.name[:32]!a} did not sign this finalization"
            raise ProofInvalid("SIGNATURE_INVALID", reason)
        names.append(member.name)
    return tuple(names)


def _check_statement(header: Header, certificate: Certificate) -> None:
    if certificate.kind != FINALIZE:
        reason = f"the certificate is a {certificate.kind_name}, no finalization"
        raise ProofInvalid("CERTIFICATE_NOT_FINALIZE", reason)
    if certificate.parent_view >= certificate.view:
        raise ProofInvalid("CERTIFICATE_MALFORMED", "its parent's view is not earlier")
    if certificate.block_id != header.block_id:
        reason = f"the certificate is of block {certificate.block_id.hex()}"
        raise ProofInvalid("CERTIFICATE_OTHER_BLOCK", reason)
    if certificate.epoch != header.epoch:
        reason = f"the certificate is of epoch {certificate.epoch}, the block of {header.epoch}"
        raise ProofInvalid("CERTIFICATE_OTHER_EPOCH", reason)
    is_later = certificate.view > header.view
    if certificate.view < header.view or (is_later and not header.ends_epoch):
        reason = f"the certificate is of view {certificate.view}, the block of {header.view}"
        raise ProofInvalid("CERTIFICATE_OTHER_VIEW", reason)


def _check_signers(members: ValidatorSet, certificate: Certificate) -> None:
    signers = [signer for signer, _ in certificate.signatures]
    if any(later <= earlier for earlier, later in pairwise(signers)):
        raise ProofInvalid("SIGNERS_NOT_ASCENDING", "a signer stands twice, or out of order")
    if len(signers) < members.quorum:
        size = len(members.members)
        reason = f"{len(signers)} of {size} signed; a quorum is {members.quorum}"
        raise ProofInvalid("QUORUM_MISSING", reason)
    if signers[-1] >= len(members.members):
        reason = f"signer {signers[-1]} is beyond the set of {len(members.members)}"
        raise ProofInvalid("SIGNER_UNKNOWN", reason)
