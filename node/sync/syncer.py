"""The shell around the planner: sends questions, reads answers, imports ranges.

While one range is executed, the signatures of those behind it are verified in the worker processes
(`node.signatures`), so that both are busy.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from ledger import IsVerified
from ledger.hashing import Tags
from ledger.transaction import IdentifiedTransaction
from ledger.types import Height, PublicKey
from node.final_range import FinalRange, RangeInvalid, read_range
from node.importing import ImportStopped, RangeRefused
from node.p2p import Peer, RangeAnswer, RangeRequest, StatusMessage
from node.ports import Clock
from node.signatures import SignatureClaim, claim_of
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
    Spoilt,
    Tick,
    Unproved,
    WakeAt,
)
from node.sync.planner import Planner, Progress

RANGE_BYTES: Final = 1_048_576
"""Bytes of one range that are asked for: about as much as a second of execution."""

INLINE_BYTES_MAX: Final = 32_768
"""Up to here a range is decoded on the event loop: a few hundred transactions, milliseconds."""

QUESTIONS_MAX: Final = 64
"""Questions without an answer that are remembered; those given up count, too."""

log = structlog.get_logger(__name__)


class PeerBook(Protocol):
    """Connected peers, as this part needs them; `node.p2p.PeerNetwork` is one."""

    def peer_of(self, key: PublicKey) -> Peer | None:
        """Return the connected peer with this key."""

    def report_fault(self, peer: Peer, code: str, *, provable: bool) -> None:
        """Disconnect a peer, and ban it if the fault is provable."""


class Importer(Protocol):
    """Where ranges go; `node.driver.Driver` is one."""

    @property
    def handed_over(self) -> Height:
        """Height of the newest final block that was executed here."""

    async def import_final(self, content: FinalRange, verified: IsVerified) -> None:
        """Check, execute and commit; see `Driver.import_final`."""


class Verifier(Protocol):
    """Verifies signatures off the event loop; `node.signatures.SignatureVerifier` is one."""

    async def verify(self, claims: Sequence[SignatureClaim]) -> list[bool]:
        """Return for each claim whether its signature verifies."""


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


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A range that can be imported."""

    content: FinalRange
    good: frozenset[bytes]
    """Signed bytes whose signatures were verified."""


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
        self._questions: dict[int, tuple[PublicKey, Height]] = {}
        self._came: dict[int, asyncio.Task[_Prepared]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopped = False
        self._broken = asyncio.Event()
        self._failure: Exception | None = None
        self.on_proved: Callable[[FinalRange], None] = lambda _content: None
        """Is told of each range that was imported: its certificate is checked."""

    # ------------------------------------------------------------ what peers say

    def announced(self, peer: Peer, status: StatusMessage) -> None:
        """Note how far a peer's final chain reaches."""
        self._feed(Announced(self._now_ms(), peer.key, status.final_height))

    def left(self, peer: Peer) -> None:
        """Note that a peer is gone."""
        self._feed(Left(self._now_ms(), peer.key))

    async def answered(self, peer: Peer, answer: RangeAnswer) -> None:
        """Take a range; decoding a large one happens off the event loop."""
        number = answer.number
        asked, first = self._questions.get(number, (None, 0))
        if asked != peer.key:
            return  # Never asked of it, or answered before.
        del self._questions[number]
        if not answer.blocks:
            self._feed(Empty(self._now_ms(), number))
            return
        blocks = [block.block for block in answer.blocks]
        parts = (self._parts.tags, blocks, answer.blocks[-1].certificate, answer.headers)
        try:
            if sum(map(len, (*blocks, *answer.headers))) > INLINE_BYTES_MAX:
                content = await asyncio.to_thread(read_range, *parts)
            else:
                content = read_range(*parts)
            if content.first_height != first:
                raise RangeInvalid(f"it begins at {content.first_height}, not at {first}")
        except RangeInvalid as error:
            log.warning("range_invalid", peer=peer.key.hex(), reason=str(error))
            self._parts.peers.report_fault(peer, error.code, provable=True)
            self._feed(Spoilt(self._now_ms(), number))
            return
        self._came[number] = asyncio.create_task(self._prepare(content))
        self._feed(Answered(self._now_ms(), number, content.last_height))

    # ------------------------------------------------------------ for the node

    def moved(self) -> None:
        """Note that the own final chain has grown."""
        self._feed(Moved(self._now_ms(), self._parts.importer.handed_over))

    def set_patience(self, patience_ms: int) -> None:
        """Say how long a small gap is left alone, now that this node's part has changed."""
        self._planner.patience_ms = patience_ms

    def progress(self) -> Progress:
        """Return how the catch-up stands."""
        return self._planner.progress()

    @property
    def is_far_behind(self) -> bool:
        """Whether more is missing than consensus will bring by itself."""
        return self._planner.is_far_behind

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
        running = [*self._tasks, *self._came.values()]
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
                log.warning("range_unproved", peer=key.hex())
                if peer is not None:
                    self._parts.peers.report_fault(peer, code, provable=True)
            case WakeAt(at_ms=at_ms):
                self._wake_at(at_ms)

    def _ask(self, effect: Ask) -> None:
        peer = self._parts.peers.peer_of(effect.peer)
        self._questions[effect.number] = (effect.peer, effect.first)
        while len(self._questions) > QUESTIONS_MAX:
            del self._questions[next(iter(self._questions))]
        if peer is not None:  # Else `left` follows.
            peer.send(RangeRequest(effect.number, effect.first, RANGE_BYTES, effect.blocks_max))

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
        came = self._came.pop(number, None)
        if came:
            came.cancel()

    # ------------------------------------------------------------ ranges

    async def _prepare(self, content: FinalRange) -> _Prepared:
        """Verify the signatures of a range that nobody has verified here."""
        good: set[bytes] = set()
        unknown = []
        for block in content.blocks:
            for signed in block.body:
                if self._parts.known(signed):
                    good.add(signed.data)
                else:
                    unknown.append(signed)
        verdicts = await self._parts.verifier.verify(list(map(claim_of, unknown)))
        good.update(
            signed.data for signed, is_good in zip(unknown, verdicts, strict=True) if is_good
        )
        return _Prepared(content, frozenset(good))

    async def _import(self, number: int) -> None:
        prepared = await self._came.pop(number)

        def is_verified(signed: IdentifiedTransaction) -> bool:
            return signed.data in prepared.good

        try:
            await self._parts.importer.import_final(prepared.content, is_verified)
        except RangeRefused as refused:
            log.warning("range_refused", reason=str(refused))
            self._feed(Unproved(self._now_ms(), number))
        except ImportStopped:
            return  # The node stops.
        else:
            self.on_proved(prepared.content)
            self.moved()
            self._feed(Imported(self._now_ms(), number))

    def _imported(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._failure = error
            self._broken.set()
