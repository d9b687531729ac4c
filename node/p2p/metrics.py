"""What the transport measures, for Prometheus."""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from node.p2p.kinds import KINDS
from node.p2p.peer import Role

_ROUND_TRIP: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Buckets in seconds, from one machine to the other side of the world and a full queue."""


class PeerMetrics:
    """All metrics of one `PeerNetwork`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Show them in a registry."""
        self._peers = Gauge(
            "aitbc_p2p_peers",
            "Connected peers, by role and by who dialled.",
            ["role", "direction"],
            registry=registry,
        )
        frames = Counter(
            "aitbc_p2p_frames",
            "Frames, by direction and kind of message.",
            ["direction", "kind"],
            registry=registry,
        )
        sizes = Counter(
            "aitbc_p2p_bytes",
            "Bytes of frames, by direction and kind of message.",
            ["direction", "kind"],
            registry=registry,
        )
        # Looked up once; a lookup by labels costs as much as the rest of a small frame's way.
        self._sent, self._received = (
            {
                kind.name: (frames.labels(direction, kind.name), sizes.labels(direction, kind.name))
                for kind in KINDS.values()
            }
            for direction in ("sent", "received")
        )
        self._dropped = Counter(
            "aitbc_p2p_dropped_frames",
            "Frames of transactions and addresses that a slow peer did without.",
            registry=registry,
        )
        self._ended = Counter(
            "aitbc_p2p_ended_connections",
            "Connections that ended or were not made, by stage and code.",
            ["stage", "code"],
            registry=registry,
        )
        self._queue_bytes = Gauge(
            "aitbc_p2p_queue_bytes", "Bytes that wait to be sent to all peers.", registry=registry
        )
        self._held_bytes = Gauge(
            "aitbc_p2p_held_bytes",
            "Bytes received of all peers and not handled.",
            registry=registry,
        )
        self._round_trip = Histogram(
            "aitbc_p2p_round_trip_seconds",
            "From a ping to its answer.",
            buckets=_ROUND_TRIP,
            registry=registry,
        )

    def show(self, queue_bytes: Callable[[], float], held_bytes: Callable[[], float]) -> None:
        """Read two values whenever somebody looks."""
        self._queue_bytes.set_function(queue_bytes)
        self._held_bytes.set_function(held_bytes)

    def count_peers(self, peers: Iterable[tuple[Role, bool]]) -> None:
        """Show how many peers there are, given role and whether this node dialled of each."""
        counts = {(role, is_outbound): 0 for role in Role for is_outbound in (True, False)}
        for peer in peers:
            counts[peer] += 1
        for (role, is_outbound), count in counts.items():
            direction = "outbound" if is_outbound else "inbound"
            self._peers.labels(role.name.lower(), direction).set(count)

    def count_sent(self, kind: str, size: int) -> None:
        """Note a frame that goes out."""
        frames, sizes = self._sent[kind]
        frames.inc()
        sizes.inc(size)

    def count_received(self, kind: str, size: int) -> None:
        """Note a frame that came."""
        frames, sizes = self._received[kind]
        frames.inc()
        sizes.inc(size)

    def count_dropped(self, frames: int) -> None:
        """Note frames that were dropped."""
        self._dropped.inc(frames)

    def count_ended(self, stage: str, code: str) -> None:
        """Note a connection that ended.

        Args:
            stage: ``dial`` and ``accept`` before the end of the hello, ``peer`` after it.
            code: one of `errors`, or of a `PeerFault`.
        """
        self._ended.labels(stage, code).inc()

    def observe_round_trip(self, took_ms: int) -> None:
        """Note how long an answer to a ping took."""
        self._round_trip.observe(took_ms / 1_000)
