"""Who is connected, who may be, and which of two connections to one key is kept."""

from typing import Final

from ledger.types import PublicKey
from node.p2p.config import Limits
from node.p2p.errors import AlreadyConnected, KeyBanned, NoSlot
from node.p2p.link import Link, Proved
from node.p2p.peer import Role

BANS_MAX: Final = 10_000
"""Keys that are banned at a time. A key costs nothing, so the oldest ban goes first."""


def keeps_newcomer(own_key: PublicKey, existing: Proved, newcomer: Proved) -> bool:
    """Return whether a second connection to a key takes the first one's place.

    Both ends come to the same answer. A peer whose process was started again has lost the first
    connection; so has a dialler that dials once more. When both ends dialled at the same time, the
    connection that the smaller key dialled stays.
    """
    if existing.process != newcomer.process or existing.is_outbound == newcomer.is_outbound:
        return True
    return newcomer.is_outbound == (own_key < newcomer.key)


class Roster:
    """The connected peers, at most one for each key, and the banned keys."""

    def __init__(self, own_key: PublicKey, limits: Limits, expected: frozenset[PublicKey]) -> None:
        """Begin with nobody.

        Args:
            own_key: this node's.
            limits: how many may connect.
            expected: keys that the operator named; slots do not run out for them.
        """
        self._own_key = own_key
        self._limits = limits
        self._expected = expected
        self._links: dict[PublicKey, Link] = {}
        self._banned: dict[PublicKey, int] = {}
        self.validators: frozenset[PublicKey] = frozenset()
        """Keys that count as validators."""

    def links(self) -> tuple[Link, ...]:
        """Return the connected peers."""
        return tuple(link for link in self._links.values() if link.ended is None)

    def get(self, key: PublicKey) -> Link | None:
        """Return the link to a key; its end may be under way."""
        return self._links.get(key)

    def is_validator(self, key: PublicKey) -> bool:
        """Return whether a key counts as a validator now."""
        return key in self.validators

    def is_guest(self, proved: Proved) -> bool:
        """Return whether a peer is a guest: it dialled, is no validator now, and nobody named it.

        Anybody can be one. Guests share what validators, expected keys and own dials leave.
        """
        is_validator = proved.role is Role.VALIDATOR and proved.key in self.validators
        return not (proved.is_outbound or is_validator or proved.key in self._expected)

    def check(self, newcomer: Proved, now_ms: int) -> Link | None:
        """Decide about a peer that proved its key.

        Returns:
            The link whose place it takes, if there is one; the caller ends it.

        Raises:
            KeyBanned: it was banned, and is still.
            AlreadyConnected: another connection to this key is kept.
            NoSlot: there are enough followers, or enough from its neighbourhood.
        """
        if self.is_banned(newcomer.key, now_ms):
            raise KeyBanned("it did something provably wrong; the ban ends by itself")
        existing = self._links.get(newcomer.key)
        if existing is None:
            self._check_slots(newcomer)
        elif existing.ended is None and not keeps_newcomer(
            self._own_key, existing.proved, newcomer
        ):
            raise AlreadyConnected(newcomer.key)
        return existing

    def put(self, link: Link) -> None:
        """Add a link that `check` let in."""
        self._links[link.key] = link

    def remove(self, link: Link) -> None:
        """Remove a link, unless another one took its place."""
        if self._links.get(link.key) is link:
            del self._links[link.key]

    def ban(self, key: PublicKey, now_ms: int) -> None:
        """Refuse a key for a while."""
        self._banned.pop(key, None)
        self._banned[key] = now_ms + self._limits.ban_ms
        while len(self._banned) > BANS_MAX:
            del self._banned[next(iter(self._banned))]

    def is_banned(self, key: PublicKey, now_ms: int) -> bool:
        """Return whether a key is refused now."""
        until_ms = self._banned.get(key)
        if until_ms is None:
            return False
        if until_ms <= now_ms:
            del self._banned[key]
            return False
        return True

    def heaviest(self, received_bytes: int) -> Link | None:
        """Return who has to go because peers make this node hold too much, if they do.

        Guests go first, but not for what validators that do not read make this node hold.

        Args:
            received_bytes: held of all connections, proved or not.
        """
        links, limit = self.links(), self._limits.held_bytes_max
        if received_bytes + sum(link.queue_bytes for link in links) <= limit:
            return None
        guests = [link for link in links if link.is_guest]
        are_guests_much = 2 * sum(link.held_bytes for link in guests) > limit
        return max(
            guests if are_guests_much else links, key=lambda link: link.held_bytes, default=None
        )

    def _check_slots(self, newcomer: Proved) -> None:
        if not self.is_guest(newcomer):
            return
        limits = self._limits
        guests = [link.proved for link in self.links() if self.is_guest(link.proved)]
        near = sum(proved.neighbourhood == newcomer.neighbourhood for proved in guests)
        if len(guests) >= limits.guests_max:
            raise NoSlot(f"{len(guests)} followers are connected")
        if near >= limits.guests_per_address_max:
            raise NoSlot(f"{near} followers are connected from {newcomer.neighbourhood}")
