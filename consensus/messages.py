"""What validators sign and send: statements, votes, certificates and evidence.

All are canonical MessagePack arrays (`ledger.codec`). The statements themselves, what their
signatures are over and which two contradict each other are formats of the ledger
(`ledger.statements`), because it judges evidence of contradictions (E5); so are certificates
(`ledger.certificates`), because proofs of finality are checked without consensus.
"""

from typing import Final

import msgspec

from ledger.certificates import (
    CERTIFICATE_BYTES_MAX,
    CERTIFICATE_CODEC,
    Certificate,
    CertificateEntry,
    MemberIndex,
)
from ledger.codec import Codec
from ledger.statements import (
    Finalize,
    Notarize,
    Nullify,
    Statement,
    VotedView,
    VoteKind,
    contradiction,
    signed_bytes,
)
from ledger.types import Signature

__all__ = [
    "CERTIFICATE_BYTES_MAX",
    "CERTIFICATE_CODEC",
    "EVIDENCE_BYTES_MAX",
    "EVIDENCE_CODEC",
    "VOTE_BYTES_MAX",
    "VOTE_CODEC",
    "BlockStatement",
    "Certificate",
    "CertificateEntry",
    "Evidence",
    "Finalize",
    "MemberIndex",
    "Notarize",
    "Nullify",
    "Statement",
    "Vote",
    "VoteKind",
    "VotedView",
    "contradiction",
    "finalize_of",
    "signed_bytes",
    "votes_of",
]

VOTE_BYTES_MAX: Final = 192
"""A vote takes about 130 bytes."""

EVIDENCE_BYTES_MAX: Final = 2 * VOTE_BYTES_MAX + 8
"""Two votes."""

BlockStatement = Notarize | Finalize
"""A statement about a block."""


class _Wire(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of all messages: an array of fields in order."""


class Vote(_Wire, frozen=True):
    """A statement signed by one member."""

    statement: Statement
    """What is said."""
    signer: MemberIndex
    """Who says it, as an index into the epoch's set."""
    signature: Signature
    """Ed25519 over tag(purpose of the kind) ‖ statement bytes."""


class Evidence(_Wire, frozen=True):
    """Two votes of one member that contradict each other (rule 9)."""

    first: Vote
    """The vote that was seen first."""
    second: Vote
    """The vote that contradicts it."""


VOTE_CODEC: Final = Codec(Vote, VOTE_BYTES_MAX, "vote")
EVIDENCE_CODEC: Final = Codec(Evidence, EVIDENCE_BYTES_MAX, "evidence")


def votes_of(certificate: Certificate) -> tuple[Vote, ...]:
    """Return the votes that a certificate is made of, in its order."""
    statement = certificate.statement
    return tuple(Vote(statement, entry.signer, entry.signature) for entry in certificate.entries)


def finalize_of(statement: Notarize) -> Finalize:
    """Return the finalize statement about the block that a notarize statement proposes."""
    return Finalize(statement.epoch, statement.view, statement.parent_view, statement.block_id)
