"""Jobs, version 2024-01-01: statuses in lower case, results as the program made them.

Members that may be absent are declared with ``| None``.
"""

from typing import Any

from aitbc.json_values import Answer


class NewJob(Answer):
    """A job that was created, version 2024-01-01."""

    job_id: str
    """Its id."""
    status: str
    """submitted."""
    created_at: str
    """When it was created, RFC 3339."""
    estimated_completion: str
    """When jobs like it are usually done."""


class JobStatus(Answer):
    """Where a job is, version 2024-01-01."""

    job_id: str
    """Its id."""
    status: str
    """submitted, running, completed, failed or cancelled."""
    created_at: str
    """When it was created."""
    progress: int | None
    """Per cent, once it runs."""
    started_at: str | None
    """When the current attempt began."""
    estimated_completion: str | None
    """When jobs like it are usually done."""
    miner_id: str | None
    """Miner of the current attempt."""
    error: str | None
    """Why it ended without a result."""
    type: str | None
    """Its type as it was given, in lists."""


class JobStatusPage(Answer):
    """A page of jobs, version 2024-01-01."""

    jobs: list[JobStatus]
    """The jobs, newest first."""
    total: int
    """How many there are in all."""
    limit: int
    """Most on a page."""
    offset: int
    """How many were skipped."""


class JobCancellation(Answer):
    """A job that was cancelled, version 2024-01-01."""

    job_id: str
    """Its id."""
    status: str
    """cancelled."""
    cancelled_at: str
    """When that was final."""


class JobResults(Answer):
    """Results of a completed job, version 2024-01-01."""

    job_id: str
    """The job."""
    status: str
    """completed."""
    results: dict[str, Any]
    """What was produced; its keys are the program's own."""
    completed_at: str
    """When it was completed."""
