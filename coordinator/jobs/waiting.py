"""Why a job waits, told without a look at the table of miners while nobody writes to that."""

from collections.abc import Sequence
from typing import Final

from coordinator.database import Database
from coordinator.jobs.model import Eligibility
from coordinator.leases.matching import Needs
from coordinator.leases.roster import Member, Roster
from coordinator.miners.store import MINERS

KNOWN_MAX: Final = 1_000
"""Needs whose answer is remembered; beyond them all are forgotten, and found again."""


class WaitingReasons:
    """Counts for jobs the miners that could take them. To be used from one event loop."""

    def __init__(self, database: Database, roster: Roster) -> None:
        """Begin with nothing known."""
        self._database = database
        self._roster = roster
        self._version: int | None = None
        self._members: Sequence[Member] = ()
        self._found: dict[Needs, Eligibility] = {}

    async def of(self, needs: Needs) -> Eligibility:
        """Return how many miners could be given a job, and what keeps it from the others."""
        version = self._database.version_of(MINERS)
        if version is None or version != self._version:
            members = await self._database.read(self._roster.members)
            if version is None:
                return self._among(members, needs)
            self._version, self._members, self._found = version, members, {}
        found = self._found.get(needs)
        if found is None:
            if len(self._found) >= KNOWN_MAX:
                self._found.clear()
            found = self._found[needs] = self._among(self._members, needs)
        return found

    def _among(self, members: Sequence[Member], needs: Needs) -> Eligibility:
        _, eligibility = self._roster.among(members, needs)
        return eligibility
