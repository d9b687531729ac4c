"""What records mean for the checker: their worth, when they are due, what must hold in each.

The second writing of what `ledger.due`, `ledger.settlement` and the job table know.
"""

import hashlib

from ledger.actions import UnitType
from ledger.checker.broken import Invariant, require, require_equal
from ledger.params import PARAMETER_BOUNDS, VALIDATORS_MAX, Parameters
from ledger.records import (
    Account,
    Ballot,
    Gap,
    Job,
    JobState,
    Miner,
    MinerOffers,
    Offer,
    PendingChanges,
    Record,
    Supply,
    Unbonding,
    ValidatorSet,
)
from ledger.types import AMOUNT_MAX, SUPPLY_MAX, Address, Hash, PublicKey, TimestampMs

END_OF_TIME_MS = 2**48 - 1


def worth(record: Record | None) -> int:
    """Return the nait that a record holds: balance, bond, escrow and dispute bond."""
    match record:
        case Account():
            return record.balance
        case Miner():
            return record.bond
        case Unbonding():
            return record.amount
        case Job():
            return record.max_price + (record.dispute.bond if record.dispute else 0)
        case _:
            return 0


def last_moment_ms(record: Record | None) -> TimestampMs | None:
    """Return the last time of a clocked record as if no halt had been, None for others."""
    if isinstance(record, Unbonding | Ballot):
        return record.due_ms
    if isinstance(record, Offer):
        return record.expires_ms
    if not isinstance(record, Job):
        return None
    if record.dispute is not None:
        return record.dispute.due_ms
    if record.receipt is not None:
        return record.receipt.due_ms
    if record.assignment is not None:
        return record.deadline_ms + record.receipt_grace_ms
    return record.deadline_ms if record.attempt else record.start_by_ms


def due_second_ms(record: Record | None) -> TimestampMs | None:
    """Return when automatic work on a record is due: the next whole second (S3)."""
    moment = last_moment_ms(record)
    return None if moment is None else (moment + 999) // 1_000 * 1_000


def moved_ms(moment_ms: TimestampMs, halt: Gap | None) -> TimestampMs:
    """Return a moment of a job as a halt moves it: one within it counts until the credit's end."""
    if halt is None or moment_ms <= halt.from_ms or moment_ms > halt.to_ms:
        return moment_ms
    return max(halt.credit_until_ms, moment_ms)


def parameters_agree(parameters: Parameters) -> bool:
    """Return whether parameters are within their bounds and agree with each other."""
    return all(_parameter_facts(parameters).values())


def address_from(public_key: PublicKey) -> Address:
    """Return the address of a key: the first 20 bytes of its SHA-256."""
    return hashlib.sha256(public_key).digest()[:20]


def window_end_ms(start_ms: TimestampMs, length_ms: int) -> TimestampMs:
    """Return the end of a window; time ends at 2^48 − 1."""
    return min(start_ms + length_ms, END_OF_TIME_MS)


