"""The phase that a client is shown, which the follower's and the result's tables decide."""

from coordinator.jobs.model import JobPhase


def shown_phase(
    phase: JobPhase, *, is_delivered: bool, is_disputed: bool, has_ended: bool
) -> JobPhase:
    """Return the phase that the client sees.

    A miner sends its receipt to the chain before its result to us (J8). In between the job is
    still running for its client, who reads the result as soon as the job is completed. A receipt
    whose result did not come in time is disputed, and shown as what it is.

    Args:
        phase: as the chain has it.
        is_delivered: whether the result that the receipt commits to came.
        is_disputed: whether the receipt is disputed.
        has_ended: whether the job left the chain's state.
    """
    if phase is not JobPhase.COMPLETED or is_delivered or is_disputed or has_ended:
        return phase
    return JobPhase.RUNNING
