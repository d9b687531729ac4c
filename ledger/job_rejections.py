"""Why an action on a live job is refused, in the order of the checks.

::

    TransactionRejected
    ├── the job                 JobUnknown
    ├── the role                NotCoordinator, NotClient, NotAssignedMiner
    ├── the cell                CellRefused: NotRunning, NoReceipt, ReceiptExists, InDispute,
    │                           NotDisputed, AlreadyAssigned
    ├── attempt or receipt id   AttemptStale, AttemptsExhausted, ReceiptMismatch
    ├── the time                LeaseLive, DeadlinePassed
    └── amounts and terms       LeaseEndInvalid, PriceCapInvalid, UnitPriceInvalid,
                                ReceiptTermsMismatch, ReceiptTimesInvalid, UnitTypeMismatch,
                                PriceInvalid, AlreadyAttested, DisputeBondMismatch,
                                CompensationAboveLimit

A miner that is not registered (`rejections.MinerUnknown`) belongs to the last group, and so does
what is wrong with an offer (`offer_rejections`).
"""

from typing import ClassVar

from ledger.errors import TransactionRejected
from ledger.keys import format_address
from ledger.records import JobState
from ledger.types import Address, Amount, Attempt, Hash, TimestampMs


class JobUnknown(TransactionRejected):
    """No live job has this id: it never was, or it has ended (J29)."""

    code = "JOB_UNKNOWN"

    def __init__(self, job_id: Hash) -> None:
        """State the id."""
        super().__init__(f"job {job_id.hex()} is not live")
        self.job_id = job_id


class NotCoordinator(TransactionRejected):
    """Only the job's coordinator, while it is one, may do this (J15)."""

    code = "NOT_COORDINATOR"

    def __init__(self, sender: Address) -> None:
        """State who tried."""
        super().__init__(f"{format_address(sender)} is not this job's coordinator, or not any more")
        self.sender = sender


class NotClient(TransactionRejected):
    """Only the job's client may do this."""

    code = "NOT_CLIENT"

    def __init__(self, sender: Address) -> None:
        """State who tried."""
        super().__init__(f"{format_address(sender)} is not this job's client")
        self.sender = sender


class NotAssignedMiner(TransactionRejected):
    """Only the miner of the current attempt may do this."""

    code = "NOT_ASSIGNED_MINER"

    def __init__(self, sender: Address) -> None:
        """State who tried."""
        super().__init__(f"{format_address(sender)} is not the miner of this job's current attempt")
        self.sender = sender


class CellRefused(TransactionRejected):
    """The job's state does not allow the action; `ledger.jobs.TABLE` says which cells refuse."""

    code = "CELL_REFUSED"
    what: ClassVar[str] = "the job's state does not allow this"

    def __init__(self, job_id: Hash, state: JobState) -> None:
        """State the job and its state."""
        super().__init__(f"job {job_id.hex()} is {state.name}: {self.what}")
        self.job_id = job_id
        self.state = state


class NotRunning(CellRefused):
    """The job has no attempt that could be released or finished."""

    code = "NOT_RUNNING"
    what = "it has no running attempt"


class NoReceipt(CellRefused):
    """The job has no receipt that could be attested, accepted or disputed."""

    code = "NO_RECEIPT"
    what = "it has no receipt yet"


class ReceiptExists(CellRefused):
    """The attempt has ended with a receipt; only its settlement is open."""

    code = "RECEIPT_EXISTS"
    what = "its receipt is in"


class InDispute(CellRefused):
    """The receipt is in dispute already (J13)."""

    code = "IN_DISPUTE"
    what = "a dispute is open"


class NotDisputed(CellRefused):
    """There is no dispute that authorities could rule on (J3)."""

    code = "NOT_DISPUTED"
    what = "no dispute is open"


class AlreadyAssigned(CellRefused):
    """A miner works on the job: an offer is accepted for a queued one."""

    code = "ALREADY_ASSIGNED"
    what = "a miner works on it already"


class AttemptStale(TransactionRejected):
    """The action names another attempt than the one that is due (J9)."""

    code = "ATTEMPT_STALE"

    def __init__(self, attempt: Attempt, expected: Attempt) -> None:
        """State the attempt that came and the one that is expected."""
        super().__init__(f"attempt: {attempt} is stale; {expected} is expected")
        self.attempt = attempt
        self.expected = expected


class AttemptsExhausted(TransactionRejected):
    """The job was assigned as often as it may be (J10)."""

    code = "ATTEMPTS_EXHAUSTED"

    def __init__(self, attempts_max: int) -> None:
        """State the limit."""
        super().__init__(f"all {attempts_max} assignments of this job are used; fail it")
        self.attempts_max = attempts_max


class ReceiptMismatch(TransactionRejected):
    """The action names another receipt than the job's (J2)."""

    code = "RECEIPT_MISMATCH"

    def __init__(self, receipt_id: Hash, expected: Hash) -> None:
        """State the receipt that came and the one that is in."""
        super().__init__(
            f"receipt_id: the job's receipt is {expected.hex()}, not {receipt_id.hex()}"
        )
        self.receipt_id = receipt_id
        self.expected = expected


