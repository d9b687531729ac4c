"""The registered miners, and which of them could be given a job."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from coordinator.database.prepared import Prepared
from coordinator.database.tables import miners
from coordinator.jobs.model import Eligibility
from coordinator.leases.matching import Exclusion, Needs, exclusion_of
from coordinator.miners.capabilities import Capabilities, read_document
from coordinator.registry import ServiceRegistry
from ledger.types import Address, TimestampMs

_REGISTERED: Final = Prepared(
    select(miners.c.address, miners.c.document, miners.c.is_draining, miners.c.registered_ms).where(
        miners.c.is_active, miners.c.document.is_not(None)
    )
)


@dataclass(frozen=True, slots=True)
class Member:
    """A registered miner."""

    address: Address
    """Its address."""
    declared: Capabilities
    """What it takes."""
    is_draining: bool
    """Whether it takes no further jobs."""
    registered_ms: TimestampMs
    """When it registered."""


class Roster:
    """Reads the registered miners; safe to use from several threads."""

    def __init__(self, registry: ServiceRegistry) -> None:
        """Begin with no document read."""
        self._registry = registry
        self._read: dict[str, Capabilities] = {}

    def members(self, connection: Connection) -> Sequence[Member]:
        """Return the miners that are registered; documents that were read before are not again."""
        rows = _REGISTERED.all(connection)
        known = self._read
        read = {
            row.document: known.get(row.document) or read_document(row.document, self._registry)
            for row in rows
        }
        # What no miner declares any more is forgotten.
        self._read = read
        return [
            Member(row.address, read[row.document], row.is_draining, row.registered_ms)
            for row in rows
        ]

    def fitting(self, connection: Connection, needs: Needs) -> tuple[Sequence[Member], Eligibility]:
        """Return the miners that could be given a job, and why the others could not."""
        return self.among(self.members(connection), needs)

    def among(
        self, members: Sequence[Member], needs: Needs
    ) -> tuple[Sequence[Member], Eligibility]:
        """Return those of some miners that could be given a job, and why the others could not."""
        has_model = self._registry.get(needs.service).has_model
        fitting: list[Member] = []
        excluded: Counter[str] = Counter()
        for member in members:
            exclusion = exclusion_of(needs, member.declared, has_model=has_model)
            if exclusion is None and member.is_draining:
                exclusion = Exclusion.MINER_DRAINING
            if exclusion is None:
                fitting.append(member)
            else:
                excluded[exclusion.value] += 1
        eligibility = Eligibility(
            registered=len(members),
            eligible=len(fitting),
            exclusions=dict(sorted(excluded.items())),
        )
        return fitting, eligibility
