"""Says what a node waits for, and says it aloud when that takes too long.

A healthy chain has a final block at least every heartbeat, and soon after there is work. When
neither comes, the log tells it once with the reason, again when the reason changes or half a minute
has passed, and once more when it is over. The same stands in the status and in the metrics.
"""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

import structlog

from ledger.authorities import coming_protocol_version
from ledger.params import TIMESTAMP_DRIFT_MS
from ledger.types import PublicKey
from node.chain import ChainNode
from node.driver import Driver
from node.metrics import NodeMetrics
from node.peering import Presence, Transport
from node.ports import Clock
from node.status import AWAITED, NodeReport, SyncStatus, ValidatorSighting, WaitsFor
from node.sync import Syncer

STALL_MS: Final = 5_000
"""Longest time without a final block while something is owed."""

REPEAT_MS: Final = 30_000
"""Time after which a stall is told again."""

LOOK_SECONDS: Final = 1.0
"""Time between two looks."""

QUIET: Final = frozenset({WaitsFor.WORK, WaitsFor.NEWS})
"""States in which only the heartbeat is owed."""

log = structlog.get_logger(__name__)


class NetworkSide(Protocol):
    """What is known of the peers; `node.network_part.NetworkPart` is one."""

    peers: Transport
    """Who is connected."""
    presence: Presence
    """Who was heard."""
    syncer: Syncer
    """How far peers are ahead."""


class Watch:
    """Reports of one node; used on the event loop."""

    def __init__(
        self,
        chain: ChainNode,
        driver: Driver,
        network: NetworkSide | None,
        own_key: PublicKey | None,
        clock: Clock,
    ) -> None:
        """Watch a node.

        Args:
            chain: its final chain.
            driver: its consensus.
            network: its peers; None on a node without any.
            own_key: the validator's key that it holds, if any.
            clock: its monotonic clock measures.
        """
        self._chain = chain
        self._driver = driver
        self._network = network
        self._own_key = own_key
        self._clock = clock
        self._moved_ms = clock.monotonic_ms()
        self._told: tuple[object, ...] | None = None
        self._told_ms = 0
        self._told_version: int | None = None
        self._stalled_since_ms: int | None = None
        chain.on_final(lambda _parent, _view: self._moved())

    def report(self) -> NodeReport:
        """Return where the node stands."""
        consensus, network = self._driver.status(), self._network
        is_member = self._driver.committee.index_of(self._own_key or b"") is not None
        since_ms = self._clock.monotonic_ms() - self._moved_ms
        behind_ms = max(0, self._chain.head().timestamp_ms - self._clock.wall_ms())
        waits_for = self._waits_for(
            AWAITED[consensus.waiting.awaited], behind_ms, is_member=is_member
        )
        return NodeReport(
            consensus=consensus,
            is_member=is_member,
            waits_for=waits_for,
            since_final_ms=since_ms,
            stalled_ms=max(0, since_ms - self._limit_ms(waits_for)),
            clock_behind_ms=behind_ms,
            validators=tuple(self._sightings(consensus.heard)),
            peers=_count(network.peers) if network else {},
            sync=_sync_status(network.syncer) if network else None,
        )

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Tell the log of a stall that is new, has another reason, or lasts."""
        self._look_ahead()
        report, now_ms = self.report(), self._clock.monotonic_ms()
        if not report.stalled_ms:
            return
        if self._stalled_since_ms is None:
            self._stalled_since_ms = self._moved_ms
        reason = (report.waits_for, report.consensus.epoch, report.consensus.leader)
        if reason == self._told and now_ms < self._told_ms + REPEAT_MS:
            return
        self._told, self._told_ms = reason, now_ms
        log.warning("chain_stalled", **_told_of(report))

    def show(self, metrics: NodeMetrics) -> None:
        """Have the metrics say the same."""
        metrics.gauge("aitbc_epoch", "Current epoch.", lambda: self.report().consensus.epoch)
        metrics.gauge("aitbc_view", "Current view.", lambda: self.report().consensus.view)
        metrics.gauge(
            "aitbc_stalled_seconds",
            "How long the chain has been still although something is owed.",
            lambda: self.report().stalled_ms / 1_000,
        )
        metrics.gauge(
            "aitbc_signs",
            "Whether this node votes.",
            lambda: float(self._driver.status().signs),
        )
        metrics.gauge(
            "aitbc_silent_validators",
            "Other validators of which nothing was heard for 5 s.",
            lambda: len(self.report().silent_validators(STALL_MS)),
        )
        metrics.gauge(
            "aitbc_sync_target_height",
            "Highest final height that a connected peer announces.",
            lambda: sync.target if (sync := self.report().sync) else 0,
        )
        metrics.states(
            "aitbc_waits_for",
            "What has to come before the final chain grows.",
            [each.value for each in WaitsFor],
            lambda: self.report().waits_for.value,
        )

    # ------------------------------------------------------------

    def _look_ahead(self) -> None:
        """Say early that the next epoch's rules are newer than this program (S13)."""
        version = coming_protocol_version(self._chain.tree.final_view.state)
        if version is not None and version != self._told_version:
            log.error(
                "protocol_version_coming",
                version=version,
                reason="install a newer program before this epoch ends, or the node stops there",
            )
        self._told_version = version

    def _moved(self) -> None:
        self._moved_ms = self._clock.monotonic_ms()
        if self._stalled_since_ms is not None:
            lasted_ms = self._moved_ms - self._stalled_since_ms
            log.warning("chain_goes_on", after_ms=lasted_ms, height=self._chain.head().height)
            self._stalled_since_ms = self._told = None

    def _waits_for(self, awaited: WaitsFor, behind_ms: int, *, is_member: bool) -> WaitsFor:
        network = self._network
        if network is None:
            return awaited
        if network.syncer.is_far_behind:
            return WaitsFor.BLOCKS
        if not is_member:
            if not network.peers.peers():
                return WaitsFor.PEERS
            progress = network.syncer.progress()
            return WaitsFor.BLOCKS if progress.target > progress.head else WaitsFor.NEWS
        committee = self._driver.committee
        connected = sum(network.peers.peer_of(key) is not None for key in committee.members)
        if connected + 1 < committee.quorum:
            return WaitsFor.PEERS
        # Every next block is later than the newest: there is none that this clock lets it vote for.
        # A lone validator goes on from the chain's time, whatever its clock says.
        return WaitsFor.CLOCK if behind_ms > TIMESTAMP_DRIFT_MS and committee.size > 1 else awaited

    def _limit_ms(self, waits_for: WaitsFor) -> int:
        heartbeat_ms = self._chain.parameters().heartbeat_ms
        return STALL_MS + (heartbeat_ms if waits_for in QUIET else 0)

    def _sightings(self, heard: Mapping[PublicKey, int]) -> list[ValidatorSighting]:
        found = []
        for member in self._chain.tree.final_view.validators.members:
            key = member.public_key
            is_self = key == self._own_key
            seen = self._network.presence.of(key) if self._network else None
            silent_ms = self._network.presence.silent_ms(key) if self._network else 0
            found.append(
                ValidatorSighting(
                    public_key=key,
                    name=member.name,
                    is_self=is_self,
                    is_connected=seen is not None and seen.is_connected,
                    silent_ms=0 if is_self else silent_ms,
                    voted_view=heard.get(key, 0),
                    final_height=seen.final_height if seen else 0,
                )
            )
        return found


