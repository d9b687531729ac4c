"""All peers of a node: who is connected, and sending to them."""

import asyncio
import random
from typing import Final

import structlog
from prometheus_client import CollectorRegistry

from ledger.hashing import Tags
from ledger.types import Hash, PublicKey
from node.p2p.addresses import KnownEndpoint, parse_known_endpoint
from node.p2p.buckets import TokenBucket
from node.p2p.certificates import make_tls_identity
from node.p2p.config import P2PConfig
from node.p2p.connector import Connector
from node.p2p.conversation import hold_conversation
from node.p2p.dialler import Dialler
from node.p2p.errors import (
    CrowdedOut,
    FaultReported,
    HandshakeSlow,
    LinkEnded,
    MemoryShort,
    Replaced,
    Stopping,
    short,
)
from node.p2p.exchange import AddressExchange
from node.p2p.familiar import Familiar
from node.p2p.frames import encode_frame
from node.p2p.greeting import Greeter
from node.p2p.intake import WebSocket
from node.p2p.kinds import KINDS
from node.p2p.link import Link, Proved
from node.p2p.listener import Arrival, Listener
from node.p2p.messages import Message, PeerRecords
from node.p2p.metrics import PeerMetrics
from node.p2p.peer import NodeIdentity, Peer, PeerHandler, Role
from node.p2p.rates import RateTable
from node.p2p.roster import Roster
from node.p2p.wire import CLOSE_SECONDS, Wire
from node.ports import Clock

log = structlog.get_logger(__name__)

STOP_SECONDS: Final = CLOSE_SECONDS + 0.5
"""How long `stop` waits for words and handlers to come to an end."""

TICK_MS_MAX: Final = 500
"""Longest pause between two looks at the peers."""

REFUSALS_LOGGED_PER_SECOND: Final = 2
REFUSALS_LOGGED_BURST: Final = 20
"""Refused connections in the log; an attacker must not fill it. The metrics count all."""


