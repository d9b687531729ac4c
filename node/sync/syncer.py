"""The shell around the planner: sends questions, reads answers, imports ranges.

While one range is executed, those behind it are prepared (`ranges`): their signatures are verified
in the worker processes, so that both are busy.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

import structlog

from consensus import Committee
from ledger import IsVerified
from ledger.hashing import Tags
from ledger.types import Epoch, PublicKey
from node.final_range import FinalRange, RangeInvalid, RangeOutline
from node.importing import ImportStopped, RangeRefused
from node.p2p import Peer, RangeAnswer, RangeProof, RangeRequest, Role, StatusMessage
from node.ports import Clock
from node.sync.events import (
    Announced,
    Answered,
    Ask,
    Blame,
    Drop,
    Effect,
    Empty,
    Event,
    Import,
    Imported,
    Left,
    Moved,
    Paged,
    Refused,
    Spoilt,
    Tick,
    WakeAt,
)
from node.sync.planner import Planner, Progress
from node.sync.ranges import (
    RANGE_BYTES,
    Importer,
    Prepared,
    Question,
    RangeReader,
    Verifier,
)

QUESTIONS_MAX: Final = 64
"""Questions without an answer that are remembered; those given up count, too."""

log = structlog.get_logger(__name__)


class PeerBook(Protocol):
    """Connected peers, as this part needs them; `node.p2p.PeerNetwork` is one."""

    def peer_of(self, key: PublicKey) -> Peer | None:
        """Return the connected peer with this key."""

    def report_fault(self, peer: Peer, code: str, *, provable: bool) -> None:
        """Disconnect a peer, and ban it if the fault is provable."""


@dataclass(frozen=True, slots=True)
class SyncParts:
    """What the shell stands on."""

    tags: Tags
    """Tags of the chain."""
    clock: Clock
    """Its monotonic clock drives the planner."""
    peers: PeerBook
    """Who can be asked."""
    importer: Importer
    """Where ranges go."""
    verifier: Verifier
    """Verifies the signatures of what waits."""
    known: IsVerified
    """Which signatures this node verified before, such as those of pooled transactions (T3)."""
    next_epoch: Callable[[], Epoch]
    """Epoch of the block above the newest that `importer` executed; it may not be open yet."""


@dataclass(eq=False, slots=True)
class _Arrival:
    """A range that came."""

    outline: RangeOutline
    preparing: asyncio.Task[Prepared] | None = None
    """None until it is proved."""


class Syncer:
    """Keeps one node from being behind; used on the event loop."""

    def __init__(self, parts: SyncParts, planner: Planner) -> None:
        """Prepare.

        Args:
            parts: what it stands on.
            planner: decides; nobody else feeds it.
        """
        self._parts = parts
        self._planner = planner
        self._reader = RangeReader(parts.tags, parts.verifier, parts.known, parts.next_epoch)
        self._questions: dict[int, Question] = {}
        self._came: dict[int, _Arrival] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopped = False
        self._broken = asyncio.Event()
        self._failure: Exception | None = None
        self.on_proved: Callable[[FinalRange], None] = lambda _content: None
        """Is told of each range that was imported: its certificate is checked."""

    # ------------------------------------------------------------ what peers say

    def announced(self, peer: Peer, status: StatusMessage) -> None:
        """Note how far a peer's final chain reaches, and whether somebody answers for it."""
        is_trusted = peer.role is Role.VALIDATOR or peer.is_outbound
        self._feed(Announced(self._now_ms(), peer.key, status.final_height, is_trusted))

    def left(self, peer: Peer) -> None:
        """Note that a peer is gone."""
        self._feed(Left(self._now_ms(), peer.key))

    async def answered(self, peer: Peer, answer: RangeAnswer | RangeProof) -> None:
        """Take a range, if its headers are sound and, where that is known, final."""
        number = answer.number
        question = self._questions.get(number)
        if question is None or question.peer != peer.key:
            return  # Never asked of it, or answered before.
        del self._questions[number]
        try:
            if isinstance(answer, RangeProof):
                is_useful = await self._reader.take_proof(question, answer)
                self._feed(Paged(self._now_ms(), number, is_useful))
            elif answer.blocks:
                await self._take(question, answer)
            else:
                self._feed(Empty(self._now_ms(), number))
        except (RangeInvalid, RangeRefused) as error:
            self._came.pop(number, None)
            log.warning("range_invalid", peer=peer.key.hex(), reason=str(error))
            self._parts.peers.report_fault(peer, error.code, provable=True)
            self._feed(Spoilt(self._now_ms(), number))

    # ------------------------------------------------------------ for the node

    def moved(self) -> None:
        """Note that the own final chain has grown."""
        self._feed(Moved(self._now_ms(), self._parts.importer.handed_over))

    def enter_epoch(self, committee: Committee, patience_ms: int) -> None:
        """Note an epoch's committee; comes once before anything else, and when an epoch opens.

        Args:
            committee: proves the ranges of the epoch.
            patience_ms: how long a small gap is left alone, by this node's part in the epoch.
        """
        self._planner.patience_ms = patience_ms
        self._reader.enter_epoch(committee)
        for number, arrival in list(self._came.items()):
            try:
                self._prepare(number, arrival)
            except RangeRefused as refused:
                self._refuse(number, refused)

    def progress(self) -> Progress:
        """Return how the catch-up stands."""
        return self._planner.progress()

    @property
    def is_far_behind(self) -> bool:
        """Whether more is missing than consensus will bring by itself, if peers say the truth."""
        return self._planner.is_far_behind

    @property
    def is_importing(self) -> bool:
        """Whether final blocks that were fetched are being executed now."""
        return self._planner.is_importing

    async def run(self) -> None:
        """Wait for what cannot be: an import that fails for no reason of its range.

        Raises:
            Exception: what failed; the node cannot catch up any more, and must end.
        """
        await self._broken.wait()
        assert self._failure is not None
        raise self._failure

    async def stop(self) -> None:
        """Ask nothing more, and drop what came."""
        self._is_stopped = True
        if self._timer:
            self._timer.cancel()
        preparing = (arrival.preparing for arrival in self._came.values())
        running = [*self._tasks, *(task for task in preparing if task is not None)]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    # ------------------------------------------------------------ effects

    def _now_ms(self) -> int:
        return self._parts.clock.monotonic_ms()

    def _feed(self, event: Event) -> None:
        if not self._is_stopped:
            for effect in self._planner.handle(event):
                self._carry_out(effect)

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Ask():
                self._ask(effect)
            case Import(number=number):
                task = asyncio.create_task(self._import(number))
                self._tasks.add(task)
                task.add_done_callback(self._imported)
            case Drop(number=number):
                self._forget(number)
            case Blame(peer=key, code=code):
                peer = self._parts.peers.peer_of(key)
                log.warning("range_refused", peer=key.hex(), code=code)
                if peer is not None:
                    self._parts.peers.report_fault(peer, code, provable=True)
            case WakeAt(at_ms=at_ms):
                self._wake_at(at_ms)

    def _ask(self, effect: Ask) -> None:
        peer = self._parts.peers.peer_of(effect.peer)
        known = self._reader.known_above(effect.first)
        bytes_max = max(1, RANGE_BYTES >> effect.halvings)
        question = Question(effect.peer, effect.first, effect.blocks_max, bytes_max, known)
        self._questions[effect.number] = question
        while len(self._questions) > QUESTIONS_MAX:
            del self._questions[next(iter(self._questions))]
        if peer is not None:  # Else `left` follows.
            height = known.height if known else 0
            peer.send(
                RangeRequest(effect.number, question.first, bytes_max, question.blocks_max, height)
            )

    def _wake_at(self, at_ms: int | None) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if at_ms is not None:
            delay_s = max(0, at_ms - self._now_ms()) / 1_000
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._tick, at_ms)

    def _tick(self, at_ms: int) -> None:
        if self._now_ms() < at_ms:  # The loop's timers may fire a little early.
            self._wake_at(at_ms)
        else:
            self._feed(Tick(self._now_ms()))

    def _forget(self, number: int) -> None:
        arrival = self._came.pop(number, None)
        if arrival is not None and arrival.preparing is not None:
            arrival.preparing.cancel()

    # ------------------------------------------------------------ ranges

    async def _take(self, question: Question, answer: RangeAnswer) -> None:
        arrival = _Arrival(await self._reader.read(question, answer))
        self._came[answer.number] = arrival
        self._prepare(answer.number, arrival)
        self._feed(Answered(self._now_ms(), answer.number, arrival.outline.last_height))

    def _prepare(self, number: int, arrival: _Arrival) -> None:
        """Begin to prepare a range, if it is proved.

        Raises:
            RangeRefused: it never will be.
        """
        if arrival.preparing is None and self._reader.prove(arrival.outline):
            arrival.preparing = asyncio.create_task(self._reader.prepare(arrival.outline))
            arrival.preparing.add_done_callback(partial(self._prepared, number))

    def _prepared(self, number: int, task: asyncio.Task[Prepared]) -> None:
        """Report a range at once whose bodies are not what its headers commit to."""
        error = None if task.cancelled() else task.exception()
        if isinstance(error, RangeInvalid) and number in self._came:
            self._refuse(number, error)

    async def _ready(self, arrival: _Arrival) -> Prepared:
        """Return a range that is next, prepared."""
        if arrival.preparing is not None:
            return await arrival.preparing
        await self._reader.prove_in_turn(arrival.outline)
        return await self._reader.prepare(arrival.outline)

    async def _import(self, number: int) -> None:
        arrival = self._came.pop(number)
        try:
            if arrival.outline.last_height > self._parts.importer.handed_over:
                prepared = await self._ready(arrival)
                await self._parts.importer.import_final(prepared.content, prepared.is_verified)
                self._reader.passed(prepared.content.last_height)
                self.on_proved(prepared.content)
        except (RangeInvalid, RangeRefused) as refused:
            self._refuse(number, refused)
        except ImportStopped:
            return  # The node stops.
        else:
            self.moved()
            self._feed(Imported(self._now_ms(), number))

    def _refuse(self, number: int, error: RangeInvalid | RangeRefused) -> None:
        self._came.pop(number, None)
        log.warning("range_invalid", reason=str(error))
        self._feed(Refused(self._now_ms(), number, error.code))

    def _imported(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._failure = error
            self._broken.set()
