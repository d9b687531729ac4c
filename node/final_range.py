"""Final blocks by height, as they come from elsewhere: checked in themselves, or refused.

What a range shows by itself is checked here: form, heights, links, one epoch, and that bodies are
those that the headers commit to. So if its certificate, of the last block or of a descendant that
headers lead to, is one of the epoch's committee, which the importer checks (E7), then every byte of
it is final, and a block that cannot be executed means that this program and the network disagree.

Headers come before bodies: what is proved by nothing costs no more than its headers to refuse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise, repeat
from typing import ClassVar, Final

import msgspec

from consensus import CERTIFICATE_CODEC, Certificate, Finalize
from ledger.block import CODEC as BLOCK_CODEC
from ledger.block import HEADER_CODEC, ZERO_HASH, Block, Header, block_id
from ledger.block_steps import identify_in_steps, root_in_steps
from ledger.codec import Codec
from ledger.errors import CodecError
from ledger.hashing import Tags
from ledger.steps import at_once
from ledger.transaction import IdentifiedTransaction
from ledger.types import Epoch, Hash, Height


class RangeInvalid(Exception):
    """A range that no honest peer sends, whatever its chain."""

    code: ClassVar[str] = "RANGE_INVALID"


@dataclass(frozen=True, slots=True)
class RangeBlock:
    """One block of a range."""

    block_id: Hash
    """Its id."""
    block: Block
    """Header and body."""
    data: bytes
    """Canonical bytes of the block."""
    body: tuple[IdentifiedTransaction, ...]
    """Its transactions with bytes and ids, in order."""


@dataclass(frozen=True, slots=True)
class RangeOutline:
    """A range whose headers and certificate are sound in themselves, and whose bodies wait."""

    blocks: tuple[bytes, ...]
    """Canonical bytes of blocks; their headers are decoded, and follow each other."""
    ids: tuple[Hash, ...]
    """Their ids."""
    epoch: Epoch
    """Epoch of all blocks."""
    first_height: Height
    """Height of the first block."""
    certificate: Certificate
    """As in `FinalRange`."""

    @property
    def last_height(self) -> Height:
        """Height of the last block."""
        return self.first_height + len(self.blocks) - 1


@dataclass(frozen=True, slots=True)
class FinalRange:
    """Consecutive blocks of one epoch, and a finalization that covers them."""

    blocks: tuple[RangeBlock, ...]
    """At least one; children follow parents."""
    certificate: Certificate
    """Names the last block or a descendant, in the epoch of all; its signatures are not checked
    here."""

    @property
    def epoch(self) -> Epoch:
        """Epoch of all blocks."""
        return self.blocks[0].block.header.epoch

    @property
    def first_height(self) -> Height:
        """Height of the first block."""
        return self.blocks[0].block.header.height

    @property
    def last_height(self) -> Height:
        """Height of the last block."""
        return self.blocks[-1].block.header.height


@dataclass(frozen=True, slots=True)
class KnownBlock:
    """A block that is final, as headers from it to a finalized block have shown; not here yet."""

    height: Height
    """Its height."""
    block_id: Hash
    """Its id."""
    certificate: Certificate
    """Finalization of a descendant in its epoch."""


def read_outline(
    tags: Tags,
    blocks: Sequence[bytes],
    certificate: bytes,
    headers: Sequence[bytes] = (),
    known: KnownBlock | None = None,
) -> RangeOutline:
    """Decode and check the headers of a range; bodies are not looked at.

    Args:
        tags: of the chain.
        blocks: canonical bytes of blocks, at least one; hostile.
        certificate: canonical bytes of the finalization of the last header, or, if there are none,
            of the last block; hostile.
        headers: canonical bytes of headers from the last block's child on; hostile.
        known: a block that the last header, or the last block, may be instead of a finalized one.

    Raises:
        RangeInvalid: what is wrong with it is wrong for ever, and its sender is at fault.
    """
    try:
        own = [header_of(data) for data in blocks]
        above = [HEADER_CODEC.decode(data) for data in headers]
    except CodecError as error:
        raise RangeInvalid(str(error)) from None
    links = _links(tags, (*own, *above))
    proof = _proof_of(links[-1], certificate, known)
    ids = tuple(link.block_id for link in links[: len(own)])
    return RangeOutline(tuple(blocks), ids, own[0].epoch, own[0].height, proof)


def read_headers(
    tags: Tags, headers: Sequence[bytes], certificate: bytes, known: KnownBlock | None
) -> tuple[KnownBlock, Epoch]:
    """Decode and check headers that lead to a block which is final, without its blocks.

    Args:
        tags: of the chain.
        headers: canonical bytes of headers, at least one; hostile.
        certificate: canonical bytes of the finalization of the last header; hostile. Empty if that
            is the known block's.
        known: where the headers lead to if there is no certificate.

    Returns:
        The parent of the first block, final if the certificate is one of the committee, and the
        epoch of the headers.

    Raises:
        RangeInvalid: its sender is at fault.
    """
    try:
        decoded = [HEADER_CODEC.decode(data) for data in headers]
    except CodecError as error:
        raise RangeInvalid(str(error)) from None
    links = _links(tags, decoded)
    proof = _proof_of(links[-1], certificate, known)
    first = decoded[0]
    return KnownBlock(first.height - 1, first.parent_id, proof), first.epoch


def read_bodies(tags: Tags, outline: RangeOutline) -> FinalRange:
    """Decode the bodies of a range, and compare them with what the headers commit to.

    This takes a while for a large range, so its certificate should be checked before.

    Raises:
        RangeInvalid: its sender is at fault.
    """
    return FinalRange(
        tuple(map(_read_block, repeat(tags), outline.ids, outline.blocks)), outline.certificate
    )


def read_range(
    tags: Tags, blocks: Sequence[bytes], certificate: bytes, headers: Sequence[bytes] = ()
) -> FinalRange:
    """Decode and check a range, as `read_outline` and `read_bodies` do.

    Raises:
        RangeInvalid: its sender is at fault.
    """
    return read_bodies(tags, read_outline(tags, blocks, certificate, headers))


class _Parts(msgspec.Struct, array_like=True, frozen=True, forbid_unknown_fields=True):
    """A block whose header and body are not decoded."""

    header: msgspec.Raw
    body: msgspec.Raw


_PARTS: Final = Codec(_Parts, BLOCK_CODEC.bytes_max, "block")


def header_of(data: bytes) -> Header:
    """Return the header of a block without decoding its body.

    Raises:
        CodecError: the bytes do not begin like a block.
    """
    return HEADER_CODEC.decode(bytes(_PARTS.decode(data).header))


def _read_block(tags: Tags, identity: Hash, data: bytes) -> RangeBlock:
    try:
        block = BLOCK_CODEC.decode(data)
    except CodecError as error:
        raise RangeInvalid(str(error)) from None
    body = at_once(identify_in_steps(tags, block.transactions))
    header = block.header
    if at_once(root_in_steps(body)) != header.transaction_root:
        raise RangeInvalid(f"block {header.height} has another body than its header commits to")
    return RangeBlock(identity, block, data, body)


@dataclass(frozen=True, slots=True)
class _Link:
    """A block of the chain from the first block to the one that the certificate names."""

    block_id: Hash
    header: Header

    @property
    def ends_epoch(self) -> bool:
        return self.header.next_validator_set_hash != ZERO_HASH


def _links(tags: Tags, headers: Sequence[Header]) -> list[_Link]:
    """Return headers with their ids; children follow parents, all in one epoch."""
    links = [_Link(block_id(tags, header), header) for header in headers]
    for parent, child in pairwise(links):
        _check_link(parent, child)
    return links


def _proof_of(last: _Link, certificate: bytes, known: KnownBlock | None) -> Certificate:
    """Return the certificate that names a block, or that of the known block if it is this one."""
    if not certificate and known is not None:
        if last.block_id != known.block_id:
            raise RangeInvalid("the headers do not lead to the known block")
        return known.certificate
    try:
        proof = CERTIFICATE_CODEC.decode(certificate)
    except CodecError as error:
        raise RangeInvalid(str(error)) from None
    _check_proof(last, proof)
    return proof


def _check_link(parent: _Link, child: _Link) -> None:
    above, below = child.header, parent.header
    if above.height != below.height + 1 or above.parent_id != parent.block_id:
        raise RangeInvalid(f"block {above.height} is not the child of the one before it")
    if above.epoch != below.epoch or parent.ends_epoch:
        raise RangeInvalid(f"block {above.height} is of another epoch than the one before it")


def _check_proof(last: _Link, proof: Certificate) -> None:
    header, statement = last.header, proof.statement
    if not isinstance(statement, Finalize) or statement.block_id != last.block_id:
        raise RangeInvalid("the certificate does not finalize the last block")
    is_later = statement.view > header.view and last.ends_epoch
    if statement.epoch != header.epoch or (statement.view != header.view and not is_later):
        raise RangeInvalid("the certificate is of another epoch or view than its block")
