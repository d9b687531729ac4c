"""What a validator must remember to be safe after a restart: the journal's records.

Written before anything that depends on them is sent. Their order is the order in which the core
came to them.
"""

from typing import Final

import msgspec

from consensus.messages import CERTIFICATE_BYTES_MAX, Certificate, Vote
from ledger.codec import Codec
from ledger.types import Hash, View


class _Record(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of all records: a tagged array of fields in order."""


class VoteSeen(_Record, frozen=True, tag=1):
    """An own vote, or the first vote of another member for a view and kind (rule 9)."""

    vote: Vote
    """The vote."""

    @property
    def view(self) -> int:
        """View that it is about."""
        return self.vote.statement.view


class CertificateSeen(_Record, frozen=True, tag=2):
    """A certificate that was assembled here or received, and checked."""

    certificate: Certificate
    """The certificate."""

    @property
    def view(self) -> int:
        """View that it is about."""
        return self.certificate.view


class VerdictGiven(_Record, frozen=True, tag=3):
    """What the application said of a notarized block (rule 5)."""

    view: View
    """View of the notarization."""
    block_id: Hash
    """The block."""
    valid: bool
    """Whether it was certified."""


Record = VoteSeen | CertificateSeen | VerdictGiven
"""Anything that the core persists."""

RECORD_BYTES_MAX: Final = CERTIFICATE_BYTES_MAX + 16
"""A certificate is the largest."""

# A union has no single class, which is all that the codec's parameter type can express.
RECORD_CODEC: Final[Codec[Record]] = Codec(Record, RECORD_BYTES_MAX, "record")  # type: ignore[arg-type]
