"""Authorities who change their set by ballot while the chain is disturbed (E6, E2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from devnet.simulator.people import key_of, payout_key, validator_key
from devnet.simulator.schedule import MS
from ledger.actions import CastVote
from ledger.motions import AddAuthority, IssueUnits, Motion, RemoveAuthority, prove_possession
from ledger.types import Hash

if TYPE_CHECKING:
    from devnet.simulator.machine import Machine
    from devnet.simulator.workload import Workload
    from devnet.simulator.world import World

LOOK_MS: Final = 200
"""How often an authority looks whether a ballot is final, to vote on it."""

LOOKS_MAX: Final = 60
"""Looks before an authority gives up."""

ISSUED: Final = 12_345
"""Units of a motion to issue some."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Something that all authorities vote for."""

    at_ms: int
    """When one of them opens the ballot."""
    verb: str
    """``add``, ``remove`` or ``issue``."""
    member: int
    """Whom it is about; for ``issue``, who opens the ballot."""

    def __str__(self) -> str:
        """Return it in words."""
        whom = "units" if self.verb == "issue" else f"member {self.member}"
        return f"{self.at_ms:6} ms  a ballot to {self.verb} {whom}"


class Council:
    """All authorities, of one mind."""

    def __init__(
        self, world: World, workload: Workload, honest: list[Machine], size: int, first: int
    ) -> None:
        """Prepare.

        Args:
            world: the simulation.
            workload: signs and sends.
            honest: machines that may be asked for the final state.
            size: how many there are, those who are in no set yet included.
            first: how many of them are in the first set.
        """
        self._world = world
        self._workload = workload
        self._honest = honest
        self._size = size
        self._first = first
        self._chance = world.chance("council")

    def plan(self, wishes: tuple[Wish, ...]) -> None:
        """Have ballots opened at their times."""
        for wish in wishes:
            self._world.schedule.at(wish.at_ms * MS, self._open, wish)

    def _open(self, wish: Wish) -> None:
        opener = wish.member if wish.verb == "issue" else (wish.member + 1) % self._first
        action = CastVote(None, self._motion(wish), True)
        ballot_id = self._workload.send(validator_key(opener), action)
        for member in range(self._size):
            if member != opener:
                self._look(ballot_id, member, LOOKS_MAX)

    def _motion(self, wish: Wish) -> Motion:
        key, name = validator_key(wish.member), f"v{wish.member}"
        payout = payout_key(wish.member).address
        match wish.verb:
            case "add":
                proof = prove_possession(self._world.genesis.tags, key, name, payout)
                return AddAuthority(key.public_key, name, payout, proof)
            case "remove":
                return RemoveAuthority(key.public_key)
            case _:
                return IssueUnits(key_of("client-0").address, ISSUED)

    def _look(self, ballot_id: Hash, member: int, looks: int) -> None:
        """Vote once the ballot is final on some node that is asked, or look again."""
        processes = [machine.process for machine in self._honest if machine.process is not None]
        process = self._chance.choice(processes) if processes else None
        key = validator_key(member).public_key
        if process is not None and process.has_ballot(ballot_id, key):
            action = CastVote(ballot_id, None, True)
            self._workload.send(validator_key(member), action)
        elif looks:
            delay_us = self._chance.randrange(LOOK_MS * MS // 2, LOOK_MS * MS)
            self._world.schedule.after(delay_us, self._look, ballot_id, member, looks - 1)
