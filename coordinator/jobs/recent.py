"""Views of jobs that were read since the tables last changed, for who asks again and again.

To hand a read to a thread and back costs more than the read, and that more than the rest of an
answer. What is kept here is exactly what a read would find: nothing of it outlives a write.
"""

from typing import Final

from coordinator.jobs.model import JobView
from ledger.types import Hash

KEPT_MAX: Final = 1_024
"""Views that are kept; beyond them all are forgotten, and read again as they are asked for."""

CONTENT_BYTES_MAX: Final = 16_384
"""Payload and result of a view that is kept; larger ones are read each time."""


class RecentViews:
    """Views by client and job, all of one version of the tables. For one event loop.

    Versions are `Database.version`: None is a moment at which nothing is known.
    """

    def __init__(self) -> None:
        """Begin with nothing kept."""
        self._version: int | None = None
        self._views: dict[tuple[str, Hash], JobView] = {}

    def find(self, version: int | None, client_id: str, job_id: Hash) -> JobView | None:
        """Return what the client was shown of a job, None if that may be otherwise by now."""
        if version != self._version:
            self._views.clear()
            self._version = version
        return self._views.get((client_id, job_id))

    def keep(self, version: int | None, client_id: str, view: JobView) -> None:
        """Keep what a client is shown, if nothing was written since.

        Args:
            version: as it was before the view was read.
            client_id: whose job it is.
            view: small, and without what depends on the time or on other jobs.
        """
        if version is None or version != self._version:
            return
        if len(self._views) >= KEPT_MAX:
            self._views.clear()
        self._views[client_id, view.job_id] = view
