"""Why a connection ends, one class for each reason; the code is what both ends log.

LinkEnded
├── HelloRefused       the other end is not a peer that this node wants now
│   ├── VersionDiffers · GenesisDiffers · KeyUnusable · OwnKey · OwnAddress
│   ├── KeyUnexpected · HelloMalformed · ProofForged · ProofExpired
│   └── KeyBanned · AlreadyConnected · AlreadyDialling · NoSlot
├── FrameRefused       what a proved peer sent; mostly provable
│   ├── FrameNotBinary · FrameFragmented · FrameTooLarge · WebSocketBroken
│   └── KindUnknown · FrameMalformed · FrameNotCanonical · RecordForged
├── FaultReported      what a `PeerHandler` says that the peer did
├── LimitExceeded      the peer costs too much, or gives too little
│   ├── HandshakeSlow · CrowdedOut · UnprovedTooMuch · ControlFlood · MemoryShort
│   └── QueueFull · PeerStuck · PeerSilent · FrameStalled
├── PeerGone           the other end or the network ended it
│   └── PeerClosed · ConnectionLost · NameUnresolved
└── EndedHere          this node ended it for a reason of its own
    └── Stopping · Replaced · HandlerFailed
"""

from typing import ClassVar

from ledger.types import PublicKey


def short(digest: bytes) -> str:
    """Return how logs name a key or a digest."""
    return digest[:8].hex()


class LinkEnded(Exception):
    """A connection ended, or was not made."""

    code: str = "ENDED"
    provable: bool = False
    """Whether the peer alone can have caused it; then its key is banned for a while."""


class HelloRefused(LinkEnded):
    """The other end is not a peer that this node wants now."""


class VersionDiffers(HelloRefused):
    """The other end speaks another version of the protocol."""

    code = "WRONG_VERSION"

    def __init__(self, theirs: int, ours: int) -> None:
        """Name both versions."""
        super().__init__(f"peer speaks version {theirs}, this node {ours}: upgrade the older one")


class GenesisDiffers(HelloRefused):
    """The other end is on another chain."""

    code = "WRONG_GENESIS"

    def __init__(self, theirs: bytes, ours: bytes) -> None:
        """Name both genesis digests."""
        super().__init__(
            f"peer's genesis is {short(theirs)}, this node's {short(ours)}: compare the files"
        )


class KeyUnusable(HelloRefused):
    """The key of the other end is no point of the prime-order group."""

    code = "KEY_INVALID"


class OwnKey(HelloRefused):
    """The other end claims this node's key: it runs twice, or the other end lies."""

    code = "OWN_KEY"


class OwnAddress(HelloRefused):
    """The other end shows this very process's certificate: the address is this node's own."""

    code = "OWN_ADDRESS"


class KeyUnexpected(HelloRefused):
    """Another key answers than the one that was dialled."""

    code = "WRONG_KEY"

    def __init__(self, expected: PublicKey, found: PublicKey) -> None:
        """Name both keys."""
        super().__init__(f"dialled {short(expected)}, but {short(found)} answered")


class HelloMalformed(HelloRefused):
    """A frame of the hello does not decode."""

    code = "HELLO_MALFORMED"


class ProofForged(HelloRefused):
    """The hello's signature is not one of the claimed key over this very connection (E11)."""

    code = "PROOF_FORGED"


class ProofExpired(HelloRefused):
    """The hello's expiry is too far from this node's clock: one of the clocks is wrong."""

    code = "PROOF_EXPIRED"


class KeyBanned(HelloRefused):
    """The key did something provably wrong a while ago."""

    code = "BANNED"


class AlreadyConnected(HelloRefused):
    """Another connection to this key is kept."""

    code = "ALREADY_CONNECTED"

    def __init__(self, key: PublicKey) -> None:
        """Name the key."""
        super().__init__(f"another connection to {short(key)} is kept")
        self.key = key


class AlreadyDialling(HelloRefused):
    """Another dial to this key is under way."""

    code = "ALREADY_DIALLING"


