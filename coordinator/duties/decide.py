"""What the coordinator owes a job now: a pure function of facts.

A duty follows from the state and not from an event, so nothing is forgotten when the process dies
between an event and its consequence: the same facts give the same duty again, and the outbox keeps
one intent from being signed twice.
"""

from dataclasses import dataclass
from typing import Final

from coordinator.config import Timings
from coordinator.jobs.model import JobPhase
from ledger import credited
from ledger.actions import Reason
from ledger.records import Gap
from ledger.types import Address, Attempt, Hash, TimestampMs

INPUT_FAULTS: Final = frozenset({Reason.BAD_INPUT, Reason.NO_SOURCE, Reason.NO_PAYLOAD})
"""Reasons of a miner after which no other miner is tried (J8)."""

BLAMELESS: Final = INPUT_FAULTS | {Reason.MINER_DRAINING}
"""Reasons that do not count as "failed on this miner"."""


@dataclass(frozen=True, slots=True)
class AttemptFacts:
    """The live attempt."""

    miner: Address
    """Who has it."""
    is_managed: bool
    """Whether the miner's key is managed here."""
    lease_end_ms: TimestampMs
    """Until then only the miner may end it (J8), or longer if the chain halted (J12)."""
    heartbeat_by_ms: TimestampMs | None
    """When the next heartbeat is due; None for a miner that sends none."""
    release_reason: Reason | None
    """Reason for which the miner gave up."""
    has_result: bool
    """Whether a result was accepted."""
    is_receipt_under_way: bool
    """Whether a signed receipt is pending in the outbox."""


@dataclass(frozen=True, slots=True)
class ReceiptFacts:
    """The receipt on the chain."""

    receipt_id: Hash
    """Its id."""
    received_ms: TimestampMs
    """Time of its block."""
    is_delivered: bool
    """Whether the result with the receipt's digest was accepted."""
    is_attested: bool
    """Whether the delivery attestation is final."""
    is_disputed: bool
    """Whether it was disputed."""
    refusal: Reason | None
    """Why a delivery was refused, if one was."""


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job that is live on the chain."""

    phase: JobPhase
    """QUEUED, RUNNING or COMPLETED."""
    attempt: Attempt
    """Current attempt."""
    escrowed_ms: TimestampMs
    """When its escrow was locked."""
    has_payload: bool
    """Whether its input is here (J31)."""
    is_assigning: bool
    """Whether an assignment is signed and not final."""
    last_reason: Reason | None
    """Why the last attempt ended; None before the first."""
    blamed_miners: int
    """Distinct miners on which it failed."""
    current: AttemptFacts | None
    """Live attempt, in RUNNING."""
    receipt: ReceiptFacts | None
    """Receipt, in COMPLETED."""


@dataclass(frozen=True, slots=True)
class Fail:
    """End the job; the client is refunded."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Release:
    """Take the job from its miner, or give it back in the name of a managed miner."""

    reason: Reason
    as_miner: bool


@dataclass(frozen=True, slots=True)
class SignReceipt:
    """Sign the receipt of a managed miner's accepted result."""


@dataclass(frozen=True, slots=True)
class Attest:
    """Vouch for the delivery (J2, J3)."""

    receipt_id: Hash


@dataclass(frozen=True, slots=True)
class Dispute:
    """Keep an undelivered result from being paid when the window ends (J3)."""

    receipt_id: Hash
    reason: Reason


Duty = Fail | Release | SignReceipt | Attest | Dispute
"""What has to be signed next."""


def duty_of(
    facts: JobFacts,
    now_ms: TimestampMs,
    timings: Timings,
    *,
    attempts_max: int,
    auto_settle_ms: int,
    gap: Gap | None,
) -> Duty | None:
    """Return what is owed now, None if nothing is.

    Args:
        facts: the job.
        now_ms: the coordinator's clock.
        timings: the coordinator's settings.
        attempts_max: assignments that the chain allows (J10).
        auto_settle_ms: window after which the chain settles an unattested receipt.
        gap: record of a halt, under which the chain judges the lease's end (J12).
    """
    if facts.receipt is not None:
        return _of_receipt(facts.receipt, now_ms, timings, auto_settle_ms)
    if facts.current is not None:
        lease_over = now_ms > credited(facts.current.lease_end_ms, gap)
        return _of_attempt(
            facts.current, now_ms, has_payload=facts.has_payload, lease_over=lease_over
        )
    if facts.phase is JobPhase.QUEUED and not facts.is_assigning:
        return _of_queued(facts, now_ms, timings, attempts_max)
    return None


def _of_queued(
    facts: JobFacts, now_ms: TimestampMs, timings: Timings, attempts_max: int
) -> Duty | None:
    if facts.last_reason in INPUT_FAULTS:
        assert facts.last_reason is not None
        return Fail(facts.last_reason)
    if facts.blamed_miners >= timings.miners_per_job_max or facts.attempt >= attempts_max:
        return Fail(Reason.ATTEMPTS_EXHAUSTED)
    if not facts.has_payload and now_ms >= facts.escrowed_ms + timings.payload_grace_ms:
        return Fail(Reason.NO_PAYLOAD)
    return None


def _of_attempt(
    current: AttemptFacts, now_ms: TimestampMs, *, has_payload: bool, lease_over: bool
) -> Duty | None:
    if current.is_receipt_under_way:
        return None
    if current.is_managed and current.has_result:
        return SignReceipt()
    if current.is_managed and current.release_reason is not None:
        return Release(current.release_reason, as_miner=True)
    if not has_payload and current.is_managed:
        # A stranger took its offer by the chain alone: it would be bound until the deadline.
        return Release(Reason.NO_PAYLOAD, as_miner=True)
    if not lease_over:
        return None
    if current.release_reason is not None:
        return Release(current.release_reason, as_miner=False)
    if not has_payload:
        return Release(Reason.NO_PAYLOAD, as_miner=False)
    if current.heartbeat_by_ms is None:
        return Release(Reason.LEASE_EXPIRED, as_miner=False)
    if now_ms > current.heartbeat_by_ms:
        return Release(Reason.HEARTBEAT_MISSED, as_miner=False)
    # A miner that is heard of keeps its attempt beyond the lease's end (J7).
    return None


def _of_receipt(
    receipt: ReceiptFacts, now_ms: TimestampMs, timings: Timings, auto_settle_ms: int
) -> Duty | None:
    if receipt.is_delivered:
        return None if receipt.is_attested else Attest(receipt.receipt_id)
    # Half of the window is left for the dispute to become final.
    grace_ms = min(timings.delivery_grace_ms, auto_settle_ms // 2)
    if receipt.is_disputed or now_ms < receipt.received_ms + grace_ms:
        return None
    return Dispute(receipt.receipt_id, receipt.refusal or Reason.RESULT_NOT_DELIVERED)
