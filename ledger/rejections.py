"""Why a transaction is refused: one class per rule, each with a stable code.

::

    TransactionRejected
    ├── of the transaction itself   VersionUnsupported, WrongChain, AmountZero, FeeNotAllowed,
    │                               FeeTooLow, TransactionExpired, ValidUntilTooFar,
    │                               AlreadyIncluded, InsufficientBalance
    ├── of miners                   MinerExists, MinerNameTaken, MinerNameReserved, BondTooSmall,
    │                               MinerUnknown, MinerBusy
    ├── of new units                SupplyExceeded
    ├── of a new job                CoordinatorUnknown, JobTimesInvalid, DeadlineTooFar,
    │                               DisputeWindowTooLong
    └── of a live job               see `ledger.job_rejections`

The text says what is wrong and how the signer can mend it; the fields carry the values. Offers,
ballots and evidence add their classes here when they come.
"""

from ledger.errors import TransactionRejected
from ledger.keys import format_address
from ledger.types import Address, Amount, Hash, TimestampMs

# ---------------------------------------------------------------- the transaction itself


class VersionUnsupported(TransactionRejected):
    """The transaction's format version is not the one in force."""

    code = "VERSION_UNSUPPORTED"

    def __init__(self, version: int, supported: int) -> None:
        """State the version that came and the one that is understood."""
        super().__init__(f"version: {version} is not supported; sign version {supported}")
        self.version = version
        self.supported = supported


class WrongChain(TransactionRejected):
    """The transaction is for another chain, or for another genesis of this name (T4)."""

    code = "WRONG_CHAIN"

    def __init__(self, chain_id: str, expected: str) -> None:
        """State the chain id that came and this chain's."""
        super().__init__(f"chain_id: {chain_id} is another chain; this one is {expected}")
        self.chain_id = chain_id
        self.expected = expected


class AmountZero(TransactionRejected):
    """An amount that must be at least 1 nait is 0."""

    code = "AMOUNT_ZERO"

    def __init__(self, field: str) -> None:
        """Name the field."""
        super().__init__(f"{field}: must be at least 1 nait")
        self.field = field


class FeeNotAllowed(TransactionRejected):
    """A fee on an action that carries none (J10)."""

    code = "FEE_NOT_ALLOWED"

    def __init__(self, action: str, fee: Amount) -> None:
        """State the action and the fee that it carried."""
        super().__init__(f"fee: {action} carries fee 0, not {fee}; its job bounds it")
        self.action = action
        self.fee = fee


class FeeTooLow(TransactionRejected):
    """A fee below base + per byte (+ account fee) of the parameters in force (T9)."""

    code = "FEE_TOO_LOW"

    def __init__(self, fee: Amount, required: Amount) -> None:
        """State the fee that came and the least one, both in nait."""
        super().__init__(
            f"fee: {fee} nait is below the {required} nait that this transaction costs"
        )
        self.fee = fee
        self.required = required


class TransactionExpired(TransactionRejected):
    """Block time is past the transaction's `valid_until_ms`."""

    code = "TRANSACTION_EXPIRED"

    def __init__(self, valid_until_ms: TimestampMs, now_ms: TimestampMs) -> None:
        """State both times."""
        super().__init__(f"valid_until_ms: {valid_until_ms} is past; block time is {now_ms}")
        self.valid_until_ms = valid_until_ms
        self.now_ms = now_ms


class ValidUntilTooFar(TransactionRejected):
    """The transaction's `valid_until_ms` lies beyond the horizon (T1)."""

    code = "VALID_UNTIL_TOO_FAR"

    def __init__(self, valid_until_ms: TimestampMs, limit_ms: TimestampMs) -> None:
        """State the time that came and the latest one that is allowed now."""
        super().__init__(
            f"valid_until_ms: {valid_until_ms} is beyond the horizon; at most {limit_ms}"
        )
        self.valid_until_ms = valid_until_ms
        self.limit_ms = limit_ms


class AlreadyIncluded(TransactionRejected):
    """An ancestor, or this block, contains the transaction already (T1)."""

    code = "ALREADY_INCLUDED"

    def __init__(self, transaction_id: Hash) -> None:
        """State the id."""
        super().__init__(f"transaction {transaction_id.hex()} is in the chain already")
        self.transaction_id = transaction_id


class InsufficientBalance(TransactionRejected):
    """The sender cannot pay the fee and what the action moves or locks."""

    code = "INSUFFICIENT_BALANCE"

    def __init__(self, needed: Amount, balance: Amount) -> None:
        """State what is needed and what is there, both in nait."""
        super().__init__(f"{needed} nait are needed with the fee; the balance is {balance} nait")
        self.needed = needed
        self.balance = balance


