"""Records of the state: a map from (table, id) to one of these.

A key is one byte of table and the id. Only live objects are here: a job leaves the state in the
block that ends it (J29); an account of zeros leaves too (T9).
"""

from enum import IntEnum
from typing import Final

import msgspec

from ledger.actions import Custody, UnitType, Verification
from ledger.codec import Codec
from ledger.governance_records import (
    Accusation,
    Ballot,
    BallotVote,
    Coordinator,
    EvidenceLog,
    PendingChanges,
    SetChange,
    SetChangeKind,
    Validator,
    ValidatorSet,
)
from ledger.params import Parameters
from ledger.types import (
    Address,
    Amount,
    Attempt,
    BasisPoints,
    Capacity,
    DurationMs,
    Hash,
    MinerName,
    Slug,
    TimestampMs,
)

__all__ = [
    "RECORD_BYTES_MAX",
    "RECORD_CODECS",
    "Account",
    "Accusation",
    "Assignment",
    "Ballot",
    "BallotVote",
    "Coordinator",
    "DisputeRecord",
    "EvidenceLog",
    "Gap",
    "Job",
    "JobState",
    "Miner",
    "MinerNameClaim",
    "MinerOffers",
    "Offer",
    "PendingChanges",
    "ReceiptRecord",
    "Record",
    "SetChange",
    "SetChangeKind",
    "Supply",
    "Table",
    "Unbonding",
    "Validator",
    "ValidatorSet",
    "decode_record",
    "decode_trusted_record",
    "state_key",
]


