"""Which models registered miners answer for (S3)."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from coordinator.chat.errors import ModelNotFound
from coordinator.chat.model import ModelView
from coordinator.database import Database
from coordinator.leases.roster import Member, Roster
from coordinator.presenters.specs import LLM

MODELS_MAX: Final = 10_000
"""Names that are listed."""


@dataclass(slots=True)
class _Offers:
    """Miners that answer for a name."""

    miners: int = 0
    since_ms: int = 2**63
    targets: set[str] = field(default_factory=set)


class Models:
    """Knows the models that can be asked for."""

    def __init__(self, database: Database, roster: Roster) -> None:
        """Read registered miners."""
        self._database = database
        self._roster = roster

    async def list(self) -> list[ModelView]:
        """Return the names that miners declare: models and aliases, in their order."""
        offers: defaultdict[str, _Offers] = defaultdict(_Offers)
        for member in await self._members():
            for name, target in _names(member):
                offer = offers[name]
                offer.miners += 1
                offer.since_ms = min(offer.since_ms, member.registered_ms)
                offer.targets.add(target)
        return [_view(name, offers[name]) for name in sorted(offers)[:MODELS_MAX]]

    async def get(self, name: str) -> ModelView:
        """Return a name.

        Raises:
            ModelNotFound: no miner declares it.
        """
        for model in await self.list():
            if model.name == name:
                return model
        raise ModelNotFound(name)

    async def check(self, name: str) -> None:
        """Check that a miner answers for a name; one that declares no model answers for any.

        Raises:
            ModelNotFound: none does.
        """
        members = await self._members()
        if all(member.declared.model_for(name) is None for member in members):
            raise ModelNotFound(name)

    async def _members(self) -> Sequence[Member]:
        members = await self._database.read(self._roster.members)
        return [
            member
            for member in members
            if LLM in member.declared.services and not member.is_draining
        ]


def _names(member: Member) -> Iterator[tuple[str, str]]:
    """Yield the names that a miner answers for, each with the model that runs."""
    declared = member.declared
    for name in declared.models:
        yield name, name
    for alias, target in declared.aliases.items():
        if alias not in declared.models and declared.model_for(alias) is not None:
            yield alias, target


def _view(name: str, offer: _Offers) -> ModelView:
    # Where miners run different models under one name, none of them can be promised.
    only = next(iter(offer.targets)) if len(offer.targets) == 1 else name
    return ModelView(
        name=name,
        alias_of=None if only == name else only,
        miners=offer.miners,
        since_ms=offer.since_ms,
    )