# ---------------------------------------------------------------- miners


class MinerExists(TransactionRejected):
    """The address is a miner already; a miner is the address of its key (J24)."""

    code = "MINER_EXISTS"

    def __init__(self, miner: Address) -> None:
        """State the address."""
        super().__init__(f"{format_address(miner)} is a miner already; update it, or retire first")
        self.miner = miner


class MinerNameTaken(TransactionRejected):
    """Another miner holds the name; case does not matter."""

    code = "MINER_NAME_TAKEN"

    def __init__(self, name: str) -> None:
        """State the name."""
        super().__init__(f"name: {name} is taken; choose another")
        self.name = name


class MinerNameReserved(TransactionRejected):
    """A name that reads like an address or an id on a page."""

    code = "MINER_NAME_RESERVED"

    def __init__(self, name: str, prefix: str) -> None:
        """State the name and the prefix that it may not have."""
        super().__init__(f"name: {name} must not begin with {prefix}, which marks ids")
        self.name = name
        self.prefix = prefix


class BondTooSmall(TransactionRejected):
    """A bond below the parameter `miner_bond_min`."""

    code = "BOND_TOO_SMALL"

    def __init__(self, bond: Amount, minimum: Amount) -> None:
        """State the bond that came and the least one, in nait."""
        super().__init__(f"bond: {bond} nait is below the minimum of {minimum} nait")
        self.bond = bond
        self.minimum = minimum


class MinerUnknown(TransactionRejected):
    """The address is not a registered miner."""

    code = "MINER_UNKNOWN"

    def __init__(self, miner: Address) -> None:
        """State the address."""
        super().__init__(f"{format_address(miner)} is not a registered miner")
        self.miner = miner


class MinerBusy(TransactionRejected):
    """A miner with jobs in flight cannot retire (J23)."""

    code = "MINER_BUSY"

    def __init__(self, miner: Address, in_flight: int) -> None:
        """State the address and how many jobs name it."""
        super().__init__(f"{format_address(miner)} has {in_flight} jobs that are not settled")
        self.miner = miner
        self.in_flight = in_flight


# ---------------------------------------------------------------- new units


class SupplyExceeded(TransactionRejected):
    """The supply with the units that a ballot issues would be above 2^62 (S8)."""

    code = "SUPPLY_EXCEEDED"

    def __init__(self, amount: Amount, room: Amount) -> None:
        """State what was to be issued and what can be, in nait."""
        super().__init__(f"amount: {amount} nait exceed the {room} nait that may still be issued")
        self.amount = amount
        self.room = room


# ---------------------------------------------------------------- a new job


class CoordinatorUnknown(TransactionRejected):
    """A job names an address that is not a coordinator of this chain (J15)."""

    code = "COORDINATOR_UNKNOWN"

    def __init__(self, coordinator: Address) -> None:
        """State the address."""
        super().__init__(
            f"coordinator: {format_address(coordinator)} is not a coordinator of this chain"
        )
        self.coordinator = coordinator


class JobTimesInvalid(TransactionRejected):
    """A job's times are not in the order now ≤ start_by ≤ deadline."""

    code = "JOB_TIMES_INVALID"

    def __init__(
        self, now_ms: TimestampMs, start_by_ms: TimestampMs, deadline_ms: TimestampMs
    ) -> None:
        """State all three times."""
        super().__init__(
            f"start_by_ms, deadline_ms: {now_ms} ≤ {start_by_ms} ≤ {deadline_ms} does not hold"
        )
        self.now_ms = now_ms
        self.start_by_ms = start_by_ms
        self.deadline_ms = deadline_ms


class DeadlineTooFar(TransactionRejected):
    """A job's deadline lies beyond the parameter `ttl_max_ms`."""

    code = "DEADLINE_TOO_FAR"

    def __init__(self, deadline_ms: TimestampMs, limit_ms: TimestampMs) -> None:
        """State the deadline that came and the latest one that is allowed now."""
        super().__init__(f"deadline_ms: {deadline_ms} is too far ahead; at most {limit_ms}")
        self.deadline_ms = deadline_ms
        self.limit_ms = limit_ms


class DisputeWindowTooLong(TransactionRejected):
    """A job's dispute window exceeds the parameter `dispute_max_ms` (J4)."""

    code = "DISPUTE_WINDOW_TOO_LONG"

    def __init__(self, dispute_ms: int, maximum_ms: int) -> None:
        """State the window that came and the longest one."""
        super().__init__(f"dispute_ms: {dispute_ms} is longer than {maximum_ms}")
        self.dispute_ms = dispute_ms
        self.maximum_ms = maximum_ms
