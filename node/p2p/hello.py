"""The hello: two keys prove themselves over one TLS connection (E11), sans I/O.

    dialler                                   listener
    Opening(version, genesis, role, key, nonce) →
                       ← Opening(version, genesis, role, key, nonce)
    Proof(expiry, signature)                    →
                       ← Proof(expiry, signature), or a close that says why not

Each signature is over tag("hello") ‖ the array of `Statement`. The signer builds all of it (T6):
who it is, for whom, in which direction, until when, over which two certificates. The tag holds the
genesis digest (T4). A hello that somebody recorded names other nonces and certificates than any
later connection has, and one that is passed on names certificates that the middleman cannot show.
The listener signs only after the dialler has proved its key and got its place.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Annotated, Final, TypeVar

import msgspec
from msgspec import Meta

from ledger.codec import Codec, encode
from ledger.errors import BytesMalformed, BytesNotCanonical, BytesTooLarge, KeyInvalid
from ledger.hashing import Purpose, Tags
from ledger.keys import check_public_key, verify
from ledger.types import Hash, PublicKey, Signature, TimestampMs
from node.p2p.errors import (
    GenesisDiffers,
    HelloMalformed,
    KeyUnusable,
    OwnKey,
    ProofExpired,
    ProofForged,
    VersionDiffers,
)
from node.p2p.peer import NodeIdentity, Role

PROTOCOL_VERSION: Final = 1
"""Version of everything that peers say to each other; also in the WebSocket's path."""

HELLO_BYTES_MAX: Final = 192
"""Longest frame of a hello; an opening takes 109 bytes."""

PROOF_MS: Final = 60_000
"""A proof expires after this; nonces bind it to one connection long before."""

CLOCK_DIFFERENCE_MS_MAX: Final = 86_400_000
"""How wrong a peer's clock may be. A node whose clock jumped must still hear of the chain; a day is
more than any jump that an operator overlooks for long."""

_ProtocolVersion = Annotated[int, Meta(ge=0, le=2**31 - 1)]

T = TypeVar("T")


class Side(IntEnum):
    """Which end of a connection somebody is."""

    DIALLER = 1
    """Made the connection; the TLS client."""
    LISTENER = 2
    """Took it; the TLS server."""


