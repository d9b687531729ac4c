"""What a transaction or an automatic item sees of its block, and where its effects go."""

from dataclasses import dataclass, field

import msgspec

from ledger.hashing import Tags
from ledger.outcomes import Outcome, OutcomeKind
from ledger.params import Parameters
from ledger.state import Overlay
from ledger.types import Address, Amount, DurationMs, Epoch, Hash, PublicKey, TimestampMs


class Cause(msgspec.Struct, frozen=True, gc=False):
    """The transaction that acts."""

    transaction_id: Hash
    """Its id; also the id of the job, receipt or retirement that it creates (J27)."""
    sender: Address
    """Who signed it."""
    public_key: PublicKey
    """The key that signed it; an authority is known by its key."""


@dataclass(slots=True)
class Environment:
    """One block in execution."""

    now_ms: TimestampMs
    """The block's timestamp, which all rules call `now`."""
    parameters: Parameters
    """Those of the parent's state: constant in a block, in fact in an epoch (S6, E4)."""
    receipt_grace_ms: DurationMs
    """What jobs that are locked in this block get (J11)."""
    tags: Tags
    """Tags of the chain, for signatures inside actions."""
    epoch: Epoch
    """Epoch that the block belongs to."""
    epoch_start_ms: TimestampMs
    """Time from which that epoch counts (E3)."""
    state: Overlay
    """The open overlay that the block writes to."""
    outcomes: list[Outcome] = field(default_factory=list)
    """What happened so far, in order (J28)."""
    fees: Amount = 0
    """Fees so far; credited to the proposer once, at the block's end (T9)."""

    def record(
        self,
        kind: OutcomeKind,
        cause: bytes,
        object_id: bytes,
        code: int,
        *shares: tuple[Address, Amount],
    ) -> None:
        """Add an outcome record; `shares` are the parties with the amount of each."""
        parties = tuple(party for party, _ in shares)
        amounts = tuple(amount for _, amount in shares)
        self.outcomes.append(Outcome(kind, cause, object_id, int(code), parties, amounts))
