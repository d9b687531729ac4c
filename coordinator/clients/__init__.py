"""Clients: who calls, keys, scopes.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.clients.model import ClientView, IssuedKey, KeyView, Principal, Scope

__all__ = ["ClientView", "IssuedKey", "KeyView", "Principal", "Scope"]
