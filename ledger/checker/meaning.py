"""What records mean for the checker: their worth, when they are due, what must hold in each.

The second writing of what `ledger.due`, `ledger.settlement` and the job table know.
"""

from ledger.actions import UnitType
from ledger.checker.broken import Invariant, require, require_equal
from ledger.params import PARAMETER_BOUNDS, VALIDATORS_MAX, Parameters
from ledger.records import Account, Job, JobState, Miner, Record, Unbonding, ValidatorSet
from ledger.types import AMOUNT_MAX, Hash, TimestampMs

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
    """Return the last time at which an action may touch a clocked record, None for others."""
    if isinstance(record, Unbonding):
        return record.due_ms
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


def window_end_ms(start_ms: TimestampMs, length_ms: int) -> TimestampMs:
    """Return the end of a window; time ends at 2^48 − 1."""
    return min(start_ms + length_ms, END_OF_TIME_MS)


def grace_ms(delta_ms: int, validators: int) -> int:
    """Return J11's grace of a receipt: 4 (f+1) times 3Δ, at least 15 s; f of n = 3f + 1."""
    return max(15_000, 12 * delta_ms * ((validators + 2) // 3))


def shares_of(job: Job) -> tuple[int, int, int]:
    """Return what (miner, coordinator, client) get when a job's receipt is paid.

    The job is as it was before it ended, with all attestations in it.
    """
    assert job.receipt is not None
    price = job.receipt.price
    share = (price * job.share_bp - price * job.share_bp % 10_000) // 10_000
    earned = share if job.receipt.delivery_attested else 0
    return price - share, earned, worth(job) - (price - share) - earned


def owed_on_cancel(job: Job, now_ms: TimestampMs) -> int:
    """Return the running miner's compensation: its share of the cap, rounded up, in its lease."""
    if job.assignment is None or now_ms > job.assignment.lease_end_ms:
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
        case Job():
            _check_job(key[1:], record)
        case Parameters():
            _check_parameters(record)
        case ValidatorSet():
            _check_set(record)
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
        last_ms = job.deadline_ms + job.receipt_grace_ms
        facts += [
            ("price ≤ cap", receipt.price <= assignment.price_cap),
            ("received in time", receipt.received_ms <= last_ms),
            ("due not before received", receipt.received_ms <= receipt.due_ms),
        ]
    if dispute is not None:
        by_client = dispute.opener == job.client
        facts += [
            ("opened by client or coordinator", by_client or dispute.opener == job.coordinator),
            ("a bond of the client's only", by_client or dispute.bond == 0),
        ]
    for fact, holds in facts:
        require(Invariant.FIELDS, what, holds, fact, job)


def _check_parameters(parameters: Parameters) -> None:
    for name, (low, high) in PARAMETER_BOUNDS.items():
        value = getattr(parameters, name)
        require(Invariant.SET, f"parameter {name}", low <= value <= high, f"{low} … {high}", value)
    needed = parameters.dispute_max_ms + parameters.resolve_ms
    fact = "at least dispute_max_ms + resolve_ms (J23)"
    holds = parameters.unbond_ms >= needed
    require(Invariant.SET, "parameter unbond_ms", holds, fact, parameters.unbond_ms)


def _check_set(validators: ValidatorSet) -> None:
    keys = [member.public_key for member in validators.members]
    count = len(keys)
    require(Invariant.SET, "validators", 1 <= count <= VALIDATORS_MAX, "1 … 100 members", count)
    require_equal(Invariant.SET, "distinct keys of validators", count, len(set(keys)))
