"""Submitting a job: its terms are checked, and the rules in force are fixed in it (E4, J4, J5)."""

from ledger.actions import SubmitJob
from ledger.environment import Cause, Environment
from ledger.outcomes import OutcomeKind
from ledger.records import Job, JobState, Table, state_key
from ledger.rejections import (
    CoordinatorUnknown,
    DeadlineTooFar,
    DisputeWindowTooLong,
    JobTimesInvalid,
)
from ledger.settlement import BP_WHOLE


def apply_submit(env: Environment, cause: Cause, action: SubmitJob) -> None:
    """Make a QUEUED job with the rules in force now (E4); its escrow has been debited.

    Raises:
        CoordinatorUnknown, JobTimesInvalid, DeadlineTooFar, DisputeWindowTooLong: as they say.
    """
    _check_submit(env, action)
    parameters = env.parameters
    job = Job(
        client=cause.sender,
        coordinator=action.coordinator,
        service=action.service,
        payload_digest=action.payload_digest,
        max_price=action.max_price,
        start_by_ms=action.start_by_ms,
        deadline_ms=action.deadline_ms,
        dispute_ms=action.dispute_ms,
        streamed=action.streamed,
        verification=action.verification,
        share_bp=parameters.coordinator_share_bp,
        # J5: cancelling a job that streams its tokens costs the whole cap.
        cancel_bp=BP_WHOLE if action.streamed else parameters.cancel_bp,
        receipt_grace_ms=env.receipt_grace_ms,
        auto_settle_ms=parameters.auto_settle_ms,
        resolve_ms=parameters.resolve_ms,
        dispute_bond=parameters.dispute_bond,
        attempts_max=parameters.attempts_max,
        state=JobState.QUEUED,
        attempt=0,
        assignment=None,
        receipt=None,
        dispute=None,
    )
    env.state.put(state_key(Table.JOB, cause.transaction_id), job)
    share = (cause.sender, action.max_price)
    env.record(OutcomeKind.JOB_LOCKED, cause.transaction_id, cause.transaction_id, 0, share)


def _check_submit(env: Environment, action: SubmitJob) -> None:
    """Check a submission against coordinators, times and windows (J4, J15)."""
    if env.state.get(state_key(Table.COORDINATOR, action.coordinator)) is None:
        raise CoordinatorUnknown(action.coordinator)
    if not env.now_ms <= action.start_by_ms <= action.deadline_ms:
        raise JobTimesInvalid(env.now_ms, action.start_by_ms, action.deadline_ms)
    latest_ms = env.now_ms + env.parameters.ttl_max_ms
    if action.deadline_ms > latest_ms:
        raise DeadlineTooFar(action.deadline_ms, latest_ms)
    if action.dispute_ms > env.parameters.dispute_max_ms:
        raise DisputeWindowTooLong(action.dispute_ms, env.parameters.dispute_max_ms)
