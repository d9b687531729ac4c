"""Version 2026-01-24: documents 002 (OpenAPI) and 004 (tutorial)."""

from coordinator.presenters.v2026_01_24.presenter import Presenter20260124
from coordinator.presenters.v2026_01_24.types import Receipt

__all__ = ["Presenter20260124", "Receipt"]
