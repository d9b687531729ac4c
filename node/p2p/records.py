"""Addresses of validators, in their own signed words, as far as this node knows them."""

from dataclasses import dataclass
from typing import Final

import msgspec

from ledger.codec import encode
from ledger.hashing import Purpose, Tags
from ledger.keys import verify
from ledger.types import PublicKey, TimestampMs
from node.p2p.addresses import AddressInvalid, KnownEndpoint, parse_endpoint
from node.p2p.errors import RecordForged, short
from node.p2p.hello import CLOCK_DIFFERENCE_MS_MAX
from node.p2p.messages import HostAndPort, PeerRecord
from node.p2p.peer import NodeIdentity, Role

RECORD_MS: Final = 86_400_000
"""A record counts for a day; a validator that moved away is not dialled for ever."""

RENEW_MS: Final = 3_600_000
"""A validator issues its record anew every hour, so that nobody misses it for long."""


class RecordStatement(
    msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True
):
    """What a record's signature is over, behind tag("peer-record")."""

    key: PublicKey
    """The validator's key."""
    address: HostAndPort
    """Where it listens."""
    issued_ms: TimestampMs
    """When it said so."""
    expires_ms: TimestampMs
    """When that stops to count (T6)."""


@dataclass(frozen=True, slots=True)
class _Known:
    record: PeerRecord
    place: KnownEndpoint


class RecordBook:
    """The newest record of each current validator."""

    def __init__(self, identity: NodeIdentity, tags: Tags, advertise: str | None) -> None:
        """Begin empty.

        Args:
            identity: who this node is.
            tags: of its chain.
            advertise: ``host:port`` of this node for its own record; None for no record.

        Raises:
            AddressInvalid: `advertise` cannot be dialled.
        """
        self._identity = identity
        self._tags = tags
        self._advertise = str(parse_endpoint(advertise)) if advertise is not None else None
        self._own: PeerRecord | None = None
        self._known: dict[PublicKey, _Known] = {}
        self._validators: frozenset[PublicKey] = frozenset()

    def set_validators(self, keys: frozenset[PublicKey]) -> None:
        """Forget everybody else."""
        self._validators = keys
        self._known = {key: known for key, known in self._known.items() if key in keys}

    def renew(self, now_ms: TimestampMs) -> PeerRecord | None:
        """Issue this node's own record if it is time; return it if so."""
        keys = self._identity.keys
        if self._advertise is None or self._identity.role is not Role.VALIDATOR:
            return None
        last_ms = self._own.issued_ms if self._own else 0
        # A clock that was set back must not stop it: others keep the record that is later.
        if self._own is not None and last_ms <= now_ms < last_ms + RENEW_MS:
            return None
        issued_ms = max(now_ms, last_ms + 1)
        statement = RecordStatement(
            keys.public_key, self._advertise, issued_ms, issued_ms + RECORD_MS
        )
        signature = keys.sign(_signed_bytes(self._tags, statement))
        self._own = PeerRecord(
            statement.key, statement.address, statement.issued_ms, statement.expires_ms, signature
        )
        return self._own

    def learn(self, record: PeerRecord, now_ms: TimestampMs) -> bool:
        """Take a record from a peer; return whether it is news.

        Raises:
            RecordForged: the signature is not the named key's.
        """
        if not self._is_wanted(record, now_ms):
            return False
        try:
            endpoint = parse_endpoint(record.address)
        except AddressInvalid:
            return False
        statement = RecordStatement(record.key, record.address, record.issued_ms, record.expires_ms)
        if not verify(record.key, _signed_bytes(self._tags, statement), record.signature):
            raise RecordForged(f"a record of {short(record.key)} has another's signature")
        self._known[record.key] = _Known(record, KnownEndpoint(endpoint, record.key))
        return True

    def current(self, now_ms: TimestampMs) -> tuple[PeerRecord, ...]:
        """Return all records that count, this node's own included."""
        own = (self._own,) if self._own else ()
        known = (known.record for known in self._known.values())
        return tuple(record for record in (*own, *known) if record.expires_ms > now_ms)

    def places(self, now_ms: TimestampMs) -> list[KnownEndpoint]:
        """Return where other validators can be dialled."""
        return [known.place for known in self._known.values() if known.record.expires_ms > now_ms]

    def _is_wanted(self, record: PeerRecord, now_ms: TimestampMs) -> bool:
        known = self._known.get(record.key)
        return (
            record.key in self._validators
            and record.key != self._identity.keys.public_key
            and (known is None or record.issued_ms > known.record.issued_ms)
            and record.issued_ms <= now_ms + CLOCK_DIFFERENCE_MS_MAX
            and now_ms < record.expires_ms <= record.issued_ms + RECORD_MS
        )


def _signed_bytes(tags: Tags, statement: RecordStatement) -> bytes:
    return tags[Purpose.PEER_RECORD] + encode(statement)
