"""Reading all pages of a list."""

from collections.abc import Callable
from typing import Final, TypeVar

from aitbc.exchange import Emit, Flow, Stream
from aitbc.json_values import Answer

PAGE_MAX: Final = 100
"""Most objects on a page."""

_Job = TypeVar("_Job", bound=Answer)


def iterate_jobs_of(page_at: Callable[[int], Flow[Answer]], kind: type[_Job]) -> Stream[_Job]:
    """Emit the jobs of all pages.

    A job that is submitted meanwhile shifts the pages: one that was emitted is not emitted again.

    Args:
        page_at: reads the page after so many jobs; it has ``jobs`` and ``total``.
        kind: type of the jobs.
    """
    seen: set[str] = set()
    offset = 0
    while True:
        page = yield from page_at(offset)
        jobs = page["jobs"]
        for job in jobs:
            assert isinstance(job, kind)
            if job["job_id"] not in seen:
                seen.add(job["job_id"])
                yield Emit(job)
        offset += len(jobs)
        if not jobs or offset >= int(page["total"]):
            return
