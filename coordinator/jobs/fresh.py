"""The view of a job that was stored a moment ago, made of what was stored: nothing is read."""

from dataclasses import dataclass, replace

import msgspec

from coordinator.database import Database
from coordinator.jobs.model import JobPhase, JobView
from coordinator.jobs.store import NewJob
from coordinator.jobs.views import JobViews
from coordinator.jobs.waiting import WaitingReasons
from coordinator.leases.matching import Needs
from ledger.types import Height


@dataclass(frozen=True, slots=True)
class Stored:
    """A job that this call stored."""

    job: NewJob
    """What was stored."""
    as_of_height: Height
    """A final block before which nobody was sent the job's escrow: the job is in none up to it."""


class FreshViews:
    """Makes views of new jobs. To be used from one event loop."""

    def __init__(self, database: Database, views: JobViews, reasons: WaitingReasons) -> None:
        """Stand on the parts."""
        self._database = database
        self._views = views
        self._reasons = reasons

    async def of(self, stored: Stored) -> JobView:
        """Return what a read finds of a job before any block changes it."""
        job, spec = stored.job, stored.job.spec
        usual_ms = self._views.known_usual_ms(spec.service, spec.model)
        if usual_ms is None:
            usual_ms = await self._database.read(
                lambda c: self._views.usual_ms(c, spec.service, spec.model)
            )
        # As it is stored: its members are in the canonical order.
        payload = msgspec.json.decode(job.payload)
        return JobView(
            job_id=job.job_id,
            client=job.client,
            spec=replace(
                spec,
                input=payload["input"],
                params=payload["params"],
                shown_type=spec.shown_type or spec.service,
            ),
            phase=JobPhase.ACCEPTED,
            requested_ms=job.requested_ms,
            expires_ms=job.terms.deadline_ms,
            estimated_completion_ms=job.requested_ms + usual_ms,
            attempt=0,
            miner=None,
            started_ms=None,
            progress=None,
            completed_ms=None,
            ended_ms=None,
            error=None,
            result=None,
            receipt_id=None,
            payment=None,
            as_of_height=stored.as_of_height,
            eligibility=await self._reasons.of(Needs.of_spec(spec, job.terms.max_price)),
        )
