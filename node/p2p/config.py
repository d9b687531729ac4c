"""What an operator can set about peers, and the limits that hold for everybody's sockets."""

from dataclasses import dataclass, field

from node.p2p.frames import FRAME_BYTES_MAX


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what peers can cost this node. Tests and small machines set others."""

    guests_max: int = 64
    """Guests: followers that dialled and that the operator did not name by key. Everybody else who
    proves a key gets in."""
    guests_per_address_max: int = 32
    """Of these, guests from one address or IPv6 /64."""
    unproved_max: int = 64
    """Connections that have not finished the hello yet, and as many more from familiar addresses.
    A newer one ends the oldest of the address that has most."""
    unproved_per_address_max: int = 16
    """Of these, connections from one address."""
    accepts_per_second: int = 50
    """Connections taken, and as many more from familiar addresses; each costs a TLS handshake.
    More are closed at once."""
    accepts_per_address_per_second: int = 20
    """Of these, connections from one address."""
    handshake_ms: int = 5_000
    """From TCP connection to the end of the hello."""
    frames_per_second: int = 5_000
    """Frames that are read of one peer that is no guest; more wait in its socket."""
    bytes_per_second: int = 64 * 1_048_576
    """Bytes that are read of one peer that is no guest; more wait in its socket."""
    guest_frames_per_second: int = 20
    """Frames that are read of each guest, whatever others do."""
    guest_bytes_per_second: int = 65_536
    """Bytes that are read of each guest, whatever others do."""
    guests_frames_per_second: int = 1_000
    """Frames beyond these that are read of all guests together: a tenth of an event loop."""
    guests_bytes_per_second: int = 8 * 1_048_576
    """Bytes beyond these that are read of all guests together."""
    controls_per_second: int = 20
    """Ping and pong frames of one peer; more end the connection."""
    queue_bytes_max: int = 32 * 1_048_576
    """Bytes that wait to be sent to one peer that is no guest; more end the connection."""
    guest_queue_bytes_max: int = 2 * FRAME_BYTES_MAX
    """Bytes that wait to be sent to one guest; more end the connection."""
    transaction_queue_bytes_max: int = 4 * 1_048_576
    """Of these, bytes of transactions; more are dropped."""
    stuck_ms: int = 10_000
    """A peer that takes nothing of what waits for it for so long is disconnected."""
    ping_ms: int = 1_000
    """A peer that was silent for so long is asked whether it is there."""
    silent_ms: int = 5_000
    """A peer that was silent for so long is disconnected."""
    held_bytes_max: int = 268_435_456
    """Bytes of all peers that were received and not handled, or wait to be sent; beyond it the
    guest with most of them is disconnected, or if guests have less than half, the peer."""
    ban_ms: int = 120_000
    """How long a key is refused after a provable fault."""
    follower_dials: int = 8
    """Validators that a follower dials by their records; validators dial all others."""
    backoff_first_ms: int = 250
    """Pause after the first dial that fails; doubles with each further one."""
    backoff_max_ms: int = 5_000
    """Longest pause between two dials to one address."""


@dataclass(frozen=True, slots=True)
class P2PConfig:
    """Where this node listens for peers, and whom it dials."""

    listen: tuple[str, ...] = ()
    """``address:port`` each, numeric; port 0 lets the system choose. Empty: nobody can dial."""
    peers: tuple[str, ...] = ()
    """Always dialled: ``host:port``, or ``<public key in hex>@host:port`` to accept no other."""
    advertise: str | None = None
    """``host:port`` that a validator tells others to dial; None: others must be told by hand."""
    limits: Limits = field(default_factory=Limits)
    """See `Limits`."""
