"""The single-writer loop of a node: event → `consensus.Core.handle` → effects, in order.

The driver decides nothing. In one turn it feeds the events that wait, collects what they persist,
makes that durable with one append and one sync, and only then does what can be seen from outside:
send, commit, and build the next block. Questions about blocks (`Verify`, `Certify`) are answered
within the turn.

Whatever fails here is a broken invariant of this node, and stops it (`NodeFatal`): a node that does
not know what it said must not say more. What peers and clients send cannot fail here: it was
decoded before it became an event, and the core refuses what is wrong with it.
"""

import asyncio
from collections import deque
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import ClassVar, Final

import structlog

from consensus import (
    AwaitWork,
    BlockArrived,
    Broadcast,
    BroadcastProposal,
    Certificate,
    CertificateReceived,
    CertificatesRequested,
    Certify,
    Commit,
    Effect,
    Event,
    FetchCertificates,
    Finalize,
    Notarize,
    Persist,
    Propose,
    ReportEvidence,
    ReportFault,
    Send,
    SetTimer,
    StopSigning,
    Verify,
    Vote,
    VoteReceived,
)
from ledger.codec import encode
from ledger.store import ChainStore
from ledger.types import View
from node.alarms import Alarms
from node.application import Application
from node.auditor import Auditor
from node.block_tree import TreeBlock
from node.chain import ChainNode
from node.committer import Committer, FinalisedBlock
from node.failpoints import Failpoints, NoFailpoints
from node.journal import Journal
from node.journal_format import Entry, KeptBlock
from node.ports import Clock, Network, NoPeers
from node.recovery import Engine, EpochOpener
from node.status import NodeStatus
from node.together import until_one_ends

TURN_EVENTS_MAX: Final = 256
"""Events in one turn; bounds how long the first of them waits for its sync."""

log = structlog.get_logger(__name__)


class NodeFatal(Exception):
    """An invariant of this node is broken: it must stop, and a person must look."""

    code: ClassVar[str] = "NODE_FATAL"

    def __init__(self, error: BaseException) -> None:
        """State what broke it."""
        reason = str(error) or repr(error)
        super().__init__(f"the node stopped itself: {type(error).__name__}: {reason}")


@dataclass(slots=True)
class _Turn:
    """What the events of one turn led to."""

    entries: list[Entry] = field(default_factory=list)
    visible: list[Effect] = field(default_factory=list)

    @property
    def shows(self) -> bool:
        """Whether anything of it can be seen from outside this process."""
        kinds = Broadcast | BroadcastProposal | Send | Commit
        return any(isinstance(effect, kinds) for effect in self.visible)


