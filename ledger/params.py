"""Limits and parameters, unit last in the name, one line of reason each.

Constants bind every node for ever (a change is a new protocol version). `Parameters` live in
genesis and state and change by authority vote (decision 12); `PARAMETER_BOUNDS` keeps any vote
and any genesis inside what the code was made for.
"""

from typing import Final

import msgspec

from ledger import actions
from ledger.types import SUPPLY_MAX, Amount, BasisPoints, DurationMs

NAIT_PER_AITBC: Final = 10**9
"""Base units in one AITBC."""

PROTOCOL_VERSION: Final = 1
"""Rules that this program knows (S13)."""

TRANSACTION_VERSION: Final = 1
"""Version field of a transaction."""

HEADER_VERSION: Final = 1
"""Version field of a block header."""

TRANSACTION_BYTES_MAX: Final = 1_024
"""The largest action needs about 500 bytes; bounds what a peer makes us parse."""

BLOCK_TRANSACTIONS_MAX: Final = 10_000
"""Hard bound of a block's count, whatever the parameters say; bounds decoding."""

BLOCK_BYTES_MAX: Final = 4 * 1_048_576
"""Hard bound of a block's bytes; bounds what a peer makes us hold and parse."""

VALIDATORS_MAX: Final = 100
"""Certificates hold a signature per validator; beyond this they outweigh the block."""

DUE_ITEMS_PER_BLOCK_MAX: Final = 256
"""Automatic items in a block (S4); the rest waits for the next block."""

DUE_ITEM_WEIGHT_US: Final = 40
"""Measured cost of one automatic item, its state writes included (S7)."""

DUE_WEIGHT_DIVISOR: Final = 4
"""Automatic items may take a quarter of the block's weight (S4)."""

BOUNDARY_WEIGHT_DIVISOR: Final = 2
"""An epoch's end counts for at most half of a block's weight: it is mandatory (S7)."""

SIGNATURE_WEIGHT_US: Final = 50
"""Measured cost of one Ed25519 verification with libsodium (S7)."""

ACTION_WEIGHT_US: Final[dict[type[actions.Action], int]] = {
    actions.Transfer: 20,
    actions.RegisterMiner: 50,
    actions.UpdateMiner: 30,
    actions.RetireMiner: 800,
    actions.SubmitJob: 35,
    actions.AssignJob: 35,
    actions.ReleaseJob: 30,
    actions.PostReceipt: 35,
    actions.AttestReceipt: 45,
    actions.AcceptReceipt: 45,
    actions.DisputeReceipt: 35,
    actions.FailJob: 30,
    actions.CancelJob: 35,
    actions.PostOffer: 50,
    actions.WithdrawOffer: 45,
    actions.AcceptOffer: 60,
    actions.CastVote: 80,
    actions.SubmitEvidence: 60,
}
"""Measured cost in microseconds of each action besides its signature: decoding, rules, state and
root. `bench/ledger.py` measures them again; a rule changes nothing but these numbers (S7). A miner
retires with as many offers as it may have."""

OFFERS_PER_MINER_MAX: Final = 64
"""Open offers of one miner: retiring withdraws all of them in one step (J23)."""

OFFER_MS_MAX: Final = 2_592_000_000
"""Furthest expiry of an offer ahead of block time, 30 days: a forgotten price ends."""

DUE_STEP_MS: Final = 1_000
"""Due times round up to whole seconds (S3), so that expiries share blocks."""

TIMESTAMP_DRIFT_MS: Final = 1_000
"""How far ahead of a verifier's clock a block may be before it waits (S5)."""

HORIZON_MS_MAX: Final = 3_600_000
"""Upper bound of `horizon_ms`; snapshots carry transaction ids this far back (T1)."""

BUCKETS_DEFAULT: Final = 65_536
"""Buckets of the state tree; a power of two in 2^8 … 2^20 (S14)."""

BUCKET_FLAT_MAX: Final = 64
"""Entries up to which a bucket's digest is flat (S1)."""


