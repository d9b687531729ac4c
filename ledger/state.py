"""The state: a map from key to record, final below and one overlay per unfinalized block above.

`FinalState` is the state after the newest final block. Each block that is executed on top gets an
`Overlay` on its parent's, so that competing blocks of one height cost their differences only.
While a block runs, its overlay takes `put`; `seal` then computes the state root and closes it.
When a block becomes final, `FinalState.absorb` merges its overlay; those above it stand on the
final state from then on, so chains of overlays do not grow. Reading through an overlay whose
branch finality has cut off is an assertion (see `ledger.layers`).
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Final, cast

from ledger.bucket_tree import BucketTree, TreeOverlay
from ledger.codec import encode
from ledger.due import due_ms
from ledger.due_queue import DueLayer, DueQueue, due_in_order
from ledger.errors import LedgerError
from ledger.gap import GAP_KEY
from ledger.layers import Layer, LayeredBase
from ledger.records import Ballot, Gap, Record, Table, decode_trusted_record
from ledger.steps import UNITS_PER_STEP, Steps, at_once
from ledger.types import Hash, PublicKey, TimestampMs

StateDelta = Mapping[bytes, bytes | None]
"""What a block changed: state key → new canonical record, None for a record that left."""

_CLOCKED: Final = frozenset(map(int, (Table.JOB, Table.UNBONDING, Table.BALLOT, Table.OFFER)))
"""Tables whose records can be due."""

_BALLOT: Final = int(Table.BALLOT)


class StateRootMismatch(LedgerError):
    """Stored records are not the state that the stored header commits to."""

    code = "STATE_ROOT_MISMATCH"

    def __init__(self, claimed: Hash, computed: Hash) -> None:
        """State the header's root and that of the records."""
        super().__init__(f"header commits to state {claimed.hex()}, records are {computed.hex()}")
        self.claimed = claimed
        self.computed = computed


class State(ABC):
    """A state that can be read: final, or that after an unfinalized block."""

    __slots__ = ()

    @property
    @abstractmethod
    def root(self) -> Hash:
        """Root of the bucket tree over all records."""

    @abstractmethod
    def get(self, key: bytes) -> Record | None:
        """Return the record under a state key, None if there is none."""

    @abstractmethod
    def due_layers(self) -> Iterator[DueLayer]:
        """Yield what is due of each layer of a closed state, from the newest to the final one."""

    @abstractmethod
    def ballot_keys(self) -> list[bytes]:
        """Return the state keys of all open ballots, ascending; of an open overlay, too."""

    @abstractmethod
    def ballots_by(self, opener: PublicKey) -> int:
        """Return how many open ballots an authority has opened (T11)."""

    @abstractmethod
    def items(self) -> Iterator[tuple[bytes, Record]]:
        """Yield all records, in no order that may matter; for checks, snapshots and statistics."""

    @abstractmethod
    def overlay(self) -> "Overlay":
        """Return an empty, open overlay on this state."""

    @property
    def gap(self) -> Gap | None:
        """The record of a halt whose credit has not been cleared (J12)."""
        gap = self.get(GAP_KEY)
        assert gap is None or isinstance(gap, Gap)
        return gap

    @property
    def has_jobs(self) -> bool:
        """Whether a job is live."""
        return any(True for layer in self.due_layers() for _ in layer.jobs())

    def due_items(self) -> Iterator[tuple[TimestampMs, bytes]]:
        """Yield (due time, state key) of everything that will be due, in order, lazily."""
        return due_in_order(self.due_layers(), self.gap)

    def due_before(self, now_ms: TimestampMs, limit: int, gap: Gap | None) -> list[bytes]:
        """Return the keys of the first `limit` items with due < now, ordered by (due, key).

        Args:
            now_ms: time of a block on this state.
            limit: how many items it takes.
            gap: the record that it works under, which may not be this state's (J12).
        """
        found = []
        for time_ms, key in islice(due_in_order(self.due_layers(), gap), limit):
            if time_ms >= now_ms:
                break
            found.append(key)
        return found

    def next_due_ms(self) -> TimestampMs | None:
        """Return the earliest due time, None if nothing will be due (S3)."""
        return next((time_ms for time_ms, _ in self.due_items()), None)


