"""What a light client answers with: a proof that holds, and how much it is worth now."""

from dataclasses import dataclass
from typing import Generic, TypeVar

from aitbc.light.faults import NodeFault
from aitbc.light.memory import VerifiedHead
from aitbc.proofs import BalanceProof, ReceiptProof, ValidatorsProof

Proof = TypeVar("Proof", BalanceProof, ReceiptProof, ValidatorsProof)
"""What is proved."""


@dataclass(frozen=True)
class LightAnswer(Generic[Proof]):
    """A proof that holds, and how much it is worth now."""

    proof: Proof
    """What is proved; its `block` says of which height and time."""
    url: str
    """The node that gave the proof. It was not trusted."""
    age_s: float
    """How long ago the block's time is, by this machine's clock."""
    is_fresh: bool
    """Whether the block is young, and not from before what was verified earlier. A receipt does not
    grow old: it is final for ever."""
    faults: tuple[NodeFault, ...]
    """What is held against nodes that were asked before, or as well."""
    rests_on_epoch: int | None = None
    """Of a receipt: the epoch on whose validators' keys alone it rests, where these are not known
    to be in force still. Whoever has come to have those keys since can have made it, so it is
    worth what `also_proved_by` adds. None if the set in force, or a block that was verified while
    its set was in force, vouches for it."""
    also_proved_by: tuple[str, ...] = ()
    """Other nodes that proved the same, asked where `rests_on_epoch` is an epoch."""


@dataclass(frozen=True)
class Sighting:
    """Where one node says that the chain is."""

    url: str
    """The node."""
    head: VerifiedHead | None
    """Its newest final block, verified; None if it gave no proof."""
    fault: NodeFault | None
    """What is held against it."""
