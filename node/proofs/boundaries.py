"""The ends of epochs at which the validator set changed, as bundles carry them."""

from dataclasses import dataclass
from threading import Lock
from typing import Final

from ledger.codec import Codec, encode
from ledger.proofs import BOUNDARIES_MAX, BoundaryPart, SincePart, boundary_part, since_part
from ledger.records import RECORD_BYTES_MAX, ValidatorSet
from ledger.store import ChainReader
from ledger.types import Epoch
from node.proofs.errors import ProofTooLong

BOUNDARY_CHARS_MAX: Final = 12 * 1_048_576
"""Characters of boundaries in a bundle: with the longest specification and the most headers a
document stays below 16 MiB."""


_SETS: Final = Codec(ValidatorSet, RECORD_BYTES_MAX, "validator set")


@dataclass(frozen=True, slots=True)
class _Change:
    """A boundary that changed the set."""

    epoch: Epoch
    """The epoch that it ends."""
    next_set: bytes
    """Canonical bytes of the set from the next epoch on."""
    part: BoundaryPart
    """The boundary as bundles carry it."""


class BoundaryChain:
    """Knows all changes of the set up to the newest final block; for any thread.

    What an epoch's end was never changes, so each is read once.
    """

    def __init__(self, store: ChainReader, genesis_set: ValidatorSet) -> None:
        """Start with nothing read.

        Args:
            store: the durable chain.
            genesis_set: the validators of epoch 0.
        """
        self._store = store
        self._genesis_set = encode(genesis_set)
        self._lock = Lock()
        self._changes: list[_Change] = []
        self._read_to: Epoch = 0
        """Epochs before this one are read."""

    def leading_to(
        self, epoch: Epoch, since: Epoch
    ) -> tuple[SincePart | None, tuple[BoundaryPart, ...]]:
        """Return where a chain of sets starts, and the boundaries from there to an epoch.

        Args:
            epoch: of the proved block.
            since: epoch whose set the reader knows; 0, or one after `epoch`: the genesis.

        Raises:
            ProofTooLong: there are more than a bundle may carry.
        """
        changes = self._changes_before(epoch)
        if not 0 < since <= epoch:
            return None, _parts(changes)
        earlier = [change.next_set for change in changes if change.epoch < since]
        known = earlier[-1] if earlier else self._genesis_set
        later = [change for change in changes if change.epoch >= since]
        return since_part(since, known), _parts(later)

    def members_of(self, epoch: Epoch) -> ValidatorSet:
        """Return the set of an epoch that has begun."""
        changes = self._changes_before(epoch)
        return _SETS.decode(changes[-1].next_set if changes else self._genesis_set)

    def _changes_before(self, epoch: Epoch) -> list[_Change]:
        with self._lock:
            if self._read_to < epoch:
                self._read()
            return [change for change in self._changes if change.epoch < epoch]

    def _read(self) -> None:
        for end in self._store.epoch_ends(self._read_to):
            if end.next_set:
                head = self._store.header_at(end.height)
                assert head is not None, "the ends of epochs are never forgotten"
                part = boundary_part(encode(head.header), head.certificate, end.next_set)
                self._changes.append(_Change(end.epoch, end.next_set, part))
            self._read_to = end.epoch + 1


def _parts(changes: list[_Change]) -> tuple[BoundaryPart, ...]:
    fitting = _fitting(changes)
    if fitting < len(changes):
        # Of all epochs that the boundaries before it lead to, the one that a change ends is proved
        # by every node: the ends of others are not in snapshots.
        reached = changes[fitting].epoch
        raise ProofTooLong(
            f"The chain of validator sets has {len(changes)} changes, of which a bundle can carry "
            f"{fitting}: check /v1/proofs/validators?epoch={reached} first, then ask with "
            f"since={reached}",
            reached,
        )
    return tuple(change.part for change in changes)


def _fitting(changes: list[_Change]) -> int:
    """Return how many changes, from the first on, a bundle can carry."""
    size = 0
    for count, change in enumerate(changes[:BOUNDARIES_MAX]):
        part = change.part
        size += len(part.header) + len(part.certificate) + len(part.next_set)
        if size > BOUNDARY_CHARS_MAX:
            return count
    return min(len(changes), BOUNDARIES_MAX)
