"""Who signed which block, read from finality certificates.

A certificate is made as soon as a quorum has signed, and two nodes may hold different ones for the
same block: who is not in this one may have signed as well, later. Pages say so.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from explorer_web.formats import grouped
from explorer_web.grids import Grid, GridRow, Mark
from explorer_web.page import Crumb
from explorer_web.ports import MemberStanding, ValidatorsStanding
from explorer_web.references import PageKind, page_url
from ledger.certificates import CERTIFICATE_CODEC
from ledger.errors import LedgerError
from ledger.store import BlockRow, IndexReader
from ledger.types import Height

MARK_WORDS: Final = {
    Mark.YES: "in the certificate",
    Mark.NO: "not in the certificate",
    Mark.NONE: "no certificate of its own",
}
"""What the marks of a participation grid mean."""

NOTE: Final = (
    "A certificate is complete with a quorum, and another node may hold another one for the same "
    "block: who is missing here may have signed a moment later."
)
"""What has to be known to read a participation grid."""


SIGNING_BLOCKS_MAX: Final = 100
"""Newest blocks whose certificates say who signs."""


def signers_of(certificate: bytes) -> frozenset[int] | None:
    """Return the places in the validator set of those whose votes a certificate has.

    Args:
        certificate: as stored; empty where a later block's certificate covers the block.

    Returns:
        The places; None where there is no certificate that can be read.
    """
    if not certificate:
        return None
    try:
        decoded = CERTIFICATE_CODEC.decode_trusted(certificate)
    except (LedgerError, ValueError):
        return None
    return frozenset(entry.signer for entry in decoded.entries)


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs the newest blocks."""

    members: int
    """Validators whose vote is in at least one of their certificates."""
    blocks: int
    """Blocks whose certificates were read."""


def signing_in(index: IndexReader, validators: int) -> Signing | None:
    """Return who signs the newest blocks of the newest block's validator set.

    A certificate is complete with a quorum, so one block says little about who is missing. Over
    twice as many blocks as there are members, who is in none does not sign, or is always the last.

    Args:
        index: where the blocks are.
        validators: members of the set.

    Returns:
        None where none of these blocks has a certificate of its own.
    """
    newest = index.blocks(limit=min(2 * max(validators, 1), SIGNING_BLOCKS_MAX))
    same = [
        row
        for row in newest
        if row.height and row.header.validator_set_hash == newest[0].header.validator_set_hash
    ]
    found = [signers for row in same if (signers := signers_of(row.certificate)) is not None]
    return Signing(len(frozenset().union(*found)), len(found)) if found else None


@dataclass(frozen=True, slots=True)
class Participation:
    """Who signed some blocks of one validator set, newest block first."""

    blocks: Sequence[BlockRow]
    """The blocks."""
    members: Sequence[MemberStanding]
    """The set."""
    signers: Sequence[frozenset[int] | None]
    """For each block, who is in its certificate."""

    @classmethod
    def of(cls, blocks: Sequence[BlockRow], set_of: ValidatorsStanding) -> "Participation":
        """Read the certificates of those blocks that the present set agreed on."""
        same = [
            row for row in blocks if row.header.validator_set_hash == set_of.set_hash and row.height
        ]
        return cls(same, set_of.members, [signers_of(row.certificate) for row in same])

    def marks(self, place: int) -> list[Mark]:
        """Return a member's marks, one for each block."""
        return [
            Mark.NONE if signed is None else Mark.YES if place in signed else Mark.NO
            for signed in self.signers
        ]

    def misses(self, place: int) -> list[Height]:
        """Return the heights of blocks whose certificate lacks a member."""
        marked = zip(self.blocks, self.marks(place), strict=True)
        return [row.height for row, mark in marked if mark is Mark.NO]

    def signed(self, place: int) -> int:
        """Return how many certificates have a member's vote."""
        return self.marks(place).count(Mark.YES)

    @property
    def grid(self) -> Grid:
        """The same as a grid, a row for each member."""
        heads = [
            Crumb(grouped(row.height), page_url(PageKind.BLOCK, row.height)) for row in self.blocks
        ]
        rows = [
            GridRow(member.name, self.marks(place)) for place, member in enumerate(self.members)
        ]
        return Grid("Who signed the newest blocks", "Validator", heads, rows, MARK_WORDS)
