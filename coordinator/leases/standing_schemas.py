"""Types on the wire of how miners stand."""

from typing import Literal

from coordinator.http.times import format_time
from coordinator.leases.schemas import MinerId
from coordinator.leases.standing import MinerStanding
from coordinator.wire import Body, TimeText, View, job_text


class MinerHeartbeatRequest(Body, kw_only=True, frozen=True):
    """A miner says that it is there."""

    miner_id: MinerId
    """Who."""


class DrainRequest(Body, kw_only=True, frozen=True):
    """A miner takes no further jobs, or takes jobs again."""

    miner_id: MinerId
    """Who."""
    draining: bool = True
    """Whether it takes no further jobs."""


class HeldJob(View, kw_only=True, frozen=True):
    """A job that a miner holds."""

    job_id: str
    """The job."""
    attempt: int
    """The attempt."""
    lease_expires_at: TimeText
    """Until then nobody but the miner ends the attempt."""
    heartbeat_by: TimeText | None
    """When the attempt's next heartbeat is due; null if it sends none."""


class MinerState(View, kw_only=True, frozen=True):
    """How a miner stands."""

    miner_id: str
    """Its name."""
    status: Literal["active", "draining", "retired"]
    """Whether it takes jobs."""
    jobs: list[HeldJob]
    """Jobs that it holds, oldest first."""
    jobs_max: int
    """Jobs that it may hold at a time."""


def miner_state(standing: MinerStanding) -> MinerState:
    """Return how a miner stands."""
    status: Literal["active", "draining", "retired"] = "active"
    if not standing.is_active:
        status = "retired"
    elif standing.is_draining:
        status = "draining"
    return MinerState(
        miner_id=standing.name,
        status=status,
        jobs=[
            HeldJob(
                job_id=job_text(lease.job_id),
                attempt=lease.attempt,
                lease_expires_at=format_time(lease.lease_end_ms),
                heartbeat_by=(
                    None if lease.heartbeat_by_ms is None else format_time(lease.heartbeat_by_ms)
                ),
            )
            for lease in standing.leases
        ],
        jobs_max=standing.leases_max,
    )