class _Record(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of all records: an array of fields in order."""


class Account(_Record, frozen=True):
    """An account. Key: its address."""

    balance: Amount
    """Nait that it may spend."""


class Miner(_Record, frozen=True):
    """A registered miner. Key: its address (J24)."""

    name: MinerName
    """Shown name."""
    capabilities_digest: Hash
    """SHA-256 of its capabilities document."""
    price_floor: Amount
    """Least price cap in nait of a job assigned to it (J1)."""
    bond: Amount
    """Nait locked."""
    custody: Custody
    """Who holds its key (K3)."""
    in_flight: int
    """Jobs that name it in their assignment; it may retire at 0 (J23)."""


class MinerNameClaim(_Record, frozen=True):
    """Who holds a miner name. Key: the name in lower case, ASCII bytes."""

    miner: Address
    """Address of the miner."""


class Unbonding(_Record, frozen=True):
    """A retired miner's bond on its way back (J23). Key: id of the retirement transaction."""

    owner: Address
    """Account that gets it."""
    amount: Amount
    """Nait."""
    due_ms: TimestampMs
    """When it returns; not rounded."""


class Offer(_Record, frozen=True):
    """A miner's open offer. Key: its id. Immutable but for its capacity, which falls (J25)."""

    miner: Address
    """Who offers."""
    service: Slug
    """Kind of job."""
    price: Amount
    """Price cap in nait of each job that it is accepted for."""
    capacity: Capacity
    """Jobs that it can still be accepted for; taken once, the last one takes the offer out."""
    requirements_digest: Hash
    """SHA-256 of its requirements document."""
    expires_ms: TimestampMs
    """Latest time at which it can be accepted; not rounded."""


class MinerOffers(_Record, frozen=True):
    """A miner's open offers, which leave when it retires (J23). Key: its address."""

    offers: tuple[Hash, ...]
    """Their ids, ascending; never empty, at most `OFFERS_PER_MINER_MAX`."""


class JobState(IntEnum):
    """Phase of a live job; a terminal job is not in the state (J29)."""

    QUEUED = 0
    RUNNING = 1
    RECEIPT_IN = 2
    DISPUTED = 3


class Assignment(_Record, frozen=True):
    """Who works on a job, and on which terms. Part of a job from RUNNING on."""

    miner: Address
    """Assigned miner."""
    price_cap: Amount
    """Most that the receipt may claim (J1)."""
    unit_type: UnitType
    """What `unit_price` counts, NONE if the price is not by unit."""
    unit_price: Amount
    """Nait per whole unit, 0 if the price is not by unit."""
    lease_end_ms: TimestampMs
    """Until then only the miner may end the attempt (J8)."""


class ReceiptRecord(_Record, frozen=True):
    """A receipt that awaits settlement. Part of a job from RECEIPT_IN on."""

    receipt_id: Hash
    """Id of the receipt's transaction."""
    received_ms: TimestampMs
    """Time of the block that included it."""
    price: Amount
    """Nait claimed, at most the price cap."""
    delivery_attested: bool
    """Whether the coordinator attested the delivery; decides its share (J14)."""
    rerun_attested: bool
    """Whether the coordinator attested a re-run."""
    due_ms: TimestampMs
    """When the job settles by itself, as long as nobody disputes; not rounded (see `due`), so
    that an action is in time when now ≤ it."""


class DisputeRecord(_Record, frozen=True):
    """An open dispute. Part of a job in DISPUTED."""

    opener: Address
    """Client or coordinator who opened it."""
    bond: Amount
    """Nait locked by a client; 0 for the coordinator (J3)."""
    due_ms: TimestampMs
    """When it ends without a ruling (J13); not rounded."""


class Job(_Record, frozen=True):
    """A live job. Key: its id."""

    client: Address
    """Who submitted it and locked the escrow."""
    coordinator: Address
    """Who may assign, attest and fail it."""
    service: Slug
    """Service that is asked for."""
    payload_digest: Hash
    """Blinded input digest (J20)."""
    max_price: Amount
    """Nait in escrow."""
    start_by_ms: TimestampMs
    """Latest first assignment (J18)."""
    deadline_ms: TimestampMs
    """Latest lease end."""
    dispute_ms: DurationMs
    """Dispute window (J4)."""
    streamed: bool
    """Whether it streams tokens (J5)."""
    verification: Verification
    """How the result is checked."""
    share_bp: BasisPoints
    """Coordinator's share, fixed at lock."""
    cancel_bp: BasisPoints
    """Compensation for cancelling a running attempt, fixed at lock (J5)."""
    receipt_grace_ms: DurationMs
    """Time after the deadline in which a receipt is still valid, fixed at lock (J11)."""
    auto_settle_ms: DurationMs
    """Window of an unattested receipt, fixed at lock (E4)."""
    resolve_ms: DurationMs
    """Time for a dispute's ruling, fixed at lock (E4)."""
    dispute_bond: Amount
    """Nait that the client locks if it disputes, fixed at lock (E4, J13)."""
    attempts_max: int
    """Assignments allowed, fixed at lock (J10)."""
    state: JobState
    """Phase."""
    attempt: Attempt
    """Current attempt; 0 before the first assignment."""
    assignment: Assignment | None
    """Present from RUNNING on."""
    receipt: ReceiptRecord | None
    """Present from RECEIPT_IN on."""
    dispute: DisputeRecord | None
    """Present in DISPUTED."""


class Gap(_Record, frozen=True):
    """A halt of the chain, while the limits that passed in it have credit (J12). A singleton."""

    from_ms: TimestampMs
    """Time of the last block before the halt; of the first one, while its credit ran on."""
    to_ms: TimestampMs
    """Time of the block that ended the halt."""
    credit_until_ms: TimestampMs
    """Until when a limit counts that lies after `from_ms` and not after `to_ms`."""


class Supply(_Record, frozen=True):
    """All units that there are (E6). A singleton."""

    genesis: Amount
    """Nait that the genesis allocations sum to."""
    issued: Amount
    """Nait that ballots have issued since."""


class Table(IntEnum):
    """First byte of a state key."""

    PARAMETERS = 0
    VALIDATORS = 1
    COORDINATOR = 2
    ACCOUNT = 3
    MINER = 4
    MINER_NAME = 5
    UNBONDING = 6
    JOB = 7
    GAP = 8
    SUPPLY = 9
    BALLOT = 10
    PENDING = 11
    EVIDENCE = 12
    OFFER = 13
    MINER_OFFERS = 14


Record = (
    Parameters
    | ValidatorSet
    | Coordinator
    | Account
    | Miner
    | MinerNameClaim
    | Unbonding
    | Job
    | Gap
    | Supply
    | Ballot
    | PendingChanges
    | EvidenceLog
    | Offer
    | MinerOffers
)
"""Any record."""

RECORD_BYTES_MAX = 65_536
"""The largest record is a set of 100 validators with as many changes waiting, about 25 kB."""

RECORD_CODECS: dict[Table, Codec[Record]] = {
    table: Codec(record_type, RECORD_BYTES_MAX)  # type: ignore[arg-type]
    for table, record_type in {
        Table.PARAMETERS: Parameters,
        Table.VALIDATORS: ValidatorSet,
        Table.COORDINATOR: Coordinator,
        Table.ACCOUNT: Account,
        Table.MINER: Miner,
        Table.MINER_NAME: MinerNameClaim,
        Table.UNBONDING: Unbonding,
        Table.JOB: Job,
        Table.GAP: Gap,
        Table.SUPPLY: Supply,
        Table.BALLOT: Ballot,
        Table.PENDING: PendingChanges,
        Table.EVIDENCE: EvidenceLog,
        Table.OFFER: Offer,
        Table.MINER_OFFERS: MinerOffers,
    }.items()
}
"""Decoder of each table's records."""


def state_key(table: Table, object_id: bytes = b"") -> bytes:
    """Return the key of a record; singletons have an empty id."""
    return bytes((table,)) + object_id


def decode_record(key: bytes, value: bytes) -> Record:
    """Return the record that `value` encodes under `key`.

    Raises:
        CodecError: not the canonical bytes of that table's record.
        ValueError: the key's table is unknown.
    """
    return RECORD_CODECS[Table(key[0])].decode(value)


def decode_trusted_record(key: bytes, value: bytes) -> Record:
    """Return the record of bytes that are known to be canonical: a header commits to them."""
    return _TRUSTED[key[0]](value)


_TRUSTED: Final = {int(table): codec.decode_trusted for table, codec in RECORD_CODECS.items()}
