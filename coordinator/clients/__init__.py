"""Clients: who calls, keys, scopes."""

from coordinator.clients.model import ClientView, IssuedKey, KeyView, Principal, Scope
from coordinator.clients.service import ClientService

__all__ = ["ClientService", "ClientView", "IssuedKey", "KeyView", "Principal", "Scope"]
