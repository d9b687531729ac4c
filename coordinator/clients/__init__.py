"""Clients: who calls, keys, scopes.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.clients.model import (
    Budget,
    BudgetPeriod,
    ClientView,
    IssuedKey,
    KeyView,
    Principal,
    Scope,
)

__all__ = [
    "Budget",
    "BudgetPeriod",
    "ClientView",
    "IssuedKey",
    "KeyView",
    "Principal",
    "Scope",
]
