"""The checker's own copy of the state, and what it derives from it as blocks come.

Per block the cost is that of the changed records. `derive_again` builds everything anew from all
records and compares, which is what the incremental parts must equal (invariant 9).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

from ledger.checker.broken import Invariant, InvariantBroken, require, require_equal
from ledger.checker.halts import HALT_KEY, due_under, halt_of, second_of
from ledger.checker.meaning import check_record, due_second_ms, worth
from ledger.codec import encode
from ledger.errors import CodecError
from ledger.params import Parameters
from ledger.records import (
    Ballot,
    Gap,
    Job,
    Miner,
    MinerNameClaim,
    MinerOffers,
    Offer,
    Record,
    Supply,
    Table,
    ValidatorSet,
    decode_record,
    state_key,
)
from ledger.types import SUPPLY_MAX, Address, Amount, Hash, TimestampMs

ID_BYTES = {
    Table.PARAMETERS: 0,
    Table.VALIDATORS: 0,
    Table.COORDINATOR: 20,
    Table.ACCOUNT: 20,
    Table.MINER: 20,
    Table.UNBONDING: 32,
    Table.JOB: 32,
    Table.GAP: 0,
    Table.SUPPLY: 0,
    Table.BALLOT: 32,
    Table.PENDING: 0,
    Table.EVIDENCE: 0,
    Table.OFFER: 32,
    Table.MINER_OFFERS: 20,
}
"""Length of an id, but for names, which are as long as they are."""


@dataclass(frozen=True, slots=True)
class Change:
    """One record before and after a block."""

    key: bytes
    """State key."""
    before: Record | None
    """None if it was not there."""
    after: Record | None
    """None if it left."""


class Books:
    """All records after the newest checked block."""

    def __init__(self, items: Mapping[bytes, bytes]) -> None:
        """Read all records and derive what is followed from block to block."""
        self.records: dict[bytes, Record] = {}
        """By state key."""
        self.supply: Amount = 0
        """Nait in all records: what genesis allocated and ballots issued (invariant 1)."""
        self.jobs = 0
        """Live jobs; only while there are any is a halt recorded (J12)."""
        self.due: dict[bytes, TimestampMs] = {}
        """When automatic work on each clocked record is due, as if no halt had been."""
        self.ballots: set[bytes] = set()
        """State keys of the open ballots."""
        self._in_flight: Counter[Address] = Counter()
        self._offers: defaultdict[Address, set[Hash]] = defaultdict(set)
        self._queue: list[tuple[TimestampMs, bytes]] = []
        for key, value in items.items():
            self.records[key] = record = _decoded(key, value)
            self._follow(key, None, record)
            self.supply += worth(record)
        require(Invariant.SUPPLY, "supply", self.supply <= SUPPLY_MAX, "≤ 2^62", self.supply)
        told = self.records.get(state_key(Table.SUPPLY))
        if isinstance(told, Supply):
            require_equal(Invariant.SUPPLY, "supply", told.genesis + told.issued, self.supply)
        for key, record in self.records.items():
            check_record(key, record)
            self._check_agreement(key, record)

    @property
    def parameters(self) -> Parameters:
        """Parameters in force."""
        record = self.records.get(state_key(Table.PARAMETERS))
        assert isinstance(record, Parameters), "a state has parameters"
        return record

    @property
    def validators(self) -> ValidatorSet:
        """Validators of the epoch."""
        record = self.records.get(state_key(Table.VALIDATORS))
        assert isinstance(record, ValidatorSet), "a state has validators"
        return record

    def in_order(self, halt: Gap | None) -> list[tuple[TimestampMs, bytes]]:
        """Return (due time, key) of all clocked records in order, under the record of a halt."""
        entries = [(due_under(self.records[key], halt), key) for key in self.due]
        if halt is not None:
            entries.append((second_of(halt.credit_until_ms), HALT_KEY))
        return sorted(entries)

    def first_due(self, now_ms: TimestampMs, limit: int, halt: Gap | None) -> list[bytes]:
        """Return the keys of the first `limit` records due before `now_ms`, by (due, key).

        Args:
            now_ms: time of a block.
            limit: how many items it takes.
            halt: the record that it works under.
        """
        if halt is not None:
            return [key for due_ms, key in self.in_order(halt)[:limit] if due_ms < now_ms]
        found: list[tuple[TimestampMs, bytes]] = []
        while self._queue and self._queue[0][0] < now_ms and len(found) < limit:
            due_ms, key = heappop(self._queue)
            if self.due.get(key) == due_ms and (due_ms, key) not in found[-1:]:
                found.append((due_ms, key))
        for entry in found:
            heappush(self._queue, entry)
        return [key for _, key in found]

    def read(self, delta: Mapping[bytes, bytes | None]) -> list[Change]:
        """Return a block's changes, each record checked by itself, and the supply over all.

        Raises:
            InvariantBroken: 1, 2, 5 or 10 does not hold.
        """
        changes = []
        for key, value in delta.items():
            before = self.records.get(key)
            after = None if value is None else _decoded(key, value)
            require(Invariant.OUTCOMES, f"delta of {key.hex()}", before != after, "a change", after)
            if after is not None:
                check_record(key, after)
            changes.append(Change(key, before, after))
        moved = sum(worth(change.after) - worth(change.before) for change in changes)
        issued = sum(_issued(change.after) - _issued(change.before) for change in changes)
        require(Invariant.SUPPLY, "units issued", issued >= 0, "≥ 0", issued)
        supply = self.supply + issued
        require(Invariant.SUPPLY, "supply", supply <= SUPPLY_MAX, "≤ 2^62", supply)
        require_equal(Invariant.SUPPLY, "supply", supply, self.supply + moved)
        return changes

    def apply(self, changes: Sequence[Change]) -> None:
        """Make changes part of the books, and check what records must agree on.

        Raises:
            InvariantBroken: 2 or 9 does not hold.
        """
        for change in changes:
            self.supply += _issued(change.after) - _issued(change.before)
            if change.after is None:
                del self.records[change.key]
            else:
                self.records[change.key] = change.after
            self._follow(change.key, change.before, change.after)
        for change in changes:
            self._check_agreement(change.key, change.after)
            self._check_departure(change)

    def derive_again(self) -> None:
        """Compare everything that is followed with what all records together imply.

        Raises:
            InvariantBroken: 1, 2, 9 or 10 does not hold.
        """
        again = Books({key: encode(record) for key, record in self.records.items()})
        require_equal(Invariant.SUPPLY, "supply", self.supply, again.supply)
        require_equal(Invariant.DERIVED, "due times", again.due, self.due)
        require_equal(Invariant.DERIVED, "live jobs", again.jobs, self.jobs)
        require_equal(Invariant.DERIVED, "open ballots", again.ballots, self.ballots)
        mine, theirs = +self._in_flight, +again._in_flight
        require_equal(Invariant.DERIVED, "jobs in flight", theirs, mine)
        offered = {miner: ids for miner, ids in self._offers.items() if ids}
        require_equal(Invariant.DERIVED, "open offers", dict(again._offers), offered)

    def compare_records(self, items: Iterable[tuple[bytes, Record]]) -> None:
        """Compare all records with those of another state of the same block (invariant 11)."""
        others = dict(items)
        for key in self.records.keys() | others.keys():
            what = f"record {key.hex()}"
            require_equal(Invariant.SAME_STATE, what, self.records.get(key), others.get(key))

    def compare_due(self, due: Iterable[tuple[TimestampMs, bytes]]) -> None:
        """Compare another's due queue, order included, with the records' (invariants 3, 9)."""
        mine = self.in_order(halt_of(self.records))
        require_equal(Invariant.DERIVED, "due queue", mine, list(due))

    def _follow(self, key: bytes, before: Record | None, after: Record | None) -> None:
        """Keep due times and in-flight counts in step with one record."""
        self.jobs += isinstance(after, Job) - isinstance(before, Job)
        if isinstance(after, Ballot):
            self.ballots.add(key)
        elif isinstance(before, Ballot):
            self.ballots.remove(key)
        for record, step in ((before, -1), (after, +1)):
            if isinstance(record, Job) and record.assignment is not None:
                self._in_flight[record.assignment.miner] += step
        if isinstance(before, Offer):
            self._offers[before.miner].remove(key[1:])
        if isinstance(after, Offer):
            self._offers[after.miner].add(key[1:])
        due_ms = due_second_ms(after)
        if due_ms == self.due.get(key):
            return
        if due_ms is None:
            del self.due[key]
        else:
            self.due[key] = due_ms
            heappush(self._queue, (due_ms, key))

    def _check_departure(self, change: Change) -> None:
        """Check what a record that changed or left was part of."""
        match change.before:
            case Job() if change.before.assignment is not None:
                # The miner that is free now may have retired later in the same block (J23).
                address = change.before.assignment.miner
                if state_key(Table.MINER, address) in self.records or self._in_flight[address]:
                    self._check_miner(address)
            case Miner() if change.after is None:
                jobs = self._in_flight[change.key[1:]]
                require_equal(Invariant.DERIVED, "jobs of a retired miner", 0, jobs)
                self._check_name(change.before.name, change.key[1:], held=False)
                self._check_offers(change.key[1:])
            case Offer():
                self._check_offers(change.before.miner)
            case MinerOffers():
                self._check_offers(change.key[1:])
            case MinerNameClaim():
                miner = self.records.get(state_key(Table.MINER, change.before.miner))
                if isinstance(miner, Miner):
                    self._check_name(miner.name, change.before.miner, held=True)
            case _:
                pass

    def _check_agreement(self, key: bytes, record: Record | None) -> None:
        """Check a record against those that it must agree with."""
        match record:
            case Miner():
                self._check_miner(key[1:])
                self._check_name(record.name, key[1:], held=True)
            case MinerNameClaim():
                miner = self.records.get(state_key(Table.MINER, record.miner))
                name = miner.name.lower().encode() if isinstance(miner, Miner) else None
                require_equal(Invariant.DERIVED, "name of the claim's miner", key[1:], name)
            case Job() if record.assignment is not None:
                self._check_miner(record.assignment.miner)
            case Offer():
                self._check_offers(record.miner)
            case MinerOffers():
                self._check_offers(key[1:])
            case _:
                pass

    def _check_miner(self, address: Address) -> None:
        miner = self.records.get(state_key(Table.MINER, address))
        what = f"miner {address.hex()}"
        require(Invariant.FIELDS, what, isinstance(miner, Miner), "registered", miner)
        assert isinstance(miner, Miner)
        require_equal(
            Invariant.DERIVED, f"{what}: jobs in flight", self._in_flight[address], miner.in_flight
        )

    def _check_offers(self, address: Address) -> None:
        """Check that a miner's list names its open offers, and that it is a miner (J23)."""
        what, ids = f"offers of {address.hex()}", tuple(sorted(self._offers[address]))
        known = self.records.get(state_key(Table.MINER_OFFERS, address))
        listed = known.offers if isinstance(known, MinerOffers) else ()
        require_equal(Invariant.DERIVED, what, ids, listed)
        registered = state_key(Table.MINER, address) in self.records
        require(Invariant.DERIVED, what, registered or not ids, "of a registered miner", ids)

    def _check_name(self, name: str, address: Address, *, held: bool) -> None:
        claim = self.records.get(state_key(Table.MINER_NAME, name.lower().encode()))
        holds = isinstance(claim, MinerNameClaim) and claim.miner == address
        require_equal(Invariant.DERIVED, f"name {name} is held by its miner", held, holds)


def _issued(record: Record | None) -> Amount:
    """Return the nait that a record says were issued."""
    return record.issued if isinstance(record, Supply) else 0


def _decoded(key: bytes, value: bytes) -> Record:
    """Return a record; its key and bytes must be those of its table."""
    what = f"record {key.hex()}"
    require(Invariant.FIELDS, what, bool(key) and key[0] in list(Table), "a known table", key)
    size = ID_BYTES.get(Table(key[0]), len(key) - 1)
    require_equal(Invariant.FIELDS, f"{what}: length of its id", size, len(key) - 1)
    try:
        return decode_record(key, value)
    except CodecError as error:
        raise InvariantBroken(Invariant.FIELDS, what, "canonical bytes", str(error)) from error
