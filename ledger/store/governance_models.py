"""What the index answers about governance: ballots, and what was changed. See `read_models`."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from ledger.motions import Motion
from ledger.outcomes import OutcomeKind
from ledger.store.work_models import Moment, Position
from ledger.types import Address, Hash

CHANGE_KINDS: Final = frozenset(
    {
        OutcomeKind.VALIDATOR_ADDED,
        OutcomeKind.VALIDATOR_REMOVED,
        OutcomeKind.VALIDATOR_ACCUSED,
        OutcomeKind.COORDINATOR_ADDED,
        OutcomeKind.COORDINATOR_REMOVED,
        OutcomeKind.PARAMETER_CHANGED,
        OutcomeKind.UNITS_ISSUED,
    }
)
"""Outcomes that say what governance changed."""


class BallotStatus(StrEnum):
    """What became of a ballot."""

    OPEN = "OPEN"
    """Authorities vote on it."""
    PASSED = "PASSED"
    """What it asked has been decided."""
    EXPIRED = "EXPIRED"
    """Nobody passed it in time."""


@dataclass(frozen=True, slots=True)
class BallotRow:
    """A ballot, open or closed."""

    ballot_id: Hash
    """Its id: that of the transaction that opened it."""
    position: Position
    """Place of that transaction."""
    opener: Address
    """Address of the key of the authority that opened it."""
    motion: Motion
    """What it asks."""
    opened: Moment
    """When it was opened."""
    status: BallotStatus
    """What became of it."""
    closed: Moment | None
    """When it passed or expired; None while it is open."""
