"""Types on the wire of deletions."""

from coordinator.http.times import format_time
from coordinator.retention.model import Forgotten
from coordinator.wire import TimeText, View, artifact_text, job_text


class DeletedData(View, kw_only=True, frozen=True):
    """What was deleted of a job. What the chain holds, digests and money, stays for ever."""

    job_id: str
    """The job."""
    deleted_at: TimeText
    """When."""
    had_input: bool
    """Whether its input was still kept."""
    had_result: bool
    """Whether its result was."""
    artifacts: list[str]
    """Files that only this job named, and nobody else keeps."""


def deleted_view(done: Forgotten) -> DeletedData:
    """Return what a deletion did."""
    return DeletedData(
        job_id=job_text(done.job_id),
        deleted_at=format_time(done.deleted_ms),
        had_input=done.had_input,
        had_result=done.had_result,
        artifacts=[artifact_text(digest) for digest in done.artifacts],
    )
