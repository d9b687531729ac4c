"""From what a block changed to events: states of jobs before and after, and new receipts."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from coordinator.database.listed import Listed
from coordinator.database.tables import jobs, miners, receipts, results
from coordinator.events.log import record
from coordinator.events.model import EventKind, NewEvent
from coordinator.jobs.model import ENDED_PHASES, JobPhase
from coordinator.jobs.shown import shown_phase
from coordinator.values import JsonValue
from coordinator.webhooks.outbox import JobEnd, enqueue
from coordinator.wire import job_text, receipt_text
from ledger.keys import format_address
from ledger.types import Address, Attempt, Hash, TimestampMs

# Only a result whose digest the receipt holds is the job's result.
_IS_RESULT: Final = (
    (results.c.job_id == receipts.c.job_id)
    & (results.c.attempt == receipts.c.attempt)
    & (results.c.digest == receipts.c.digest)
)

# Built once: to build it takes as long as to run it, and it runs twice for each block.
_SHOWN: Final = Listed(
    lambda job_ids: (
        select(
            jobs.c.job_id,
            jobs.c.client_id,
            jobs.c.phase,
            jobs.c.attempt,
            jobs.c.end_kind,
            jobs.c.requested_ms,
            receipts.c.is_disputed,
            results.c.job_id.label("delivered"),
        )
        .outerjoin(receipts, receipts.c.job_id == jobs.c.job_id)
        .outerjoin(results, _IS_RESULT)
        .where(jobs.c.job_id.in_(job_ids))
    )
)

_NAMES: Final = Listed(
    lambda addresses: select(miners.c.address, miners.c.name).where(miners.c.address.in_(addresses))
)


@dataclass(frozen=True, slots=True)
class ShownState:
    """Where a job is, as its client sees it."""

    client_id: str | None
    """Whose it is; None for a job that did not come through the API."""
    phase: JobPhase
    """Its phase."""
    attempt: Attempt
    """Its current attempt; 0 before the first."""
    requested_ms: TimestampMs
    """When it was accepted."""


def shown_states(connection: Connection, job_ids: Collection[Hash]) -> dict[Hash, ShownState]:
    """Return where jobs are; those that are unknown are left out."""
    return {
        row.job_id: ShownState(
            client_id=row.client_id,
            phase=shown_phase(
                JobPhase(row.phase),
                is_delivered=row.delivered is not None,
                is_disputed=bool(row.is_disputed),
                has_ended=row.end_kind is not None,
            ),
            attempt=row.attempt,
            requested_ms=row.requested_ms,
        )
        for row in _SHOWN.all(connection, job_ids)
    }


class JobChanges:
    """Compares jobs before a change with the same after it, and records what their clients see.

    Both in the transaction of the change. Jobs that did not come through the API are nobody's
    here, and nobody is told of them.
    """

    def __init__(self, connection: Connection, at_ms: TimestampMs) -> None:
        """Begin within a transaction.

        Args:
            connection: the transaction.
            at_ms: when what changes happened.
        """
        self._connection = connection
        self._at_ms = at_ms
        self._before: dict[Hash, ShownState] = {}
        self._receipts: list[tuple[Hash, Hash, Address]] = []

    def before(self, job_ids: Collection[Hash]) -> None:
        """Note where jobs are that may be about to change."""
        missing = set(job_ids) - self._before.keys()
        self._before |= shown_states(self._connection, missing)

    def receipt(self, receipt_id: Hash, job_id: Hash, miner: Address) -> None:
        """Note a receipt that became final."""
        self._receipts.append((receipt_id, job_id, miner))

    def record(self) -> None:
        """Record the events of what changed since `before`."""
        after = shown_states(self._connection, self._before)
        told = [*self._job_events(after), *self._receipt_events()]
        record(self._connection, told)
        enqueue(self._connection, self._ends(after))

    def _ends(self, after: Mapping[Hash, ShownState]) -> list[JobEnd]:
        """Return the jobs that ended by this change, for the webhooks of their clients."""
        return [
            JobEnd(job_id, state.client_id, state.phase, self._at_ms)
            for job_id, state in after.items()
            if state.client_id is not None
            and state.phase in ENDED_PHASES
            and self._before[job_id].phase is not state.phase
        ]

    def _job_events(self, after: Mapping[Hash, ShownState]) -> list[NewEvent]:
        return [
            NewEvent(
                kind=EventKind.JOB_UPDATE,
                at_ms=self._at_ms,
                data={"phase": state.phase.value, "attempt": state.attempt},
                client_id=state.client_id,
                job_id=job_id,
            )
            for job_id, state in after.items()
            if state != self._before[job_id] and state.client_id is not None
        ]

    def _receipt_events(self) -> list[NewEvent]:
        names = self._names({miner for _, _, miner in self._receipts})
        return [
            NewEvent(
                kind=EventKind.RECEIPT_CREATED,
                at_ms=self._at_ms,
                data=_receipt_data(
                    receipt_id, job_id, names.get(miner, "") or format_address(miner)
                ),
                job_id=job_id,
            )
            for receipt_id, job_id, miner in self._receipts
        ]

    def _names(self, addresses: Collection[Address]) -> dict[Address, str]:
        return {row.address: row.name for row in _NAMES.all(self._connection, addresses)}


def _receipt_data(receipt_id: Hash, job_id: Hash, miner: str) -> dict[str, JsonValue]:
    return {"receipt_id": receipt_text(receipt_id), "job_id": job_text(job_id), "miner_id": miner}
