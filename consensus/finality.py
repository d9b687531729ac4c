"""Proving that a block is final, with nothing but the genesis (E7).

A finalization is signed by the validators of one epoch, and the last block of an epoch commits to
the set of the next one. So a chain of last blocks, each with its finalization, leads from the set
that the genesis names to the set that any later block was made final by. Only epochs at whose end
the set changed are needed: the hash of a set does not contain the epoch (E3).

Such a chain can be forged by whoever holds more than f keys of a former set, even of validators
that have left since. Two chains that are both valid and differ are the proof of that, and
`first_difference` finds where: nobody can say which one to believe, so neither is (S9).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

import msgspec
from msgspec import Meta

from consensus.committee import Committee, SignatureCheck
from consensus.errors import MessageInvalid
from consensus.messages import Certificate, Finalize
from ledger import keys
from ledger.block import ZERO_HASH, Header, block_id
from ledger.errors import LedgerError
from ledger.hashing import Tags
from ledger.records import ValidatorSet
from ledger.types import Epoch, Height
from ledger.views import validator_set_hash

BOUNDARIES_MAX: Final = 65_536
"""Epochs at whose end the set changed; seven years of a change an hour."""


class FinalityInvalid(LedgerError):
    """What is presented does not prove that a block is final."""

    code: ClassVar[str] = "FINALITY_INVALID"

    def __init__(self, header: Header, reason: str) -> None:
        """State the block and what is wrong."""
        super().__init__(f"block {header.height} of epoch {header.epoch}: {reason}")
        self.height = header.height


class EpochBoundary(
    msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True
):
    """The last block of an epoch, made final by that epoch's set, and the set of the next."""

    header: Header
    """Header of the block; it commits to both sets."""
    certificate: Certificate
    """Its finalization."""
    next_set: ValidatorSet
    """The validators of the next epoch, in their order."""


Boundaries = Annotated[tuple[EpochBoundary, ...], Meta(max_length=BOUNDARIES_MAX)]
"""Boundaries of rising epochs."""


@dataclass(frozen=True, slots=True)
class TrustedSet:
    """Validators that a chain of boundaries has led to."""

    members: ValidatorSet
    """Who agrees on blocks."""
    epoch: Epoch
    """First epoch that they are known to be the set of."""
    height: Height
    """Height of the last block before that epoch."""


def check_final(
    tags: Tags,
    validators: ValidatorSet,
    header: Header,
    certificate: Certificate,
    *,
    check: SignatureCheck = keys.verify,
) -> None:
    """Check that a set of validators made a block final (E7).

    Args:
        tags: tags of the chain.
        validators: the set of the block's epoch, trusted.
        header: of the block.
        certificate: hostile.
        check: how signatures are verified.

    Raises:
        FinalityInvalid: it is no finalization of this block by this set.
    """
    final = certificate.statement
    if header.validator_set_hash != validator_set_hash(tags, validators):
        raise FinalityInvalid(header, "its header names another validator set")
    if not isinstance(final, Finalize):
        raise FinalityInvalid(header, f"its certificate is a {certificate.kind.name.lower()}")
    if final.block_id != block_id(tags, header):
        raise FinalityInvalid(header, f"its certificate is of block {final.block_id.hex()}")
    if final.epoch != header.epoch:
        raise FinalityInvalid(header, f"its certificate is of epoch {final.epoch}")
    ends_epoch = header.next_validator_set_hash != ZERO_HASH
    if final.view < header.view or (final.view > header.view and not ends_epoch):
        raise FinalityInvalid(header, f"its certificate is of view {final.view}")
    members = tuple(member.public_key for member in validators.members)
    committee = Committee(tags, header.epoch, members, check=check)
    try:
        committee.check_certificate(certificate)
    except MessageInvalid as error:
        raise FinalityInvalid(header, str(error)) from None


def follow_boundaries(
    tags: Tags,
    genesis_set: ValidatorSet,
    boundaries: Sequence[EpochBoundary],
    *,
    check: SignatureCheck = keys.verify,
) -> TrustedSet:
    """Return the set that a chain of boundaries leads to, starting with the genesis' set.

    Raises:
        FinalityInvalid: a boundary is not the end of its epoch, not final, or out of order.
    """
    trusted = TrustedSet(genesis_set, 0, 0)
    for boundary in boundaries:
        header = boundary.header
        if header.epoch < trusted.epoch or header.height <= trusted.height:
            raise FinalityInvalid(header, "it does not come after the boundary before it")
        if header.next_validator_set_hash == ZERO_HASH:
            raise FinalityInvalid(header, "it is not the last block of its epoch")
        check_final(tags, trusted.members, header, boundary.certificate, check=check)
        if header.next_validator_set_hash != validator_set_hash(tags, boundary.next_set):
            raise FinalityInvalid(header, "its header names another next set")
        trusted = TrustedSet(boundary.next_set, header.epoch + 1, header.height)
    return trusted


def first_difference(
    first: Sequence[EpochBoundary], second: Sequence[EpochBoundary]
) -> tuple[EpochBoundary, EpochBoundary] | None:
    """Return the first pair of different blocks that both end one epoch, None if there is none.

    Chains may leave out epochs whose set did not change, so only common ones are compared.
    """
    others = {boundary.header.epoch: boundary for boundary in second}
    for boundary in first:
        other = others.get(boundary.header.epoch)
        if other is not None and other.header != boundary.header:
            return boundary, other
    return None
