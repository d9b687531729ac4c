"""What is raised when an invariant does not hold, and the two ways to demand one.

The numbers are those of the list "Invariants" at the end of ledger-rules.md.
"""

from enum import IntEnum


class Invariant(IntEnum):
    """The invariants that one chain can be checked for."""

    SUPPLY = 1
    """Balances, escrows and bonds are the supply; every amount is in range."""
    FIELDS = 2
    """A job has the fields of its state, and no others; its terms stay as they were locked."""
    DUE = 3
    """What is due ends by automatic work, in order, and by nothing else."""
    ONE_ENDING = 4
    """A job has at most one receipt and exactly one ending, whose parts are what was locked."""
    OUTCOMES = 5
    """Outcome records are the block's balance changes, and the header commits to them."""
    NO_REPLAY = 6
    """No id twice among ancestors; now ≤ valid_until ≤ now + horizon."""
    LINKS = 7
    """Height, time, epoch and view rise; parent, set and leader are right."""
    ROOT = 8
    """A quiet block keeps the root; the root is the one of the records."""
    DERIVED = 9
    """In-flight counts, names and the due queue are what the records imply."""
    SET = 10
    """Parameters are in bounds, the validator set is one; both change by vote only."""
    SAME_STATE = 11
    """Another way to the same block gives the same state."""


class InvariantBroken(AssertionError):
    """The chain contradicts itself: a defect of this program, never a fault of someone's data.

    The checker that raised it must not be used any more.
    """

    def __init__(self, invariant: Invariant, what: str, expected: object, found: object) -> None:
        """Name the invariant, what was looked at, and both values."""
        super().__init__(
            f"invariant {invariant.value} ({invariant.name.lower()}), {what}: "
            f"expected {shown(expected)}, found {shown(found)}"
        )
        self.invariant = invariant
        self.what = what
        self.expected = expected
        self.found = found


def require_equal(invariant: Invariant, what: str, expected: object, found: object) -> None:
    """Demand that two values are the same.

    Raises:
        InvariantBroken: they are not.
    """
    if expected != found:
        raise InvariantBroken(invariant, what, expected, found)


def require(invariant: Invariant, what: str, holds: bool, expected: str, found: object) -> None:  # noqa: FBT001 - the condition is the point
    """Demand a condition, described by `expected` for the error.

    Raises:
        InvariantBroken: it does not hold.
    """
    if not holds:
        raise InvariantBroken(invariant, what, expected, found)


def shown(value: object) -> str:
    """Return a value as an error shows it: bytes in hex."""
    return value.hex() or "nothing" if isinstance(value, bytes) else repr(value)
