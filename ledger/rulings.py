"""A dispute's ruling: what a ballot of the authorities does to a job (J3, J13).

The row RESOLVE of the job table, whose actor is a ballot and not a signer. `ledger.decisions` calls
`check_ruling` before a ballot opens, and `rule_dispute` when it has passed. A job is disputed once
at most, so that its id names the dispute.
"""

from ledger.environment import Environment
from ledger.job_steps import JobCall, Ruling
from ledger.jobs import Row, Step, check_time, find_job, step_of
from ledger.records import Job
from ledger.types import Hash


def check_ruling(env: Environment, job_id: Hash) -> None:
    """Check that a ruling on a job would be carried out in this block.

    Raises:
        JobUnknown: the job is not live, or not any more.
        NotDisputed: it is, but nobody disputes its receipt.
        DeadlinePassed: the time for rulings is over; the sweep ends the dispute (J16).
    """
    _find_dispute(env, job_id)


def rule_dispute(env: Environment, cause: bytes, job_id: Hash, *, for_miner: bool) -> None:
    """Settle or refund a disputed job; the bond of a client's dispute is the winner's.

    Args:
        env: the block in execution.
        cause: id of the transaction that made the ballot pass; empty where none did.
        job_id: the job.
        for_miner: whether the receipt is paid.

    Raises:
        JobUnknown, NotDisputed, DeadlinePassed: as `check_ruling`; nothing has changed then.
    """
    job, step = _find_dispute(env, job_id)
    step.apply(JobCall(env, cause, b"", job_id, job, Ruling(for_miner)))


def _find_dispute(env: Environment, job_id: Hash) -> tuple[Job, Step]:
    job = find_job(env.state, job_id)
    step = step_of(Row.RESOLVE, job_id, job)
    check_time(job, env.now_ms, env.state.gap, step)
    return job, step