class FinalState(LayeredBase, State):
    """The state after the newest final block."""

    __slots__ = ("_ballots_by", "ballots", "due", "records", "tree")

    def __init__(
        self, records: Mapping[bytes, Record], buckets: int, tree: BucketTree | None = None
    ) -> None:
        """Build state, tree and due queue from all records.

        Args:
            records: by state key.
            buckets: size of the state tree, a genesis parameter.
            tree: the tree over them, if the caller has it.
        """
        super().__init__()
        self.records = dict(records)
        """All records."""
        self.tree = tree or BucketTree.build(
            ((key, encode(record)) for key, record in self.records.items()), buckets
        )
        """The state tree."""
        clocked = [(key, record) for key, record in self.records.items() if key[0] in _CLOCKED]
        self.due = DueQueue(_due_entries(clocked))
        """What will be due."""
        self.ballots: dict[bytes, PublicKey] = {}
        """Who opened each open ballot, by its state key."""
        self._ballots_by: Counter[PublicKey] = Counter()
        for key, record in clocked:
            if key[0] == _BALLOT:
                self._follow_ballot(key, record)

    @classmethod
    def restored(cls, records: dict[bytes, bytes], root: Hash, buckets: int) -> "FinalState":
        """Build from record bytes, such as a store's, that must have this root.

        The root is compared before anything is decoded: bytes that a header commits to are the
        canonical ones, and nothing is judged twice. Both forms of a million records need not be
        in memory together.

        Args:
            records: by state key; given away, it is empty when this returns.
            root: what a header commits to.
            buckets: size of the state tree, a genesis parameter.

        Raises:
            StateRootMismatch: they are not that state.
        """
        tree = BucketTree.build(records.items(), buckets)
        if tree.root != root:
            raise StateRootMismatch(root, tree.root)
        # Each record takes the place of its bytes: no second map grows beside the first.
        decoded = cast("dict[bytes, Record]", records)
        for key, value in records.items():
            decoded[key] = decode_trusted_record(key, value)
        state = cls(decoded, buckets, tree)
        records.clear()
        return state

    @property
    def root(self) -> Hash:
        """Root of the bucket tree over all records."""
        return self.tree.root

    def copy_of_records(self) -> dict[bytes, Record]:
        """Return the map as it is now, for who reads it while the state goes on.

        The records, which never change, are not copied: some ten nanoseconds for each.
        """
        return self.records.copy()

    def get(self, key: bytes) -> Record | None:
        """Return the record under a state key, None if there is none."""
        return self.records.get(key)

    def due_layers(self) -> Iterator[DueLayer]:
        """Yield the one layer."""
        yield DueLayer(self.due, self.records, ())

    def ballot_keys(self) -> list[bytes]:
        """Return the state keys of all open ballots, ascending."""
        return sorted(self.ballots)

    def ballots_by(self, opener: PublicKey) -> int:
        """Return how many open ballots an authority has opened."""
        return self._ballots_by[opener]

    def items(self) -> Iterator[tuple[bytes, Record]]:
        """Yield all records."""
        return iter(self.records.items())

    def overlay(self) -> "Overlay":
        """Return an empty, open overlay on this state."""
        return Overlay(self, None)

    def absorb(self, overlay: "Overlay") -> None:
        """Make the sealed overlay that stands on this state part of it; its children stay valid."""
        assert overlay.tree is not None, "only a sealed overlay can become final"
        overlay.become_base()
        records = self.records
        for key, record in overlay.changes.items():
            if record is None or key[0] in _CLOCKED:
                self._replace(key, record)
            else:
                records[key] = record
        self.tree.absorb(overlay.tree)
        overlay.forget()

    def _replace(self, key: bytes, record: Record | None) -> None:
        """Put one record, or take it out, and keep the due queue in step."""
        if key[0] in _CLOCKED:
            self.due.replace(key, self.records.get(key), record)
            if key[0] == _BALLOT:
                self._follow_ballot(key, record)
        if record is None:
            self.records.pop(key, None)
        else:
            self.records[key] = record

    def _follow_ballot(self, key: bytes, record: Record | None) -> None:
        """Keep the ballots by opener in step with one record."""
        before = self.ballots.pop(key, None)
        if before is not None:
            self._ballots_by[before] -= 1
        if isinstance(record, Ballot):
            self.ballots[key] = record.opener
            self._ballots_by[record.opener] += 1


