"""How a miner stands: what it holds, and whether it takes more."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from coordinator.clients.model import Principal
from coordinator.core import Core
from coordinator.database.tables import attempts, jobs, miners
from coordinator.leases.calling import Callers
from coordinator.leases.phase import AttemptPhase
from coordinator.leases.store import CallingMiner
from coordinator.miners.store import change
from ledger.types import Attempt, Hash, TimestampMs


@dataclass(frozen=True, slots=True)
class HeldLease:
    """A job that a miner holds."""

    job_id: Hash
    """The job."""
    attempt: Attempt
    """The attempt."""
    lease_end_ms: TimestampMs
    """Until then nobody but the miner ends the attempt (J8)."""
    heartbeat_by_ms: TimestampMs | None
    """When the attempt's next heartbeat is due; None if it sends none."""


@dataclass(frozen=True, slots=True)
class MinerStanding:
    """How a miner stands."""

    name: str
    """Its name."""
    is_active: bool
    """Whether the chain has it registered."""
    is_draining: bool
    """Whether it asked for no further jobs."""
    leases: tuple[HeldLease, ...]
    """What it holds, oldest first."""
    leases_max: int
    """Jobs that it may hold at a time."""


class MinerStandings:
    """Tells miners how they stand, and lets them drain."""

    def __init__(self, core: Core, callers: Callers) -> None:
        """Stand on the core."""
        self._core = core
        self._callers = callers

    async def heartbeat(self, principal: Principal, miner: str) -> MinerStanding:
        """Note that a miner is there; its leases are kept by heartbeats of their own.

        Raises:
            Forbidden, MinerNotFound: see `Callers.calling`.
        """
        caller = await self._callers.calling(principal, miner)
        return await self._core.database.read(lambda c: self._standing(c, caller))

    async def drain(self, principal: Principal, miner: str, *, is_draining: bool) -> MinerStanding:
        """Let a miner take no further jobs, or take jobs again; it keeps what it holds.

        It drains on after a restart of either side. Registering again ends it.

        Raises:
            Forbidden, MinerNotFound: see `Callers.calling`.
        """
        caller = await self._callers.calling(principal, miner)

        def note(connection: Connection) -> MinerStanding:
            change(connection, caller.address, is_draining=is_draining)
            return self._standing(connection, caller)

        standing = await self._core.database.write(note)
        # Polls under way look again.
        self._core.follower.queue.fire()
        return standing

    def _standing(self, connection: Connection, caller: CallingMiner) -> MinerStanding:
        row = connection.execute(select(miners).where(miners.c.address == caller.address)).one()
        held = (
            select(attempts)
            .join(jobs, jobs.c.job_id == attempts.c.job_id)
            .where(attempts.c.miner == caller.address, attempts.c.phase == AttemptPhase.LIVE.value)
            .order_by(attempts.c.claimed_ms, attempts.c.assignment_id)
        )
        return MinerStanding(
            name=row.name,
            is_active=row.is_active,
            is_draining=row.is_draining,
            leases=tuple(
                HeldLease(
                    lease.job_id,
                    lease.attempt,
                    lease.lease_end_ms,
                    lease.heartbeat_by_ms if lease.has_heartbeats else None,
                )
                for lease in connection.execute(held)
            ),
            leases_max=self._core.config.timings.leases_per_miner_max,
        )