def grace_ms(delta_ms: int, validators: int) -> int:
    """Return J11's grace of a receipt: 4 (f+1) times 3Δ, at least 15 s; f of n = 3f + 1."""
    return max(15_000, 12 * delta_ms * ((validators + 2) // 3))


def shares_of(job: Job, *, ruled: bool) -> tuple[int, int, int]:
    """Return what (miner, coordinator, client) get when a job's receipt is paid.

    Args:
        job: as it was before it ended, with all attestations in it.
        ruled: whether authorities ruled for the miner, which gets the dispute's bond then.
    """
    assert job.receipt is not None
    price = job.receipt.price
    share = (price * job.share_bp - price * job.share_bp % 10_000) // 10_000
    earned = share if job.receipt.delivery_attested else 0
    won = worth(job) - job.max_price if ruled else 0
    return price - share + won, earned, worth(job) - won - (price - share) - earned


def owed_on_cancel(job: Job, now_ms: TimestampMs, halt: Gap | None) -> int:
    """Return the running miner's compensation: its share of the cap, rounded up, in its lease."""
    if job.assignment is None or now_ms > moved_ms(job.assignment.lease_end_ms, halt):
        return 0
    return (job.assignment.price_cap * job.cancel_bp + 9_999) // 10_000


def check_record(key: bytes, record: Record) -> None:
    """Check what must hold in a record by itself (invariants 1, 2, 10)."""
    what = f"record {key.hex()}"
    amount = worth(record)
    require(Invariant.SUPPLY, what, 0 <= amount <= AMOUNT_MAX, "0 … 2^63−1", amount)
    match record:
        case Account():
            require(Invariant.SUPPLY, what, record.balance > 0, "a balance (T9)", record.balance)
        case Unbonding():
            require(Invariant.SUPPLY, what, record.amount > 0, "an amount", record.amount)
        case Supply():
            total = record.genesis + record.issued
            require(Invariant.SUPPLY, what, total <= SUPPLY_MAX, "≤ 2^62", total)
        case Gap():
            rises = record.from_ms < record.to_ms < record.credit_until_ms
            require(Invariant.DUE, what, rises, "a halt with a credit behind it", record)
        case Job():
            _check_job(key[1:], record)
        case Parameters():
            _check_parameters(record)
        case ValidatorSet():
            _check_set(record)
        case Ballot():
            keys = [vote.authority for vote in record.votes]
            require_equal(Invariant.SET, f"{what}: voters", sorted(set(keys)), keys)
        case PendingChanges():
            _check_pending(record)
        case MinerOffers():
            count, order = len(record.offers), sorted(set(record.offers))
            require(Invariant.FIELDS, what, 1 <= count <= 64, "1 … 64 offers", count)
            require_equal(Invariant.FIELDS, f"{what}: ids", order, list(record.offers))
        case _:
            pass


def _check_job(job_id: Hash, job: Job) -> None:
    """Check that a job has the fields of its state, and that they agree."""
    what = f"job {job_id.hex()}"
    fields = (job.assignment is not None, job.receipt is not None, job.dispute is not None)
    count = {JobState.QUEUED: 0, JobState.RUNNING: 1, JobState.RECEIPT_IN: 2, JobState.DISPUTED: 3}
    has = count[job.state]
    expected = (has >= 1, has >= 2, has >= 3)
    label = f"{what}: assignment, receipt, dispute of {job.state.name}"
    require_equal(Invariant.FIELDS, label, expected, fields)
    facts = [
        ("escrow is above 0", job.max_price > 0),
        ("start_by ≤ deadline", job.start_by_ms <= job.deadline_ms),
        ("attempts ≤ their maximum", job.attempt <= job.attempts_max),
    ]
    assignment, receipt, dispute = job.assignment, job.receipt, job.dispute
    if assignment is not None:
        by_unit = assignment.unit_type is not UnitType.NONE
        facts += [
            ("attempt ≥ 1", job.attempt >= 1),
            ("cap ≤ locked", assignment.price_cap <= job.max_price),
            ("lease_end ≤ deadline", assignment.lease_end_ms <= job.deadline_ms),
            (
                "streamed: lease_end = deadline",
                job.streamed <= (assignment.lease_end_ms == job.deadline_ms),
            ),
            ("a unit price iff a unit", by_unit == (assignment.unit_price > 0)),
        ]
    if receipt is not None and assignment is not None:
        facts += [
            ("price ≤ cap", receipt.price <= assignment.price_cap),
            ("due not before received", receipt.received_ms <= receipt.due_ms),
        ]
    if dispute is not None:
        openers = {(job.coordinator, 0), (job.client, job.dispute_bond)}
        facts += [
            (
                "one bond: the client's, or the coordinator's of 0 (J3, J13)",
                (dispute.opener, dispute.bond) in openers,
            ),
        ]
    for fact, holds in facts:
        require(Invariant.FIELDS, what, holds, fact, job)


def _check_parameters(parameters: Parameters) -> None:
    for fact, holds in _parameter_facts(parameters).items():
        require(Invariant.SET, f"parameters: {fact}", holds, "true", parameters)


def _parameter_facts(parameters: Parameters) -> dict[str, bool]:
    """Return what must hold of parameters, and whether it does (S5, S7, J23)."""
    facts = {
        f"{name} within {low} … {high}": low <= getattr(parameters, name) <= high
        for name, (low, high) in PARAMETER_BOUNDS.items()
    }
    windows_ms = parameters.dispute_max_ms + parameters.resolve_ms
    facts["unbond_ms ≥ dispute_max_ms + resolve_ms"] = windows_ms <= parameters.unbond_ms
    quarter_us = 3 * parameters.delta_ms * 1_000 // 4
    facts["block_weight_max ≤ t_a / 4"] = parameters.block_weight_max <= quarter_us
    return facts


def _check_pending(pending: PendingChanges) -> None:
    keys = [change.validator.public_key for change in pending.set_changes]
    require_equal(Invariant.SET, "keys with a change that waits", len(keys), len(set(keys)))
    something = bool(keys) or pending.parameters is not None
    require(Invariant.SET, "what waits", something, "something", pending)
    if pending.parameters is not None:
        _check_parameters(pending.parameters)


def _check_set(validators: ValidatorSet) -> None:
    keys = [member.public_key for member in validators.members]
    count = len(keys)
    require(Invariant.SET, "validators", 1 <= count <= VALIDATORS_MAX, "1 … 100 members", count)
    require_equal(Invariant.SET, "distinct keys of validators", count, len(set(keys)))
