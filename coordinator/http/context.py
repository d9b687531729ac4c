"""What route handlers are given, by the names of their parameters."""

from dataclasses import dataclass
from typing import TypeAlias

from litestar.di import NamedDependency
from litestar.params import SkipValidation

from coordinator.http.admission import Admission
from coordinator.services import Services
from ledger.store import IndexReader


@dataclass(frozen=True, slots=True)
class Context:
    """The services behind the routes."""

    services: Services
    """The coordinator's services."""
    index: IndexReader
    """Final blocks and transactions, for the explorer's arrays."""
    admission: Admission
    """Counts what miners call, once a route knows the miner."""


Given: TypeAlias = NamedDependency[SkipValidation[Context]]
"""Type of the parameter `context` of a handler."""
