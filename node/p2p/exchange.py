"""Peer exchange: which records this node tells, takes and dials."""

from ledger.hashing import Tags, sha256
from ledger.types import PublicKey
from node.p2p.addresses import KnownEndpoint
from node.p2p.link import Link
from node.p2p.messages import PeerRecord, PeerRecords
from node.p2p.peer import NodeIdentity
from node.p2p.records import RecordBook
from node.ports import Clock


class AddressExchange:
    """The records of a node, and the limits on what a peer can do with them."""

    def __init__(
        self, identity: NodeIdentity, tags: Tags, advertise: str | None, clock: Clock
    ) -> None:
        """Begin with no record but one's own, once `renew` is called.

        Args:
            identity: who this node is.
            tags: of its chain.
            advertise: see `P2PConfig`.
            clock: for issue, expiry and rates.

        Raises:
            AddressInvalid: `advertise` cannot be dialled.
        """
        self._book = RecordBook(identity, tags, advertise)
        self._own_key = identity.keys.public_key
        self._clock = clock

    def set_validators(self, keys: frozenset[PublicKey]) -> None:
        """Keep the records of these, and take records of no others."""
        self._book.set_validators(keys)

    def renew(self) -> bool:
        """Issue this node's own record anew if it is time; return whether it did."""
        return self._book.renew(self._clock.wall_ms()) is not None

    def current(self) -> tuple[PeerRecord, ...]:
        """Return what a peer is told."""
        return self._book.current(self._clock.wall_ms())

    def learn(self, link: Link, message: PeerRecords) -> tuple[PeerRecord, ...]:
        """Take records; return those that are news, to be passed on.

        Raises:
            RecordForged: a record is not its validator's.
        """
        if not link.records_rate.try_take(1, self._clock.monotonic_ms()):
            return ()
        now_ms = self._clock.wall_ms()
        return tuple(record for record in message.records if self._book.learn(record, now_ms))

    def places(self) -> list[KnownEndpoint]:
        """Return where validators can be dialled, in an order of this node's own.

        Followers dial the first few; each follower has others in front.
        """

        def rank(place: KnownEndpoint) -> bytes:
            assert place.key is not None
            return sha256(self._own_key + place.key)

        return sorted(self._book.places(self._clock.wall_ms()), key=rank)
