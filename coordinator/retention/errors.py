"""Errors about the content of jobs."""

from coordinator.errors import Conflict


class JobNotFinished(Conflict):
    """The job waits or runs, and its input is needed; cancel it first."""

    code = "JOB_NOT_FINISHED"