class PeerNetwork:
    """Listens, dials, and keeps at most one connection to each key."""

    def __init__(
        self,
        identity: NodeIdentity,
        genesis_digest: Hash,
        config: P2PConfig,
        *,
        clock: Clock,
        handler: PeerHandler,
        registry: CollectorRegistry,
        jitter: random.Random,
    ) -> None:
        """Prepare; nothing happens before `start`.

        Args:
            identity: who this node is.
            genesis_digest: chain that peers must be of.
            config: where to listen and whom to dial.
            clock: both clocks of the node.
            handler: takes messages, and hears of peers that come and go.
            registry: where the metrics of peers are shown.
            jitter: spreads the pauses between dials.

        Raises:
            AddressInvalid: an address of `config`.
        """
        limits = config.limits
        tags, tls = Tags(genesis_digest), make_tls_identity()
        self._identity = identity
        self._limits = limits
        self._clock = clock
        self._handler = handler
        self._metrics = PeerMetrics(registry)
        self._wires: set[Wire] = set()
        self._conversations: set[asyncio.Task[None]] = set()
        self._ticking: asyncio.Task[None] | None = None
        self._is_stopping = False
        now_ms = clock.monotonic_ms
        self._refusals = TokenBucket(REFUSALS_LOGGED_PER_SECOND, REFUSALS_LOGGED_BURST, now_ms())
        self._configured = [parse_known_endpoint(text) for text in config.peers]
        expected = frozenset(place.key for place in self._configured if place.key is not None)
        self._roster = Roster(identity.keys.public_key, limits, expected)
        self._rates = RateTable(limits, now_ms())
        self._familiar = Familiar()
        self._greeter = Greeter(identity, tags, tls.certificate_hash, clock)
        self._connector = Connector(self._greeter, tls.client, limits, self._make_wire)
        self._dialler = Dialler(limits, jitter, now_ms, self._dial, self._roster.get)
        self._listener = Listener(
            config.listen,
            tls.server,
            limits,
            now_ms=now_ms,
            make_wire=self._make_wire,
            refused=self._note_refused,
            is_familiar=self._familiar.__contains__,
        )
        self._exchange = AddressExchange(identity, tags, config.advertise, clock)
        self._metrics.show(
            lambda: sum(link.queue_bytes for link in self._roster.links()),
            lambda: sum(wire.held_bytes for wire in self._wires),
        )

    async def start(self) -> None:
        """Listen, and begin to dial.

        Raises:
            OSError: an address cannot be listened on.
        """
        self._listener.start(self._serve)
        self._exchange.renew()
        self._want()
        self._ticking = asyncio.create_task(self._tick_loop())
        log.info("peers are welcome", addresses=list(self.addresses))

    async def stop(self) -> None:
        """Stop listening and dialling, disconnect all peers; returns within about two seconds."""
        self._is_stopping = True
        if self._ticking is not None:
            self._ticking.cancel()
            await asyncio.wait({self._ticking})
        await self._dialler.stop()
        await self._listener.stop()
        wires = list(self._wires)
        for wire in wires:
            wire.end(Stopping("this node stops"))
        pending = {*self._conversations, *(asyncio.create_task(wire.closed()) for wire in wires)}
        if pending:
            _, pending = await asyncio.wait(pending, timeout=STOP_SECONDS)
        for task in pending:
            task.cancel()
        if pending:
            await asyncio.wait(pending, timeout=STOP_SECONDS)

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens, ``host:port``, with the ports that the system chose."""
        return self._listener.addresses

    def peers(self) -> tuple[Peer, ...]:
        """Return the connected peers that the handler has heard of."""
        return self._shown()

    def peer_of(self, key: PublicKey) -> Peer | None:
        """Return the connected peer with this key."""
        link = self._roster.get(key)
        return link if link is not None and link.is_shown else None

    def broadcast(
        self, message: Message, *, to: Role | None = None, but: Peer | None = None
    ) -> None:
        """Queue a message for all peers; it is encoded once.

        Args:
            message: what to send.
            to: only peers of this role, if given.
            but: all except this one, if given.
        """
        links = [
            link for link in self._shown() if link is not but and (to is None or link.role is to)
        ]
        if links:
            kind, data = KINDS[type(message)], encode_frame(message)
            for link in links:
                link.send_frame(kind, data)

    def report_fault(self, peer: Peer, code: str, *, provable: bool) -> None:
        """Disconnect a peer for a fault found later than in `PeerHandler.received`.

        Args:
            peer: who did it; may be gone already.
            code: as in `PeerFault`.
            provable: ban its key for a while.
        """
        if provable:
            self._roster.ban(peer.key, self._clock.monotonic_ms())
        link = self._roster.get(peer.key)
        if link is not None:
            link.end(FaultReported(code, provable=provable))

    def set_validators(self, keys: frozenset[PublicKey]) -> None:
        """Say who counts as a validator from now on: this epoch's set and, if known, the next's.

        Their slots are reserved, their addresses are learnt from other peers, and they are dialled.
        """
        self._roster.validators = keys
        self._exchange.set_validators(keys)
        self._count_peers()
        for link in self._roster.links():
            self._settle(link)
        self._dial_wanted()

    # ------------------------------------------------------------------------ connections

    def _make_wire(self, websocket: WebSocket) -> Wire:
        wire = Wire(websocket, self._limits, self._clock.monotonic_ms)
        wire.when_closed(self._wires.discard)
        self._wires.add(wire)
        return wire

    async def _serve(self, wire: Wire, arrival: Arrival) -> None:
        """Say hello to who dialled, and begin to talk."""
        address, near = arrival.address, arrival.visit.near

        def check(proved: Proved) -> None:
            self._roster.check(proved, self._clock.monotonic_ms())

        try:
            async with asyncio.timeout_at(arrival.deadline_s):
                proved = await self._greeter.as_listener(wire, address, near, check)
            self._admit(wire, proved)
        except TimeoutError:
            self._refuse(wire, address, HandshakeSlow("no hello in time"))
        except LinkEnded as reason:
            self._refuse(wire, address, reason)
        except asyncio.CancelledError:
            if arrival.visit.is_crowded_out:
                self._refuse(wire, address, CrowdedOut("newer connections need the room"))
            wire.end(Stopping("this node stops"))
            raise

    async def _dial(self, place: KnownEndpoint) -> Link:
        """Dial a place once.

        Raises:
            LinkEnded: there is no new link.
        """

        def check(claimed: Proved) -> None:
            self._roster.check(claimed, self._clock.monotonic_ms())

        try:
            wire, proved = await self._connector.connect(place, check)
            try:
                return self._admit(wire, proved)
            except LinkEnded as reason:
                wire.end(reason)
                raise
        except LinkEnded as reason:
            self._metrics.count_ended("dial", reason.code)
            raise

    def _admit(self, wire: Wire, proved: Proved) -> Link:
        """Begin to talk with a peer that has proved its key.

        Raises:
            LinkEnded: it is not wanted any more, or is gone.
        """
        replaced = self._roster.check(proved, self._clock.monotonic_ms())
        if self._is_stopping:
            raise Stopping("this node stops")
        if wire.ended is not None:
            raise wire.ended
        if replaced is not None:
            replaced.end(Replaced("a newer connection takes its place"))
        link = Link(
            wire,
            proved,
            self._limits,
            self._metrics,
            is_validator=self._roster.is_validator,
            now_ms=self._clock.monotonic_ms(),
        )
        wire.prove()
        self._settle(link)
        self._roster.put(link)
        task = asyncio.create_task(self._talk(link, replaced))
        self._conversations.add(task)
        task.add_done_callback(self._conversations.discard)
        return link

    def _settle(self, link: Link) -> None:
        """Treat a peer as what it is now."""
        is_guest, now_ms = self._roster.is_guest(link.proved), self._clock.monotonic_ms()
        if not is_guest:
            self._familiar.note(link.proved.neighbourhood)
        if link.is_guest is not is_guest:
            link.treat_as(self._rates.rates(is_guest=is_guest, now_ms=now_ms), is_guest=is_guest)

    def _refuse(self, wire: Wire, address: str, reason: LinkEnded) -> None:
        wire.end(reason)
        self._metrics.count_ended("accept", reason.code)
        if self._refusals.try_take(1, self._clock.monotonic_ms()):
            log.info("peer refused", address=address, code=reason.code, detail=str(reason))

    def _note_refused(self, code: str) -> None:
        self._metrics.count_ended("accept", code)

    # ---------------------------------------------------------------------- conversations

    async def _talk(self, link: Link, replaced: Link | None) -> None:
        """Run a link until it ends."""
        if replaced is not None:
            # The handler hears of the old connection's end before it hears of the new one.
            await replaced.gone.wait()
        if link.ended is None:
            await self._talk_on(link)
        self._roster.remove(link)
        self._count_peers()
        link.gone.set()

    async def _talk_on(self, link: Link) -> None:
        log.info(
            "peer connected",
            peer=short(link.key),
            address=link.address,
            role=link.role.name.lower(),
            claims=link.proved.role.name.lower(),
            is_outbound=link.is_outbound,
        )
        self._count_peers()
        link.is_introduced = True
        records = self._exchange.current()
        if records:
            link.send(PeerRecords(records))
        reason = await hold_conversation(link, self._handler, self._receive, self._metrics)
        self._metrics.count_ended("peer", reason.code)
        if reason.provable:
            self._roster.ban(link.key, self._clock.monotonic_ms())

    async def _receive(self, link: Link, message: Message) -> None:
        if not isinstance(message, PeerRecords):
            await self._handler.received(link, message)
            return
        news = self._exchange.learn(link, message)
        if news:
            self.broadcast(PeerRecords(news), but=link)
            self._dial_wanted()

    def _shown(self) -> tuple[Link, ...]:
        return tuple(link for link in self._roster.links() if link.is_shown)

    def _count_peers(self) -> None:
        self._metrics.count_peers((link.role, link.is_outbound) for link in self._roster.links())

    # ----------------------------------------------------------------------- whom to dial

    def _dial_wanted(self) -> None:
        if self._ticking is not None and not self._is_stopping:
            self._want()

    def _want(self) -> None:
        """Dial the configured places and those of validators' records, and keep room for them."""
        places = self._exchange.places()
        self._familiar.expect(place.endpoint for place in (*self._configured, *places))
        if self._identity.role is not Role.VALIDATOR:
            places = places[: self._limits.follower_dials]
        self._dialler.want([*self._configured, *places])

    # --------------------------------------------------------------------------- upkeep

    async def _tick_loop(self) -> None:
        loop = asyncio.get_running_loop()
        pause = min(self._limits.ping_ms, self._limits.silent_ms, TICK_MS_MAX) / 2_000
        while True:
            due = loop.time() + pause
            await asyncio.sleep(pause)
            late_ms = (loop.time() - due) * 1_000
            if late_ms > self._limits.silent_ms / 2:
                log.warning("this process was away; peers get time anew", late_ms=round(late_ms))
                for link in self._roster.links():
                    link.forgive_silence()
            self._tick()

    def _tick(self) -> None:
        for link in self._roster.links():
            link.tick()
        heaviest = self._roster.heaviest(sum(wire.held_bytes for wire in self._wires))
        if heaviest is not None:
            heaviest.end(MemoryShort(f"{heaviest.held_bytes} bytes of it are held"))
        if self._exchange.renew():
            self.broadcast(PeerRecords(self._exchange.current()))
