"""A block's effects, followed from what was due and from its transactions (invariants 1 to 5).

`follow` gives the outcome records that the block must have; the walk then knows what balances,
jobs, miners and bonds must be when it ends.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from msgspec.structs import replace

from ledger.actions import (
    FEE_FREE,
    CastVote,
    DisputeReceipt,
    PostOffer,
    RegisterMiner,
    RetireMiner,
    SubmitEvidence,
    SubmitJob,
    Transfer,
    UpdateMiner,
    WithdrawOffer,
)
from ledger.checker.books import Change
from ledger.checker.broken import Invariant, require, require_equal
from ledger.checker.council import Council, OtherMotions
from ledger.checker.halts import HALT_KEY, halt_of
from ledger.checker.job_walk import AUTOMATIC, JobWalk, Setting
from ledger.checker.market import Market
from ledger.checker.meaning import window_end_ms
from ledger.checker.wallets import Wallets
from ledger.hashing import sha256
from ledger.motions import IssueUnits, ResolveDispute
from ledger.outcomes import Outcome, OutcomeKind
from ledger.records import (
    Ballot,
    Gap,
    Job,
    Miner,
    MinerNameClaim,
    Offer,
    Record,
    Supply,
    Table,
    Unbonding,
    state_key,
)
from ledger.transaction import Transaction
from ledger.types import SUPPLY_MAX, Address, Amount, Hash

K = OutcomeKind

SUPPLY_KEY = state_key(Table.SUPPLY)

_INVARIANTS: Mapping[int, Invariant] = {
    Table.JOB: Invariant.ONE_ENDING,
    Table.PARAMETERS: Invariant.SET,
    Table.VALIDATORS: Invariant.SET,
    Table.COORDINATOR: Invariant.SET,
    Table.BALLOT: Invariant.SET,
    Table.PENDING: Invariant.SET,
    Table.EVIDENCE: Invariant.SET,
}
"""What a record that is not as it must be breaks; OUTCOMES in the tables that are not here."""

TAKEN = frozenset({K.JOB_LOCKED, K.MINER_REGISTERED, K.RECEIPT_DISPUTED})
"""Kinds whose amounts leave a balance."""

GIVEN = frozenset(
    {
        K.JOB_SETTLED,
        K.JOB_REFUNDED,
        K.JOB_FAILED,
        K.JOB_CANCELLED,
        K.JOB_EXPIRED,
        K.BOND_RETURNED,
        K.UNITS_ISSUED,
    }
)
"""Kinds whose amounts are credited; the rest only tell."""


@dataclass(frozen=True, slots=True)
class Included:
    """A transaction of the block."""

    transaction_id: Hash
    """Its id, computed from its bytes."""
    transaction: Transaction
    """What was signed."""
    signed_bytes: int
    """Length with the signature, which the fee pays for."""


class BlockWalk:
    """One block, from its parent's records."""

    def __init__(
        self,
        records: Mapping[bytes, Record],
        ballots: Iterable[bytes],
        setting: Setting,
        payout: Address,
    ) -> None:
        """Start from the parent's records, which are read only.

        Args:
            records: the parent's, by state key.
            ballots: state keys of its open ballots.
            setting: what else the effects depend on.
            payout: account that gets the fees.
        """
        self._records = records
        self._setting = setting
        self._payout = payout
        self._wallets = Wallets(records)
        self._market = Market(records, setting.now_ms)
        self._jobs = JobWalk(records, setting, self._market)
        others = OtherMotions(self._is_possible, self._decide)
        self._council = Council(records, ballots, setting, others)
        self._others: dict[bytes, Record | None] = {}
        if setting.halt != halt_of(records):
            self._others[HALT_KEY] = setting.halt

    def follow(self, due: Iterable[bytes], body: Iterable[Included]) -> list[Outcome]:
        """Carry the due items and the transactions out; return the outcomes they must leave."""
        outcomes: list[Outcome] = []
        for key in due:
            outcomes += self._told(self._end_due(key))
        if self._setting.ends_epoch:
            outcomes += self._told(self._council.end_epoch())
        fees = 0
        for included in body:
            outcomes += self._include(included)
            fees += included.transaction.fee
        self._wallets.move(self._payout, fees)
        return outcomes

    @property
    def decides(self) -> bool:
        """Whether the block ends an epoch for whose end something waited (S2)."""
        return self._setting.ends_epoch and self._council.waiting.waits

    def check_endings(self, outcomes: Sequence[Outcome]) -> None:
        """Check the outcome records' endings of jobs; see `JobWalk.check_endings`."""
        self._jobs.check_endings(outcomes)

    def compare(self, changes: Iterable[Change]) -> None:
        """Compare what the block wrote with what it must have written.

        Raises:
            InvariantBroken: a balance, a job or another record is not what it must be.
        """
        written = {change.key: change.after for change in changes}
        self._wallets.compare(written)
        expected = self._others | self._council.expected() | self._market.touched
        for job_id, job in self._jobs.touched.items():
            expected[state_key(Table.JOB, job_id)] = job
        for key in expected.keys() | written.keys():
            if key[0] == Table.ACCOUNT:
                continue
            before = self._records.get(key)
            must, is_now = expected.get(key, before), written.get(key, before)
            invariant = _INVARIANTS.get(key[0], Invariant.OUTCOMES)
            require_equal(invariant, f"record {key.hex()}", _uncounted(must), _uncounted(is_now))

    def _include(self, included: Included) -> list[Outcome]:
        """Carry one transaction out; return the outcomes that it must leave."""
        transaction, cause = included.transaction, included.transaction_id
        sender, action = sha256(transaction.sender_public_key)[:20], transaction.action
        self._check_fee(included)
        self._wallets.move(sender, -transaction.fee)
        match action:
            case Transfer():
                self._wallets.move(sender, -action.amount)
                self._wallets.move(action.to, action.amount)
                return []
            case SubmitJob():
                return self._told(self._jobs.submit(cause, sender, action))
            case RegisterMiner():
                return self._told(self._register(cause, sender, action))
            case UpdateMiner():
                return self._told(self._update(cause, sender, action))
            case RetireMiner():
                withdrawn = self._market.withdraw_all(cause, sender)
                return self._told(withdrawn + self._retire(cause, sender))
            case PostOffer():
                floor = self._miner(sender).price_floor
                return self._told(self._market.post(cause, sender, action, floor))
            case WithdrawOffer():
                return self._told(self._market.withdraw(cause, sender, action.offer_id))
            case CastVote():
                key = transaction.sender_public_key
                return self._told(self._council.vote(cause, key, action))
            case SubmitEvidence():
                return self._told(self._council.waiting.accuse(cause, sender, action))
            case _:
                return self._told(self._jobs.act(cause, sender, action))

    def _check_fee(self, included: Included) -> None:
        """Check that a transaction pays what it must (T9), or nothing where it must not (J10)."""
        transaction, parameters = included.transaction, self._setting.parameters
        action, fee = transaction.action, transaction.fee
        what = f"fee of {included.transaction_id.hex()}"
        bonded = isinstance(action, DisputeReceipt) and action.bond > 0
        if isinstance(action, FEE_FREE) and not bonded:
            require_equal(Invariant.OUTCOMES, what, 0, fee)
            return
        least = parameters.fee_base + included.signed_bytes * parameters.fee_per_byte
        if isinstance(action, Transfer) and not self._wallets.balance(action.to):
            least += parameters.account_fee
        require(Invariant.OUTCOMES, what, fee >= least, f"≥ {least}", fee)

    def _told(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Move what outcome records say was taken or given."""
        for outcome in outcomes:
            sign = -1 if outcome.kind in TAKEN else 1 if outcome.kind in GIVEN else 0
            for party, amount in zip(outcome.parties, outcome.amounts, strict=True):
                self._wallets.move(party, sign * amount)
        return outcomes

    def _end_due(self, key: bytes) -> list[Outcome]:
        """End what is due under a key."""
        record = self._records[key]
        if isinstance(record, Job):
            return self._jobs.end_due(key[1:])
        if isinstance(record, Ballot):
            return self._council.expire(key[1:])
        if isinstance(record, Offer):
            return [self._market.expire(key[1:])]
        self._others[key] = None
        if isinstance(record, Gap):
            return []
        assert isinstance(record, Unbonding), "nothing else has a due time"
        returned = ((record.owner,), (record.amount,))
        return [Outcome(K.BOND_RETURNED, AUTOMATIC, key[1:], 0, *returned)]

    def _is_possible(self, motion: ResolveDispute | IssueUnits) -> bool:
        """Return whether a ruling or new units could be decided at this point of the block."""
        if isinstance(motion, ResolveDispute):
            return self._jobs.may_rule(motion.job_id)
        supply = self._get(SUPPLY_KEY)
        assert isinstance(supply, Supply)
        return 0 < motion.amount <= SUPPLY_MAX - supply.genesis - supply.issued

    def _decide(
        self, cause: bytes, ballot_id: Hash, motion: ResolveDispute | IssueUnits
    ) -> list[Outcome]:
        if isinstance(motion, ResolveDispute):
            return self._jobs.rule(cause, motion.job_id, for_miner=motion.for_miner)
        return self._issue(cause, ballot_id, motion.to, motion.amount)

    def _issue(self, cause: bytes, ballot_id: Hash, to: Address, amount: Amount) -> list[Outcome]:
        """Issue units by ballot; the supply's record tells that they are new (E6)."""
        supply = self._get(SUPPLY_KEY)
        require(Invariant.SUPPLY, "supply", isinstance(supply, Supply), "its record", supply)
        assert isinstance(supply, Supply)
        self._others[SUPPLY_KEY] = Supply(supply.genesis, supply.issued + amount)
        return [Outcome(K.UNITS_ISSUED, cause, ballot_id, 0, (to,), (amount,))]

    def _register(self, cause: Hash, sender: Address, action: RegisterMiner) -> list[Outcome]:
        name_key = state_key(Table.MINER_NAME, action.name.lower().encode())
        miner_key = state_key(Table.MINER, sender)
        for key in (name_key, miner_key):
            require_equal(
                Invariant.DERIVED, f"{key.hex()} before registration", None, self._get(key)
            )
        self._others[name_key] = MinerNameClaim(sender)
        self._others[miner_key] = Miner(
            action.name,
            action.capabilities_digest,
            action.price_floor,
            action.bond,
            action.custody,
            0,
        )
        return [_of_miner(K.MINER_REGISTERED, cause, sender, action.bond)]

    def _update(self, cause: Hash, sender: Address, action: UpdateMiner) -> list[Outcome]:
        self._others[state_key(Table.MINER, sender)] = replace(
            self._miner(sender),
            capabilities_digest=action.capabilities_digest,
            price_floor=action.price_floor,
        )
        return [_of_miner(K.MINER_UPDATED, cause, sender, 0)]

    def _retire(self, cause: Hash, sender: Address) -> list[Outcome]:
        miner = self._miner(sender)
        self._others[state_key(Table.MINER, sender)] = None
        self._others[state_key(Table.MINER_NAME, miner.name.lower().encode())] = None
        due_ms = window_end_ms(self._setting.now_ms, self._setting.parameters.unbond_ms)
        if miner.bond:
            bond = Unbonding(sender, miner.bond, due_ms)
            self._others[state_key(Table.UNBONDING, cause)] = bond
        return [_of_miner(K.MINER_RETIRED, cause, sender, miner.bond)]

    def _miner(self, address: Address) -> Miner:
        miner = self._get(state_key(Table.MINER, address))
        what = f"miner {address.hex()}"
        require(Invariant.DERIVED, what, isinstance(miner, Miner), "registered", miner)
        assert isinstance(miner, Miner)
        return miner

    def _get(self, key: bytes) -> Record | None:
        return self._others[key] if key in self._others else self._records.get(key)


def _of_miner(kind: OutcomeKind, cause: Hash, miner: Address, amount: Amount) -> Outcome:
    return Outcome(kind, cause, miner, 0, (miner,), (amount,))


def _uncounted(record: Record | None) -> Record | None:
    """Return a record without its count of jobs, which `Books` derives from the jobs."""
    return replace(record, in_flight=0) if isinstance(record, Miner) else record
