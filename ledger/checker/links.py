"""How blocks hang together: parents, times, ids, leaders, and what headers commit to (5, 6, 7)."""

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush

from ledger.block import Block, Header
from ledger.checker.block_walk import Included
from ledger.checker.broken import Invariant, InvariantBroken, require, require_equal
from ledger.checker.roots import tree_root
from ledger.codec import encode
from ledger.hashing import Purpose, Tags, sha256
from ledger.outcomes import Outcome
from ledger.records import Validator, ValidatorSet
from ledger.types import Epoch, Hash, PublicKey, TimestampMs, View

NO_HASH = bytes(32)

LeaderOf = Callable[[Epoch, View], PublicKey]
"""Says who leads a view: the rule of consensus."""


class Links:
    """The newest checked block, and the ids that no later one may repeat."""

    def __init__(
        self,
        tags: Tags,
        header: Header,
        *,
        epoch_start_ms: TimestampMs,
        seen: Iterable[tuple[Hash, TimestampMs]],
        leader_of: LeaderOf | None,
    ) -> None:
        """Start at a block; see `Checker`."""
        self.tags = tags
        self.header = header
        """Header of the newest block."""
        self._id = self._id_of(header)
        self._epoch_start_ms = epoch_start_ms
        self._seen: dict[Hash, TimestampMs] = {}
        self._expiries: list[tuple[TimestampMs, Hash]] = []
        self._remember(seen)
        self._leader_of = leader_of

    @property
    def epoch_start_ms(self) -> TimestampMs:
        """Time from which the epoch of the next block counts."""
        first = self.header.next_validator_set_hash != NO_HASH
        return self.header.timestamp_ms if first else self._epoch_start_ms

    def check_next_set(self, header: Header, members: ValidatorSet | None) -> None:
        """Check what an epoch's last block says of the next set; others say nothing (S13).

        Raises:
            InvariantBroken: 7 does not hold.
        """
        must = NO_HASH if members is None else self._hash_of(members)
        found = header.next_validator_set_hash
        require_equal(Invariant.LINKS, "next_validator_set_hash", must, found)

    def check_header(self, header: Header, members: ValidatorSet) -> None:
        """Check a header against its parent's block and validators (7).

        Raises:
            InvariantBroken: 7 does not hold.
        """
        parent = self.header
        first = parent.next_validator_set_hash != NO_HASH
        expected = {
            "version": 1,
            "chain_id": parent.chain_id,
            "height": parent.height + 1,
            "parent_id": self._id,
            "epoch": parent.epoch + 1 if first else parent.epoch,
            "parent_view": 0 if first else parent.view,
            "validator_set_hash": self._hash_of(members),
        }
        for field, value in expected.items():
            require_equal(Invariant.LINKS, field, value, getattr(header, field))
        rises = (header.epoch, header.view) > (parent.epoch, parent.view)
        after = f"after {(parent.epoch, parent.view)}"
        require(Invariant.LINKS, "(epoch, view)", rises, after, (header.epoch, header.view))
        later = header.timestamp_ms > parent.timestamp_ms
        require(Invariant.LINKS, "time", later, f"> {parent.timestamp_ms}", header.timestamp_ms)
        if self._leader_of is not None:
            leader = self._leader_of(header.epoch, header.view)
            require_equal(Invariant.LINKS, "leader", leader, header.proposer)

    def proposer(self, header: Header, members: ValidatorSet) -> Validator:
        """Return the member that proposed a block; there must be one (7)."""
        found = [m for m in members.members if m.public_key == header.proposer]
        require_equal(Invariant.LINKS, "members with the proposer's key", 1, len(found))
        return found[0]

    def check_body(self, block: Block, horizon_ms: int) -> list[Included]:
        """Check the transactions' ids, times and root; return them with their ids (5, 6).

        Raises:
            InvariantBroken: 5 or 6 does not hold.
        """
        now_ms, included, leaves = block.header.timestamp_ms, [], []
        here: set[Hash] = set()
        for signed in block.transactions:
            transaction = signed.transaction
            unsigned = encode(transaction)
            identifier = sha256(self.tags[Purpose.TX] + unsigned)
            what = f"transaction {identifier.hex()}"
            known = identifier in self._seen or identifier in here
            require(Invariant.NO_REPLAY, what, not known, "an id that no ancestor has", identifier)
            until_ms, last_ms = transaction.valid_until_ms, now_ms + horizon_ms
            in_time = now_ms <= until_ms <= last_ms
            require(Invariant.NO_REPLAY, what, in_time, f"{now_ms} … {last_ms}", until_ms)
            here.add(identifier)
            leaves.append(identifier + until_ms.to_bytes(8, "big") + sha256(signed.signature))
            included.append(Included(identifier, transaction, len(encode(signed))))
        count, root = block.header.transaction_count, block.header.transaction_root
        require_equal(Invariant.OUTCOMES, "transaction count", len(leaves), count)
        require_equal(Invariant.OUTCOMES, "transaction root", tree_root(leaves), root)
        return included

    def check_outcomes(
        self, header: Header, expected: Sequence[Outcome], outcomes: Sequence[Outcome]
    ) -> None:
        """Compare outcome records with those that must be, and with the header (5).

        Raises:
            InvariantBroken: 5 does not hold.
        """
        for index in range(max(len(expected), len(outcomes))):
            must = expected[index] if index < len(expected) else None
            found = outcomes[index] if index < len(outcomes) else None
            require_equal(Invariant.OUTCOMES, f"outcome {index}", must, found)
        require_equal(Invariant.OUTCOMES, "outcome count", len(outcomes), header.outcome_count)
        root = tree_root([encode(outcome) for outcome in outcomes])
        require_equal(Invariant.OUTCOMES, "outcome root", root, header.outcome_root)

    def advance(self, header: Header, included: Iterable[Included]) -> None:
        """Make a checked block the newest."""
        self._epoch_start_ms = self.epoch_start_ms
        self.header, self._id = header, self._id_of(header)
        self._remember((i.transaction_id, i.transaction.valid_until_ms) for i in included)
        while self._expiries and self._expiries[0][0] < header.timestamp_ms:
            del self._seen[heappop(self._expiries)[1]]

    def compare_seen(self, contains: Callable[[Hash, TimestampMs], bool]) -> None:
        """Check that another set of seen ids knows every one that may still be repeated (9)."""
        for identifier, until_ms in self._seen.items():
            if not contains(identifier, until_ms):
                raise InvariantBroken(Invariant.DERIVED, "seen id", identifier, None)

    def _remember(self, ids: Iterable[tuple[Hash, TimestampMs]]) -> None:
        for identifier, until_ms in ids:
            self._seen[identifier] = until_ms
            heappush(self._expiries, (until_ms, identifier))

    def _hash_of(self, members: ValidatorSet) -> Hash:
        return sha256(self.tags[Purpose.VALIDATOR_SET] + encode(members))

    def _id_of(self, header: Header) -> Hash:
        return sha256(self.tags[Purpose.HEADER] + encode(header))
