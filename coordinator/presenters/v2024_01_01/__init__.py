"""Version 2024-01-01: document 000."""

from coordinator.presenters.v2024_01_01.presenter import Presenter20240101
from coordinator.presenters.v2024_01_01.results import results_answer
from coordinator.presenters.v2024_01_01.types import JobResults

__all__ = ["JobResults", "Presenter20240101", "results_answer"]
