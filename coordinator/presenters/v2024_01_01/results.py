"""The results of a job as version 2024-01-01 shows them (J3)."""

from coordinator.http.times import format_time
from coordinator.jobs import JobView, ResultView
from coordinator.presenters.results import artifact_list
from coordinator.presenters.states import STATUS_2024_01_01
from coordinator.presenters.v2024_01_01.types import JobResults
from coordinator.values import JsonValue
from coordinator.wire import job_text


def results_answer(job: JobView) -> JobResults:
    """Return the results of a completed job."""
    assert job.result is not None, "the service answers only for jobs with a result"
    assert job.completed_ms is not None, "who has a result has completed"
    return JobResults(
        job_id=job_text(job.job_id),
        status=STATUS_2024_01_01[job.phase],
        results=_results(job.result),
        completed_at=format_time(job.completed_ms),
    )


def _results(result: ResultView) -> dict[str, JsonValue]:
    """Return the structured result, else the text; what is no object is its `output`."""
    if isinstance(result.json, dict):
        shown = dict(result.json)
    else:
        shown = {"output": result.text if result.json is None else result.json}
    if result.artifacts:
        # A result that says `artifacts` itself means its own.
        shown.setdefault("artifacts", artifact_list(result.artifacts))
    return shown
