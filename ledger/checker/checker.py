"""The checker: feed it every block, and it stops at the first that contradicts the invariants."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from ledger.block import Block, Header
from ledger.checker.block_walk import BlockWalk
from ledger.checker.books import Books
from ledger.checker.broken import Invariant, require_equal
from ledger.checker.halts import HALT_KEY, halt_at, halt_of
from ledger.checker.job_walk import Setting
from ledger.checker.links import LeaderOf, Links
from ledger.checker.roots import state_root
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.outcomes import Outcome
from ledger.params import (
    DUE_ITEM_WEIGHT_US,
    DUE_ITEMS_PER_BLOCK_MAX,
    DUE_WEIGHT_DIVISOR,
    Parameters,
)
from ledger.records import Record
from ledger.types import Hash, TimestampMs


class StateToCompare(Protocol):
    """A state of the ledger's that the checker's own must equal."""

    @property
    def root(self) -> Hash:
        """Root of its tree."""

    def items(self) -> Iterator[tuple[bytes, Record]]:
        """Yield all records."""

    def due_items(self) -> Iterator[tuple[TimestampMs, bytes]]:
        """Yield (due time, key) in order."""


class SeenToCompare(Protocol):
    """A set of seen ids of the ledger's."""

    def contains(self, transaction_id: Hash, valid_until_ms: TimestampMs) -> bool:
        """Return whether it knows an id."""


class Checker:
    """Follows one chain from a block on and asserts the invariants after every block.

    It needs blocks, outcome records and deltas only, so it runs beside a node as well as in tests.
    The default costs about twice what executing the block does, its signatures aside, whatever
    the size of the state. `full` derives everything from all records after each block, the state
    root included.
    """

    def __init__(
        self,
        tags: Tags,
        header: Header,
        items: Mapping[bytes, bytes],
        buckets: int,
        *,
        epoch_start_ms: TimestampMs | None = None,
        seen: Iterable[tuple[Hash, TimestampMs]] = (),
        leader_of: LeaderOf | None = None,
        full: bool = False,
    ) -> None:
        """Start at a block, and check its state in full.

        Args:
            tags: of the chain.
            header: of the block to start at: genesis, or any final block.
            items: the state after it, canonical records by key.
            buckets: size of the state tree.
            epoch_start_ms: see `ChainView`; the block's own time when None, right for genesis.
            seen: (id, valid_until_ms) of ancestors' transactions that are not over.
            leader_of: the rule of consensus; without it any member may propose.
            full: whether to derive everything anew after each block.

        Raises:
            InvariantBroken: the state already contradicts an invariant.
        """
        self._buckets = buckets
        self._full = full
        self._books = Books(items)
        start_ms = header.timestamp_ms if epoch_start_ms is None else epoch_start_ms
        self._links = Links(tags, header, epoch_start_ms=start_ms, seen=seen, leader_of=leader_of)
        self.check_all()

    def after_block(
        self,
        block: Block,
        outcomes: Sequence[Outcome],
        delta: Mapping[bytes, bytes | None],
    ) -> None:
        """Check the next block with what it claims to have done.

        Args:
            block: a child of the newest checked block.
            outcomes: its outcome records, in order.
            delta: its changed records, None for those that left.

        Raises:
            InvariantBroken: an invariant does not hold; this checker is of no more use.
        """
        header, books, parent = block.header, self._books, self._links.header
        parameters, members = books.parameters, books.validators
        self._links.check_header(header, members)
        included = self._links.check_body(block, parameters.horizon_ms)
        changes = books.read(delta)
        times_ms = parent.timestamp_ms, header.timestamp_ms
        known = halt_of(books.records)
        halt = halt_at(known, parameters, times_ms, books.jobs)
        due = books.first_due(header.timestamp_ms, due_limit(parameters), halt)
        epoch_start_ms = self._links.epoch_start_ms
        ends_epoch = header.timestamp_ms >= epoch_start_ms + parameters.epoch_ms
        setting = Setting(
            header.timestamp_ms,
            parameters,
            len(members.members),
            halt,
            self._links.tags,
            header.epoch,
            epoch_start_ms,
            ends_epoch,
        )
        payout = self._links.proposer(header, members).payout
        walk = BlockWalk(books.records, books.ballots, setting, payout)
        expected = walk.follow(due, included)
        automatic = [o.object_id for o in outcomes if not o.cause]
        told = [key[1:] for key in due if key != HALT_KEY]
        if walk.decides:
            automatic = automatic[: len(told)]  # An epoch's end comes behind what is due.
        require_equal(Invariant.DUE, "automatic work", told, automatic)
        walk.check_endings(outcomes)
        self._links.check_outcomes(header, expected, outcomes)
        walk.compare(changes)
        books.apply(changes)
        self._links.check_next_set(header, books.validators if ends_epoch else None)
        if not due and not included and halt == known and not walk.decides:
            require_equal(
                Invariant.ROOT, "root of a quiet block", parent.state_root, header.state_root
            )
        self._links.advance(header, included)
        if self._full:
            self.check_all()

    def check_all(self) -> None:
        """Derive everything from all records, and compare; the state root included.

        Raises:
            InvariantBroken: 1, 2, 8, 9 or 10 does not hold.
        """
        self._books.derive_again()
        pairs = ((key, encode(record)) for key, record in self._books.records.items())
        root = state_root(pairs, self._buckets)
        require_equal(Invariant.ROOT, "state root", root, self._links.header.state_root)

    def compare(self, state: StateToCompare, seen: SeenToCompare) -> None:
        """Compare the ledger's own state after the newest block, however it came about (9, 11).

        Args:
            state: its records, due queue and root: after execution, replay or a restart.
            seen: its seen ids.

        Raises:
            InvariantBroken: 9 or 11 does not hold.
        """
        self._books.compare_records(state.items())
        self._books.compare_due(state.due_items())
        self._links.compare_seen(seen.contains)
        root = self._links.header.state_root
        require_equal(Invariant.SAME_STATE, "state root", root, state.root)


def due_limit(parameters: Parameters) -> int:
    """Return how many automatic items a block has: 256, and a quarter of its weight (S4)."""
    quarter = parameters.block_weight_max // DUE_WEIGHT_DIVISOR
    return min(DUE_ITEMS_PER_BLOCK_MAX, quarter // DUE_ITEM_WEIGHT_US)
