"""What a light client holds against nodes, and how it ends when it can believe none."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from aitbc.errors import AitbcError


class FaultKind(StrEnum):
    """Why a node was not used. The values are stable."""

    UNREACHABLE = "unreachable"
    """No connection, or it broke."""
    STALLS = "stalls"
    """It did not answer in time, or its newest final block is old."""
    REFUSES = "refuses"
    """It answered with an error, such as that it does not know the receipt."""
    LIES = "lies"
    """What it answered with does not prove what it should: no honest node does that."""
    OLDER = "older"
    """It proves a state from before one that was verified already."""


@dataclass(frozen=True)
class NodeFault:
    """One thing that is held against one node."""

    url: str
    """The node."""
    kind: FaultKind
    """Why it was not used."""
    detail: str
    """The same in words; step and code of the check, where it lies."""

    def __str__(self) -> str:
        """Return one line."""
        return f"{self.url} {self.kind}: {self.detail}"


class NoProof(AitbcError):
    """No node gave a proof that holds; `faults` has a reason for each."""

    def __init__(self, what: str, faults: Sequence[NodeFault]) -> None:
        """Say what was wanted and what each node did."""
        reasons = "; ".join(map(str, faults))
        super().__init__(f"no node proves {what}: {reasons}")
        self.what = what
        self.faults = tuple(faults)


class Contradiction(AitbcError):
    """Two proofs that both hold and exclude each other, in one place of the chain.

    More than f validators of a set signed both, or somebody has their keys; of sets it may also be
    that a node left a change out. Nobody can say by computation which one to believe, so neither
    is (S9): ask people, and compare with them.
    """

    def __init__(
        self,
        where: str,
        known: bytes,
        told: bytes,
        url: str,
        *,
        what: str = "two different blocks are proved final as",
        cause: str = "More than f validators signed both, or their keys were stolen",
    ) -> None:
        """Say what is there twice.

        Args:
            where: the place.
            known: id of the block or hash of the set that was verified before.
            told: the other one.
            url: who proved the other one.
            what: what is proved of the place.
            cause: how it can be.
        """
        super().__init__(
            f"{what} {where}: {known.hex()}, verified before, and {told.hex()}, by {url}. "
            f"{cause}: believe neither until people have decided"
        )
        self.where = where
        self.known = known
        self.told = told
        self.url = url


class LightStateInvalid(AitbcError):
    """The file of a light client cannot be used."""
