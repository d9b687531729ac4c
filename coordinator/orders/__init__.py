"""Orders of one service each: a flat body of the service's own makes a job (S5)."""

from coordinator.orders.bodies import order_spec

__all__ = ["order_spec"]
