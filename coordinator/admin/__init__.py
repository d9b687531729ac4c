"""The operator's side: whether what must hold holds."""

from coordinator.admin.schemas import Invariant, Invariants

__all__ = ["Invariant", "Invariants"]