class Driver:
    """Runs consensus for one node; everything but the two writer threads is on the event loop."""

    def __init__(
        self,
        chain: ChainNode,
        store: ChainStore,
        opener: EpochOpener,
        clock: Clock,
        *,
        network: Network | None = None,
        failpoints: Failpoints | None = None,
        auditor: Auditor | None = None,
    ) -> None:
        """Open the current epoch; `run` does the rest.

        Args:
            chain: its tree stands at the store's head.
            store: the durable chain; nobody else writes it.
            opener: opens each epoch's core and journal.
            clock: wall clock for blocks, monotonic clock for timeouts.
            network: how to reach peers; none by default.
            failpoints: where tests kill the process.
            auditor: checks each block before it is committed; nobody by default.

        Raises:
            JournalError: the journal cannot be used; the text says what to do.
        """
        self._chain = chain
        self._store = store
        self._opener = opener
        self._clock = clock
        self._network = network or NoPeers()
        self._failpoints = failpoints or NoFailpoints()
        self._auditor = auditor
        self._events: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._alarms = Alarms(chain, clock, self._post)
        self._is_stopping = False
        self._is_epoch_over = False
        self._unsynced: list[Entry] = []
        self._wanted: Certificate | None = None
        self._handed_over = chain.head().height
        self._open_epoch(opener.open_journal(chain.tree.final_view))

    # ------------------------------------------------------------ running

    async def run(self) -> None:
        """Run until `stop`.

        Raises:
            NodeFatal: an invariant is broken; the process must end.
        """
        self._chain.on_growth(self._alarms.check_work)
        try:
            with (
                ThreadPoolExecutor(1, "journal") as journal_thread,
                ThreadPoolExecutor(1, "store") as store_thread,
            ):
                committer = Committer(
                    self._chain,
                    self._store,
                    store_thread,
                    self._failpoints,
                    self._on_published,
                    auditor=self._auditor,
                )
                await until_one_ends(committer.run(), self._turns(committer, journal_thread))
        except Exception as error:
            log.critical("node_fatal", error=repr(error))
            raise NodeFatal(error) from error
        finally:
            self._alarms.cancel()
            if self._engine.journal:
                self._engine.journal.close()
            self._opener.close()

    def stop(self) -> None:
        """Have `run` return after this turn, with everything final committed."""
        self._is_stopping = True
        self._wake.set()

    def status(self) -> NodeStatus:
        """Return where consensus stands."""
        committee, core = self._engine.committee, self._engine.core
        return NodeStatus(
            epoch=committee.epoch,
            view=core.view,
            final_view=core.floor.view,
            final_height=self._chain.head().height,
            leader=committee.leader_key(core.view),
            validators=committee.size,
            signs=core.may_sign,
            silent_because=self._silent_because,
            heard={committee.members[member]: view for member, view in core.heard.items()},
        )

    # ------------------------------------------------------------ what peers send

    def deliver_vote(self, vote: Vote, sender: int | None, block: bytes | None = None) -> None:
        """Take a peer's vote; a proposal comes with its block.

        Raises:
            CodecError: the bytes are no block; the peer is at fault.
        """
        if vote.statement.epoch == self._engine.committee.epoch:
            if block is not None:
                self.deliver_block(block)
            self._post(VoteReceived(self._clock.monotonic_ms(), vote, sender))

    def deliver_certificate(self, certificate: Certificate, sender: int | None) -> None:
        """Take a peer's certificate."""
        if certificate.statement.epoch == self._engine.committee.epoch:
            self._post(CertificateReceived(self._clock.monotonic_ms(), certificate, sender))

    def deliver_request(self, views: tuple[View, ...], sender: int) -> None:
        """Take a member's question for certificates."""
        self._post(CertificatesRequested(self._clock.monotonic_ms(), views, sender))

    def deliver_block(self, data: bytes) -> None:
        """Take a block that a peer offers or that was fetched.

        Raises:
            CodecError: the bytes are no block; the peer is at fault.
        """
        block_id = self._chain.tree.offer(data)
        self._post(BlockArrived(self._clock.monotonic_ms(), block_id))

    # ------------------------------------------------------------ turns

    def _post(self, event: Event) -> None:
        self._events.append(event)
        self._wake.set()

    async def _turns(self, committer: Committer, journal_thread: Executor) -> None:
        while not self._is_stopping:
            await self._wake.wait()
            self._wake.clear()
            if self._is_epoch_over:
                await self._next_epoch(journal_thread)
            while self._events and not self._is_stopping:
                await self._turn(committer, journal_thread)
                await asyncio.sleep(0)  # Timers and requests have their turn, too.
        await committer.drain()

    async def _turn(self, committer: Committer, journal_thread: Executor) -> None:
        turn = _Turn()
        for _ in range(min(len(self._events), TURN_EVENTS_MAX)):
            event = self._events.popleft()
            self._feed(event, turn)
            if isinstance(event, BlockArrived) and self._wanted:
                turn.visible.append(Commit(self._wanted))
        await self._make_durable(turn, journal_thread)
        for effect in turn.visible:
            if isinstance(effect, Commit):
                await self._hand_over(effect.certificate, committer)
            else:
                self._carry_out(effect)

    def _feed(self, event: Event, turn: _Turn) -> None:
        """Have the core handle an event, and answer its questions about blocks at once."""
        events = deque([event])
        while events:
            for effect in self._engine.core.handle(events.popleft()):
                match effect:
                    case Persist():
                        turn.entries += self._entries_of(effect)
                    case Verify():
                        events.append(self._application.verify(effect))
                    case Certify():
                        events.append(self._application.certify(effect))
                    case _:
                        turn.visible.append(effect)

    def _entries_of(self, persist: Persist) -> list[Entry]:
        entries: list[Entry] = []
        for ref in persist.blocks:
            block = self._chain.tree.get(ref.block_id)
            assert block is not None, "a block that is vouched for is in the tree"
            entries.append(KeptBlock(ref.view, ref.block_id, block.data))
        return [*entries, *persist.records]

    async def _make_durable(self, turn: _Turn, journal_thread: Executor) -> None:
        """Write what was persisted, if anything of this turn can be seen from outside.

        Records that nothing sent depends on wait for the next batch, and so cost no sync.
        """
        self._unsynced += turn.entries
        journal = self._engine.journal
        if journal is None or not self._unsynced or not turn.shows:
            return
        entries, self._unsynced = self._unsynced, []
        floor = self._durable_view

        def write() -> None:
            journal.append(entries)
            journal.forget(floor)

        await asyncio.get_running_loop().run_in_executor(journal_thread, write)

    # ------------------------------------------------------------ effects

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Propose():
                self._events.appendleft(self._application.build(effect))
                self._wake.set()
            case Broadcast(message=message):
                self._network.broadcast(message)
            case BroadcastProposal(vote=vote):
                assert isinstance(vote.statement, Notarize)
                block = self._chain.tree.get(vote.statement.block_id)
                self._network.broadcast(vote, block.data if block else None)
            case Send(member=member, message=message):
                self._network.send(member, message)
            case FetchCertificates(views=views, ask=ask):
                self._network.fetch_certificates(views, ask)
            case AwaitWork(parent=parent):
                self._chain.tree.set_head(parent.block_id)
                self._alarms.await_work(effect)
            case SetTimer(at_ms=at_ms):
                self._alarms.set_timer(at_ms)
            case _:
                self._report(effect)

    def _report(self, effect: Effect) -> None:
        match effect:
            case StopSigning(reason=reason):
                self._silent_because = reason
                log.error("signing_stopped", reason=reason)
            case ReportEvidence(evidence=evidence):
                member = self._engine.committee.members[evidence.first.signer]
                log.error("validator_contradicted_itself", validator=member.hex())
            case ReportFault(sender=sender, code=code):
                self._network.report_fault(sender, code)
            case _:
                raise AssertionError(f"an effect that nobody carries out: {effect!r}")

    async def _hand_over(self, certificate: Certificate, committer: Committer) -> None:
        """Give the committer a final block and its ancestors, or wait for what is missing."""
        final = certificate.statement
        assert isinstance(final, Finalize)
        self._wanted = certificate
        blocks = self._application.finalised(final)
        if blocks is None:
            return
        self._wanted = None
        for block in blocks:
            height = block.view.header.height
            if height > self._handed_over:
                self._handed_over = height
                is_named = block.view.block_id == final.block_id
                own_certificate = encode(certificate) if is_named else b""
                await committer.put(FinalisedBlock(block, own_certificate))

    # ------------------------------------------------------------ epochs

    def _open_epoch(self, journal: Journal | None) -> None:
        tree, verified = self._chain.tree, self._chain.pool.is_verified
        engine = self._opener.open(tree, journal, verified, self._clock.monotonic_ms())
        self._engine: Engine = engine
        self._application = Application(self._chain, engine.committee, self._clock, self._network)
        self._silent_because = engine.silent_because
        self._durable_view: View = 0
        self._post(engine.started)
        log.info("epoch_opened", epoch=engine.committee.epoch, validators=engine.committee.size)
        if engine.silent_because:
            log.error("not_signing", reason=engine.silent_because)

    def _on_published(self, block: TreeBlock) -> None:
        """Note that a final block is durable: the journal needs what is below it no more."""
        header = block.view.header
        if header.epoch != self._engine.committee.epoch:
            return
        if not self._durable_view:
            self._opener.forget_earlier_epochs(header.epoch)
        self._durable_view = header.view
        if block.view.ends_epoch:
            self._is_epoch_over = True
            self._wake.set()

    async def _next_epoch(self, journal_thread: Executor) -> None:
        """Start the next epoch's core; nothing that is pending for the old one matters to it."""
        self._alarms.cancel()
        loop, view = asyncio.get_running_loop(), self._chain.tree.final_view
        journal = await loop.run_in_executor(journal_thread, self._opener.open_journal, view)
        if self._engine.journal:
            self._engine.journal.close()
        self._is_epoch_over = False
        self._events.clear()
        self._unsynced.clear()
        self._wanted = None
        self._open_epoch(journal)