class _Wire(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base: an array of fields in order."""


class Opening(_Wire, frozen=True, tag=1):
    """Who somebody claims to be."""

    version: _ProtocolVersion
    """`PROTOCOL_VERSION` of the sender."""
    genesis_digest: Hash
    """Chain of the sender."""
    role: Role
    """What the sender claims to do there."""
    key: PublicKey
    """Key that the proof will be of."""
    nonce: Hash
    """Random, for this connection alone."""


class Proof(_Wire, frozen=True, tag=2):
    """Shows that the sender of an opening holds its key."""

    expires_ms: TimestampMs
    """Signer's clock and `PROOF_MS`."""
    signature: Signature
    """Ed25519 over tag("hello") ‖ canonical bytes of the signer's `Statement`."""


class Statement(_Wire, frozen=True):
    """What a proof signs."""

    version: _ProtocolVersion
    """As in both openings."""
    side: Side
    """Which end the signer is; a proof sent back to its signer is worthless."""
    role: Role
    """Signer's role."""
    key: PublicKey
    """Signer's key."""
    counterpart: PublicKey
    """Key that the proof is made for."""
    nonce: Hash
    """Signer's nonce."""
    counterpart_nonce: Hash
    """The other nonce."""
    listener_certificate: Hash
    """SHA-256 of the TLS server's certificate."""
    dialler_certificate: Hash
    """SHA-256 of the TLS client's certificate."""
    expires_ms: TimestampMs
    """When the proof stops to count."""


OPENING_CODEC: Final = Codec(Opening, HELLO_BYTES_MAX, "opening")
PROOF_CODEC: Final = Codec(Proof, HELLO_BYTES_MAX, "proof")


@dataclass(frozen=True, slots=True)
class Channel:
    """The TLS connection that a hello is over, from one end."""

    side: Side
    """Which end this node is."""
    own_certificate: Hash
    """Hash of what this node showed."""
    peer_certificate: Hash
    """Hash of what the other end showed."""


class Hello:
    """One end of one hello."""

    def __init__(self, identity: NodeIdentity, tags: Tags, channel: Channel, nonce: Hash) -> None:
        """Prepare.

        Args:
            identity: who this node is.
            tags: of its chain.
            channel: the connection.
            nonce: 32 bytes from the system's random source, used for nothing else.
        """
        self._identity = identity
        self._tags = tags
        self._channel = channel
        self._nonce = nonce

    def opening(self) -> bytes:
        """Return this node's opening."""
        return encode(
            Opening(
                PROTOCOL_VERSION,
                self._tags.genesis_digest,
                self._identity.role,
                self._identity.keys.public_key,
                self._nonce,
            )
        )

    def read_opening(self, data: bytes) -> Opening:
        """Return the other end's opening, whose key is not proved yet.

        Raises:
            HelloRefused: it does not decode; other version, genesis; an unusable key or our own.
        """
        opening = _decode(OPENING_CODEC, data)
        if opening.version != PROTOCOL_VERSION:
            raise VersionDiffers(opening.version, PROTOCOL_VERSION)
        if opening.genesis_digest != self._tags.genesis_digest:
            raise GenesisDiffers(opening.genesis_digest, self._tags.genesis_digest)
        if opening.key == self._identity.keys.public_key:
            raise OwnKey("this node's key runs in a second process")
        try:
            check_public_key(opening.key)
        except KeyInvalid as error:
            raise KeyUnusable(str(error)) from None
        return opening

    def proof(self, opening: Opening, now_ms: TimestampMs) -> bytes:
        """Return this node's proof for the sender of an opening."""
        expires_ms = now_ms + PROOF_MS
        keys = self._identity.keys
        channel = self._channel
        statement = Statement(
            PROTOCOL_VERSION,
            channel.side,
            self._identity.role,
            keys.public_key,
            opening.key,
            self._nonce,
            opening.nonce,
            *self._certificates(),
            expires_ms,
        )
        return encode(Proof(expires_ms, keys.sign(signed_bytes(self._tags, statement))))

    def check_proof(self, opening: Opening, data: bytes, now_ms: TimestampMs) -> None:
        """Check the proof of the sender of an opening.

        Raises:
            HelloRefused: it does not decode, is no proof for this connection, or expired.
        """
        proof = _decode(PROOF_CODEC, data)
        statement = Statement(
            opening.version,
            Side.LISTENER if self._channel.side is Side.DIALLER else Side.DIALLER,
            opening.role,
            opening.key,
            self._identity.keys.public_key,
            opening.nonce,
            self._nonce,
            *self._certificates(),
            proof.expires_ms,
        )
        if not verify(opening.key, signed_bytes(self._tags, statement), proof.signature):
            raise ProofForged("the signature is not one over this connection")
        off_ms = proof.expires_ms - PROOF_MS - now_ms
        if abs(off_ms) > CLOCK_DIFFERENCE_MS_MAX + PROOF_MS:
            raise ProofExpired(
                f"the peer's clock differs by {off_ms // 1_000} s: set the wrong one"
            )

    def _certificates(self) -> tuple[Hash, Hash]:
        """Return the listener's and the dialler's certificate hash."""
        channel = self._channel
        if channel.side is Side.LISTENER:
            return channel.own_certificate, channel.peer_certificate
        return channel.peer_certificate, channel.own_certificate


def signed_bytes(tags: Tags, statement: Statement) -> bytes:
    """Return the bytes that a proof's signature is over (T5)."""
    return tags[Purpose.HELLO] + encode(statement)


def _decode(codec: Codec[T], data: bytes) -> T:
    try:
        return codec.decode(data)
    except (BytesTooLarge, BytesMalformed, BytesNotCanonical) as error:
        raise HelloMalformed(str(error)) from None
