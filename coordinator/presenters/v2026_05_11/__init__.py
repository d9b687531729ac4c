"""Version 2026-05-11: document 003."""

from coordinator.presenters.v2026_05_11.presenter import (
    Presenter20260511,
    payment_view,
    result_answer,
)
from coordinator.presenters.v2026_05_11.types import Payment, ResultAnswer

__all__ = ["Payment", "Presenter20260511", "ResultAnswer", "payment_view", "result_answer"]