class AlreadyAttested(TransactionRejected):
    """An attestation of this kind is recorded already (J3)."""

    code = "ALREADY_ATTESTED"

    def __init__(self, kind: str) -> None:
        """State the kind."""
        super().__init__(f"kind: the receipt has a {kind} attestation already")
        self.kind = kind


class LeaseLive(TransactionRejected):
    """The lease still runs, so only the assigned miner may end the attempt (J8)."""

    code = "LEASE_LIVE"

    def __init__(self, lease_end_ms: TimestampMs, now_ms: TimestampMs) -> None:
        """State the lease's end and block time."""
        super().__init__(f"the lease runs until {lease_end_ms}; block time is {now_ms}")
        self.lease_end_ms = lease_end_ms
        self.now_ms = now_ms


class DeadlinePassed(TransactionRejected):
    """The time for this is over; the sweep ends what is due (J16)."""

    code = "DEADLINE_PASSED"

    def __init__(self, limit_ms: TimestampMs, now_ms: TimestampMs) -> None:
        """State the limit and block time."""
        super().__init__(f"was possible until {limit_ms}; block time is {now_ms}")
        self.limit_ms = limit_ms
        self.now_ms = now_ms


class LeaseEndInvalid(TransactionRejected):
    """A lease must end in now … deadline; a streamed job's at its deadline (J5, J7)."""

    code = "LEASE_END_INVALID"

    def __init__(
        self, lease_end_ms: TimestampMs, earliest_ms: TimestampMs, latest_ms: TimestampMs
    ) -> None:
        """State the end that came and the range that is allowed."""
        super().__init__(f"lease_end_ms: {lease_end_ms} is outside {earliest_ms} … {latest_ms}")
        self.lease_end_ms = lease_end_ms
        self.earliest_ms = earliest_ms
        self.latest_ms = latest_ms


class PriceCapInvalid(TransactionRejected):
    """A price cap must lie between the miner's floor and the job's maximum (J1)."""

    code = "PRICE_CAP_INVALID"

    def __init__(self, price_cap: Amount, floor: Amount, maximum: Amount) -> None:
        """State the cap that came and the range that is allowed, in nait."""
        super().__init__(f"price_cap: {price_cap} nait is outside {floor} … {maximum}")
        self.price_cap = price_cap
        self.floor = floor
        self.maximum = maximum


class UnitPriceInvalid(TransactionRejected):
    """Unit type and unit price come together or not at all (J1)."""

    code = "UNIT_PRICE_INVALID"

    def __init__(self, unit_type: str, unit_price: Amount) -> None:
        """State both."""
        super().__init__(
            f"unit_price: {unit_price} with unit type {unit_type}; "
            "name both, or NONE and 0 for a price without units"
        )
        self.unit_type = unit_type
        self.unit_price = unit_price


class ReceiptTermsMismatch(TransactionRejected):
    """The receipt does not repeat the job's terms as they are (J19)."""

    code = "RECEIPT_TERMS_MISMATCH"

    def __init__(self, field: str) -> None:
        """Name the first field that differs."""
        super().__init__(f"{field}: differs from the job's record")
        self.field = field


class ReceiptTimesInvalid(TransactionRejected):
    """A receipt ends before it starts (J26)."""

    code = "RECEIPT_TIMES_INVALID"

    def __init__(self, started_ms: TimestampMs, completed_ms: TimestampMs) -> None:
        """State both times."""
        super().__init__(f"completed_ms: {completed_ms} is before started_ms {started_ms}")
        self.started_ms = started_ms
        self.completed_ms = completed_ms


class UnitTypeMismatch(TransactionRejected):
    """A receipt of a job priced by unit counts something else (J1)."""

    code = "UNIT_TYPE_MISMATCH"

    def __init__(self, unit_type: str, expected: str) -> None:
        """State both unit types."""
        super().__init__(f"unit_type: {unit_type} is counted; the assignment prices {expected}")
        self.unit_type = unit_type
        self.expected = expected


class PriceInvalid(TransactionRejected):
    """A receipt's price is above the cap, or not what its units cost (J1)."""

    code = "PRICE_INVALID"

    def __init__(self, price: Amount, least: Amount, most: Amount) -> None:
        """State the price that came and the range that is allowed, in nait."""
        super().__init__(f"price: {price} nait is outside {least} … {most}")
        self.price = price
        self.least = least
        self.most = most


class DisputeBondMismatch(TransactionRejected):
    """A client's dispute locks another bond than the job's (J13)."""

    code = "DISPUTE_BOND_MISMATCH"

    def __init__(self, bond: Amount, expected: Amount) -> None:
        """State the bond that came and the one that was fixed when the job was locked."""
        super().__init__(f"bond: {bond} nait; the client of this job disputes with {expected}")
        self.bond = bond
        self.expected = expected


class CompensationAboveLimit(TransactionRejected):
    """Cancelling would cost the client more than it agreed to (J6)."""

    code = "COMPENSATION_ABOVE_LIMIT"

    def __init__(self, compensation: Amount, limit: Amount) -> None:
        """State what the miner is owed and what the client allows, in nait."""
        super().__init__(f"compensation_max: the miner is owed {compensation} nait, not {limit}")
        self.compensation = compensation
        self.limit = limit
