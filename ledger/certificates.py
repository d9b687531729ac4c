"""Certificates: a quorum's votes for one statement.

They are formats of the ledger, like the statements in them, because whoever checks a proof needs
nothing of consensus. Certificates are not canonical: two nodes may hold different signer sets for
one statement. Never hash one into a block, a state or a choice of leader.
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from ledger.codec import Codec
from ledger.params import VALIDATORS_MAX
from ledger.statements import Statement, VoteKind
from ledger.types import Signature

CERTIFICATE_BYTES_MAX: Final = 128 + VALIDATORS_MAX * 72
"""A statement and, for each member, an index and a signature."""

MemberIndex = Annotated[int, Meta(ge=0, lt=VALIDATORS_MAX)]
"""Position of a validator in its epoch's set."""


class _Wire(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of both: an array of fields in order."""


class CertificateEntry(_Wire, frozen=True):
    """One member's part of a certificate."""

    signer: MemberIndex
    """Index into the epoch's set."""
    signature: Signature
    """As in the member's vote."""


class Certificate(_Wire, frozen=True):
    """A quorum's votes for one statement: notarization, nullification or finalization."""

    statement: Statement
    """What the quorum says."""
    entries: Annotated[tuple[CertificateEntry, ...], Meta(max_length=VALIDATORS_MAX)]
    """At least q members, strictly ascending by index."""

    @property
    def kind(self) -> VoteKind:
        """Kind of all its votes."""
        return self.statement.kind

    @property
    def view(self) -> int:
        """View that it decides."""
        return self.statement.view


CERTIFICATE_CODEC: Final = Codec(Certificate, CERTIFICATE_BYTES_MAX, "certificate")