class Parameters(
    msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True
):
    """Rules that authorities may change; one record of the state.

    A job keeps the values that were in force when it was locked (E4).
    """

    protocol_version: int = PROTOCOL_VERSION
    """Rules in force (S13)."""
    fee_base: Amount = 1_000
    """Nait of fee per transaction."""
    fee_per_byte: Amount = 10
    """Nait of fee per byte of the signed transaction."""
    account_fee: Amount = 10_000
    """Nait by which the fee of a transfer that creates an account must be higher (T9)."""
    miner_bond_min: Amount = 0
    """Least bond, in nait, of a new miner."""
    dispute_bond: Amount = 10_000_000
    """Nait that a client locks to dispute a receipt (J13)."""
    coordinator_share_bp: BasisPoints = 500
    """Coordinator's part of the price of an attested job."""
    cancel_bp: BasisPoints = 5_000
    """Part of the price cap owed to a running miner whose job is cancelled (J5)."""
    attempts_max: int = 8
    """Assignments of one job (J10)."""
    horizon_ms: DurationMs = 600_000
    """Furthest `valid_until` of a transaction ahead of block time."""
    ttl_max_ms: DurationMs = 86_400_000
    """Furthest deadline of a job ahead of block time."""
    auto_settle_ms: DurationMs = 600_000
    """Window after which an unattested receipt settles."""
    dispute_max_ms: DurationMs = 604_800_000
    """Longest dispute window that a client may choose."""
    resolve_ms: DurationMs = 259_200_000
    """Time that authorities have to rule on a dispute (J13)."""
    unbond_ms: DurationMs = 1_209_600_000
    """Time from retirement to the bond's return; at least dispute_max + resolve (J23)."""
    delta_ms: DurationMs = 200
    """Assumed network delay Δ: t_l = 2Δ, t_a = 3Δ (J11)."""
    heartbeat_ms: DurationMs = 10_000
    """Longest silence of an idle chain."""
    halt_gap_ms: DurationMs = 30_000
    """Time between two blocks beyond which the chain has halted, and limits get credit (J12)."""
    gap_grace_ms: DurationMs = 60_000
    """Credit, counted from the end of a halt, of limits that passed in it (J12)."""
    epoch_ms: DurationMs = 3_600_000
    """Block time that an epoch lasts (E3)."""
    ballot_ms: DurationMs = 604_800_000
    """Time in which a ballot can pass (E6)."""
    evidence_ms: DurationMs = 86_400_000
    """Age up to which evidence counts (E5)."""
    block_bytes_max: int = 1_048_576
    """Bytes of a block's body."""
    block_transactions_max: int = 5_000
    """Transactions in a block."""
    block_weight_max: int = 150_000
    """Measured cost of a block in microseconds; at most a quarter of t_a (S7)."""


PARAMETER_BOUNDS: Final[dict[str, tuple[int, int]]] = {
    "protocol_version": (1, 65_535),
    "fee_base": (0, 10**12),
    "fee_per_byte": (0, 10**9),
    "account_fee": (0, 10**15),
    "miner_bond_min": (0, SUPPLY_MAX),
    "dispute_bond": (1, SUPPLY_MAX),
    "coordinator_share_bp": (0, 5_000),
    "cancel_bp": (0, 10_000),
    "attempts_max": (1, 64),
    "horizon_ms": (10_000, HORIZON_MS_MAX),
    "ttl_max_ms": (60_000, 2_592_000_000),
    "auto_settle_ms": (10_000, 604_800_000),
    "dispute_max_ms": (10_000, 2_592_000_000),
    "resolve_ms": (10_000, 2_592_000_000),
    "unbond_ms": (10_000, 7_776_000_000),
    "delta_ms": (20, 5_000),
    "heartbeat_ms": (1_000, 10_000),
    "halt_gap_ms": (20_000, 3_600_000),
    "gap_grace_ms": (10_000, 3_600_000),
    "epoch_ms": (10_000, 604_800_000),
    "ballot_ms": (10_000, 2_592_000_000),
    "evidence_ms": (10_000, 2_592_000_000),
    "block_bytes_max": (65_536, BLOCK_BYTES_MAX),
    "block_transactions_max": (1, BLOCK_TRANSACTIONS_MAX),
    "block_weight_max": (10_000, 1_000_000),
}
"""Inclusive bounds. Windows are at least ten times the clock drift (S5); a halt is at least two
of the longest heartbeats (J12); a bond of 0 would be the coordinator's dispute (J3)."""


def parameter_faults(parameters: Parameters) -> list[str]:
    """Return what is wrong with a set of parameters, empty if nothing; each names the field."""
    faults = [
        f"{name}: {value} is outside {low} … {high}"
        for name, (low, high) in PARAMETER_BOUNDS.items()
        if not low <= (value := getattr(parameters, name)) <= high
    ]
    if parameters.unbond_ms < parameters.dispute_max_ms + parameters.resolve_ms:
        faults.append("unbond_ms: must be at least dispute_max_ms + resolve_ms (J23)")
    if parameters.block_weight_max > 250 * t_a_ms(parameters):
        faults.append("block_weight_max: must be at most a quarter of t_a = 750 × delta_ms (S7)")
    return faults


def t_a_ms(parameters: Parameters) -> int:
    """Return the base of t_a, the time in which a proposal must be certified: 3Δ."""
    return 3 * parameters.delta_ms


def receipt_grace_ms(parameters: Parameters, validators: int) -> int:
    """Return J11's grace: max(15 s, 4 (f+1) × t_a at its base value).

    Args:
        parameters: those in force when the job is locked.
        validators: size n of the validator set; f = floor((n-1)/3).
    """
    faulty = (validators - 1) // 3
    return max(15_000, 4 * (faulty + 1) * t_a_ms(parameters))
