"""Who calls: the miner that a request names, if it is the caller's."""

from typing import Final

from coordinator.clients.access import require
from coordinator.clients.model import Principal, Scope
from coordinator.core import Core
from coordinator.errors import Forbidden, MinerNotFound
from coordinator.leases.store import CallingMiner
from coordinator.miners.capabilities import Capabilities, read_document
from coordinator.miners.known import KnownMiners
from coordinator.miners.presence import Presence

DOCUMENTS_MAX: Final = 1_000
"""Documents whose meaning is remembered."""


class Callers:
    """Knows the miners that call."""

    def __init__(self, core: Core, presence: Presence) -> None:
        """Stand on the core; every call is a sign of life."""
        self._core = core
        self._presence = presence
        self._miners = KnownMiners(core.database)
        self._read: dict[str, Capabilities] = {}

    async def calling(self, principal: Principal, name: str) -> CallingMiner:
        """Return the miner in whose name a call is made.

        Raises:
            Forbidden: no scope `miner`, or the miner belongs to another (A3).
            MinerNotFound: no miner of this name.
        """
        require(principal, Scope.MINER)
        row = await self._miners.find(name)
        if row is None or row.document is None:
            raise MinerNotFound
        if row.client_id != principal.client_id:
            raise Forbidden("This miner belongs to another key's owner")
        self._presence.seen(row.address, self._core.moments.clock_ms())
        return CallingMiner(row, self._declared(row.document))

    def _declared(self, document: str) -> Capabilities:
        """Return what a document means; a miner calls several times for each job."""
        known = self._read.get(document)
        if known is None:
            if len(self._read) >= DOCUMENTS_MAX:
                self._read.clear()
            known = self._read[document] = read_document(document, self._core.registry)
        return known
