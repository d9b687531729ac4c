"""Views of the domain, one per version of the API (decision 11).

A version is added by writing its presenter and naming it in `PRESENTERS`.
"""

from collections.abc import Mapping
from typing import Final

from coordinator.presenters.presenter import PageSize, Presenter, Wire
from coordinator.presenters.v2024_01_01 import Presenter20240101
from coordinator.presenters.v2026_01_24 import Presenter20260124
from coordinator.presenters.v2026_05_11 import Presenter20260511
from coordinator.values import ApiVersion

PRESENTERS: Final[Mapping[ApiVersion, Presenter]] = {
    presenter.version: presenter
    for presenter in (Presenter20240101(), Presenter20260124(), Presenter20260511())
}
"""The presenters of all versions."""

SERVED: Final = tuple(sorted(PRESENTERS))
"""Their dates, oldest first."""


def presenter_of(version: ApiVersion) -> Presenter:
    """Return the presenter of a version."""
    return PRESENTERS[version]


__all__ = ["PRESENTERS", "SERVED", "PageSize", "Presenter", "Wire", "presenter_of"]