def _count(peers: Transport) -> dict[str, int]:
    counts: dict[str, int] = {}
    for peer in peers.peers():
        name = peer.role.name.lower() + "s"
        counts[name] = counts.get(name, 0) + 1
    return counts


def _sync_status(syncer: Syncer) -> SyncStatus:
    at = syncer.progress()
    return SyncStatus(at.head, at.target, at.target_peer, at.asked, at.waiting)


def _told_of(report: NodeReport) -> dict[str, object]:
    """Return what a log line says of a stall."""
    consensus, waiting = report.consensus, report.consensus.waiting
    told: dict[str, object] = {
        "waits_for": report.waits_for.value,
        "since_final_ms": report.since_final_ms,
        "height": consensus.final_height,
        "epoch": consensus.epoch,
        "view": consensus.view,
        "leader_id": consensus.leader.hex(),
        "votes": f"{waiting.votes}/{waiting.quorum}",
        "clock_behind_ms": report.clock_behind_ms,
        "silent": {each.name: each.silent_ms for each in report.silent_validators(STALL_MS)},
    }
    if waiting.certificates:
        told["missing_certificates"] = list(waiting.certificates[:8])
    if waiting.blocks:
        told["missing_blocks"] = [each.hex() for each in waiting.blocks[:8]]
    if report.sync:
        told["announced_height"] = report.sync.target
    if consensus.silent_because:
        told["not_signing"] = consensus.silent_because
    return told
