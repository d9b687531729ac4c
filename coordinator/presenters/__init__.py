"""Views of the domain, one per version of the API (decision 11).

A version is added by writing its presenter and naming it in `PRESENTERS`; `ApiVersion` lists the
versions that exist, whether this release serves them or not.
"""

from collections.abc import Mapping
from typing import Final

from coordinator.http.faults import ApiVersionNotServed
from coordinator.presenters.presenter import PageSize, Presenter, Wire
from coordinator.presenters.v2026_01_24 import Presenter20260124
from coordinator.presenters.v2026_05_11 import Presenter20260511
from coordinator.values import ApiVersion

PRESENTERS: Final[Mapping[ApiVersion, Presenter]] = {
    presenter.version: presenter for presenter in (Presenter20260124(), Presenter20260511())
}
"""The versions that this release serves."""

SERVED: Final = tuple(sorted(PRESENTERS))
"""Their dates, oldest first."""


def presenter_of(version: ApiVersion) -> Presenter:
    """Return the presenter of a version.

    Raises:
        ApiVersionNotServed: the version exists, but not in this release.
    """
    presenter = PRESENTERS.get(version)
    if presenter is None:
        raise ApiVersionNotServed(version)
    return presenter


__all__ = ["PRESENTERS", "SERVED", "PageSize", "Presenter", "Wire", "presenter_of"]