class Overlay(Layer[FinalState], State):
    """What one unfinalized block changed, on the state of its parent."""

    __slots__ = ("_maps", "_maps_version", "ballots", "changes", "due", "tree")

    def __init__(self, base: FinalState, parent: "Overlay | None") -> None:
        """Start empty and open; use `overlay()` of what it stands on."""
        super().__init__(base, parent)
        assert parent is None or parent.is_sealed, "the parent block is still being executed"
        self.changes: dict[bytes, Record | None] = {}
        """Records that this block put, None for those it took out."""
        self.ballots: set[bytes] = set()
        """State keys of ballots that this block put or took out."""
        self.tree: TreeOverlay | None = None
        """The tree's differences, once sealed."""
        # What `get` looks into, newest first; made anew when the base absorbed something.
        self._maps: list[dict[bytes, Record | None]] = []
        self._maps_version = -1
        self.due = DueQueue()
        """Due times of this block's own changes, once sealed."""

    @property
    def is_sealed(self) -> bool:
        """Whether the block's execution has ended."""
        return self.tree is not None

    @property
    def root(self) -> Hash:
        """Root of the bucket tree after this block; there is one once it is sealed."""
        assert self.tree is not None, "an open overlay has no root"
        return self.tree.root

    def get(self, key: bytes) -> Record | None:
        """Return the record under a state key, None if there is none."""
        if self._maps_version != self.base.version:
            self._maps = [layer.changes for layer in self.layers()]
            self._maps_version = self.base.version
        for changes in self._maps:
            if key in changes:
                return changes[key]
        return self.base.records.get(key)

    def put(self, key: bytes, record: Record | None) -> None:
        """Set the record under a state key; None takes it out."""
        assert self.tree is None, "a sealed overlay does not change"
        self.changes[key] = record
        if key[0] == _BALLOT:
            self.ballots.add(key)

    def overlay(self) -> "Overlay":
        """Return an empty, open overlay on this state."""
        return Overlay(self.base, self)

    def due_layers(self) -> Iterator[DueLayer]:
        """Yield the layers of a sealed overlay, newest first."""
        assert self.tree is not None, "an open overlay has no due queue"
        above: tuple[Mapping[bytes, Record | None], ...] = ()
        for layer in self.layers():
            yield DueLayer(layer.due, layer.changes, above)
            above = (*above, layer.changes)
        yield DueLayer(self.base.due, self.base.records, above)

    def ballot_keys(self) -> list[bytes]:
        """Return the state keys of all open ballots, ascending."""
        touched = self._touched_ballots()
        kept = self.base.ballots.keys() - touched
        return sorted(kept.union(key for key in touched if self.get(key) is not None))

    def ballots_by(self, opener: PublicKey) -> int:
        """Return how many open ballots an authority has opened."""
        count = self.base.ballots_by(opener)
        for key in self._touched_ballots():
            ballot = self.get(key)
            count -= self.base.ballots.get(key) == opener
            count += isinstance(ballot, Ballot) and ballot.opener == opener
        return count

    def _touched_ballots(self) -> set[bytes]:
        """Return the keys of ballots that this block or one below it put or took out."""
        return set().union(*(layer.ballots for layer in self.layers()))

    def items(self) -> Iterator[tuple[bytes, Record]]:
        """Yield all records."""
        changed: dict[bytes, Record | None] = {}
        for layer in reversed(self.layers()):
            changed.update(layer.changes)
        for key, record in self.base.records.items():
            if key not in changed:
                yield key, record
        for key, changed_record in changed.items():
            if changed_record is not None:
                yield key, changed_record

    def seal(self) -> StateDelta:
        """Close the overlay: compute the root, index what is due, return what really changed."""
        return at_once(self.seal_in_steps())

    def seal_in_steps(self) -> Steps[StateDelta]:
        """Do the same in steps of keys; nothing may be put any more once it has begun."""
        assert self.tree is None, "an overlay is sealed once"
        parent: State = self.base if self.below is None else self.below
        changes: dict[bytes, Record | None] = {}
        delta: dict[bytes, bytes | None] = {}
        clocked: list[tuple[bytes, Record]] = []
        for number, (key, record) in enumerate(self.changes.items(), start=1):
            if record != parent.get(key):
                changes[key] = record
                delta[key] = None if record is None else encode(record)
                if record is not None and key[0] in _CLOCKED:
                    clocked.append((key, record))
            if number % UNITS_PER_STEP == 0:
                yield UNITS_PER_STEP
        self.changes = changes
        self._maps_version = -1
        tree = None if self.below is None else self.below.tree
        self.tree = yield from self.base.tree.overlay_in_steps(delta, tree)
        self.due = DueQueue(_due_entries(clocked))
        return delta

    def forget(self) -> None:
        """Drop the differences once the base contains them; for the base's `absorb` only."""
        assert self.absorbed_as, "the base has not absorbed this overlay"
        self.changes, self.ballots, self.due = {}, set(), DueQueue()
        self._maps_version = -1


def _due_entries(items: Iterable[tuple[bytes, Record]]) -> Iterator[tuple[TimestampMs, bytes]]:
    """Yield (due time, key) of the records that will be due."""
    for key, record in items:
        if key[0] in _CLOCKED:
            time_ms = due_ms(record)
            assert time_ms is not None
            yield time_ms, key