class NoSlot(HelloRefused):
    """All slots for followers are taken."""

    code = "NO_SLOT"


class FrameRefused(LinkEnded):
    """A frame that no honest peer of this version sends."""

    provable = True


class FrameNotBinary(FrameRefused):
    """A text frame."""

    code = "FRAME_NOT_BINARY"


class FrameFragmented(FrameRefused):
    """A message in several WebSocket frames; one is the rule."""

    code = "FRAME_FRAGMENTED"


class FrameTooLarge(FrameRefused):
    """More bytes than any frame, or a frame of this kind, can have."""

    code = "FRAME_TOO_LARGE"


class WebSocketBroken(FrameRefused):
    """Bytes that are no WebSocket, or not one that this protocol uses."""

    code = "WEBSOCKET_BROKEN"


class KindUnknown(FrameRefused):
    """A kind without a row in `messages.KINDS`. A newer program may honestly send one."""

    code = "KIND_UNKNOWN"
    provable = False


class FrameMalformed(FrameRefused):
    """Not MessagePack, or not of the kind's type."""

    code = "FRAME_MALFORMED"


class FrameNotCanonical(FrameRefused):
    """Another byte string is the encoding of the same message."""

    code = "FRAME_NOT_CANONICAL"


class RecordForged(FrameRefused):
    """A peer record whose signature is wrong; honest peers verify before they pass one on."""

    code = "RECORD_FORGED"


class FaultReported(LinkEnded):
    """A `PeerHandler` found a fault in what the peer sent."""

    def __init__(self, code: str, *, provable: bool) -> None:
        """Take both from the `PeerFault`."""
        super().__init__(code)
        self.code = code
        self.provable = provable


class LimitExceeded(LinkEnded):
    """The peer costs too much, or gives too little."""


class HandshakeSlow(LimitExceeded):
    """TLS, WebSocket and hello took too long together."""

    code = "HANDSHAKE_SLOW"


class CrowdedOut(LimitExceeded):
    """The hello was not done when newer connections needed the room."""

    code = "TOO_MANY"


class UnprovedTooMuch(LimitExceeded):
    """More bytes before the end of the hello than any hello needs."""

    code = "UNPROVED_BYTES"


class ControlFlood(LimitExceeded):
    """More pings and pongs than anybody needs."""

    code = "CONTROL_FLOOD"


class MemoryShort(LimitExceeded):
    """All peers together made this node hold too much, and this one the most."""

    code = "MEMORY_SHORT"


class QueueFull(LimitExceeded):
    """More waits for the peer than it may; it does not read fast enough."""

    code = "TOO_SLOW"


class PeerStuck(LimitExceeded):
    """The peer does not take what was sent."""

    code = "STUCK"


class PeerSilent(LimitExceeded):
    """The peer says nothing, not even that it is there."""

    code = "SILENT"


class FrameStalled(LimitExceeded):
    """The peer began a frame and does not end it."""

    code = "FRAME_STALLED"


class PeerGone(LinkEnded):
    """The other end or the network ended the connection."""


class PeerClosed(PeerGone):
    """The other end closed it and said why."""

    code = "CLOSED_BY_PEER"

    def __init__(self, reason: str) -> None:
        """Keep the code that the other end gave; `errors` of both ends are the same."""
        super().__init__(f"the peer said {reason}")
        self.reason = reason


class ConnectionLost(PeerGone):
    """The connection ended without a word, or was never made."""

    code = "CONNECTION_LOST"


class NameUnresolved(PeerGone):
    """The host name of an address has no numeric address, or nobody says which."""

    code = "NAME_UNRESOLVED"


class EndedHere(LinkEnded):
    """This node ended it for a reason of its own."""

    websocket_code: ClassVar[int] = 1001


class Stopping(EndedHere):
    """This node stops."""

    code = "STOPPING"


class Replaced(EndedHere):
    """A newer connection to the same key takes this one's place."""

    code = "REPLACED"


class HandlerFailed(EndedHere):
    """A defect of this node showed while it handled a message; the traceback is in its log."""

    code = "HANDLER_FAILED"
