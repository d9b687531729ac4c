"""The single-writer loop of a node: event → `consensus.Core.handle` → effects, in order.

The driver decides nothing. In one turn it feeds the events that wait, collects what they persist,
makes that durable with one append and one sync, and only then does what can be seen from outside:
send, commit, and build the next block. Questions about blocks (`Verify`, `Certify`) are answered
within the turn, others on the loop having theirs between the steps of a large block.

Final blocks that were fetched by height enter here, too (`import_final`), one block between two
turns, so that a node which catches up goes on listening.

Whatever fails here is a broken invariant of this node, and stops it (`NodeFatal`): a node that does
not know what it said must not say more. What peers and clients send cannot fail here: it was
decoded before it became an event, the core refuses what is wrong with it, and a proposal on which
the ledger itself crashes is refused (`node.application`).
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import ClassVar, Final

import structlog

from consensus import (
    AwaitWork,
    BlockArrived,
    Broadcast,
    BroadcastProposal,
    CertificateReceived,
    Commit,
    Committee,
    Effect,
    Event,
    Evidence,
    FetchCertificates,
    Notarize,
    Propose,
    ReportEvidence,
    ReportFault,
    Send,
    SetTimer,
    StopSigning,
)
from ledger import IsVerified
from ledger.store import ChainStore
from ledger.types import Epoch, Height, View
from node.alarms import Alarms
from node.application import Application
from node.auditor import Auditor
from node.block_tree import TreeBlock
from node.chain import ChainNode
from node.committer import Committer
from node.failpoints import Failpoints, NoFailpoints
from node.final_range import FinalRange
from node.handover import HandOver
from node.importing import Import, Importer
from node.inbox import Inbox
from node.journal import Journal
from node.journal_format import Entry
from node.ports import Clock, FoundWork, Network, NoPeers
from node.recovery import Engine, EpochOpener, OpenedJournal
from node.status import NodeStatus, status_of
from node.together import until_one_ends
from node.turn import Turn

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
        count_crash: Callable[[], None] = lambda: None,
        report_evidence: Callable[[Committee, Evidence], None] = lambda _set, _seen: None,
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
            count_crash: is told of each proposal that this program could not judge.
            report_evidence: is told of a member that contradicted itself; may be told again.

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
        self._count_crash = count_crash
        self._report_evidence = report_evidence
        self.inbox = Inbox(chain.tree, clock)
        """Takes what peers send."""
        self._alarms = Alarms(chain, clock, self.inbox.post, self._share_work)
        self._is_stopping = self._must_open = False
        self._unsynced: list[Entry] = []
        self._handover = HandOver(chain.head().height)
        self.importer = Importer(chain.tree, self._handover)
        """Queues ranges, for `import_final`."""
        self._open_epoch(opener.open_journal(chain.tree.final_view))

    async def run(self) -> None:
        """Run until `stop`.

        Raises:
            NodeFatal: an invariant is broken; the process must end.
        """
        self._alarms.listen()
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
            self.importer.stop()
            self._close_journal()
            self._opener.close()

    def stop(self) -> None:
        """Have `run` return after this turn, with everything final committed."""
        self._is_stopping = True
        self.inbox.wake.set()

    def status(self) -> NodeStatus:
        """Return where consensus stands."""
        height, silent = self._chain.head().height, self._silent_because
        return status_of(self._engine.committee, self._engine.core, height, silent)

    def waits_for_word(self) -> bool:
        """Return whether `vouch` would let this validator sign (S10)."""
        return self._engine.opened.can_be_vouched

    @property
    def engine(self) -> Engine:
        """What runs the current epoch."""
        return self._engine

    @property
    def committee(self) -> Committee:
        """The validators of the current epoch."""
        return self._engine.committee

    @property
    def handed_over(self) -> Height:
        """Height of the newest final block that was executed here; durable soon."""
        return self._handover.height

    async def import_final(self, content: FinalRange, verified: IsVerified) -> None:
        """Execute and commit final blocks that follow what was handed over; returns when they are.

        Args:
            content: blocks above `handed_over`, or partly below it, of this epoch or, if what was
                imported before ends this one, of the next.
            verified: which signatures were verified before.

        Raises:
            RangeRefused: the certificate is not one of the epoch's committee.
            ImportStopped: the node stops.
        """
        done = self.importer.add(content, verified)
        self.inbox.wake.set()
        await done

    def vouch(self, epoch: Epoch) -> None:
        """Let a validator without a journal sign in an epoch: it is known not to have voted."""
        if self._engine.committee.epoch == epoch and self._engine.opened.can_be_vouched:
            self._opener.vouch(epoch)
            self._must_open = True
            self.inbox.wake.set()

    @property
    def _is_halting(self) -> bool:
        return self._is_stopping or self._must_open

    async def _turns(self, committer: Committer, journal_thread: Executor) -> None:
        while not self._is_stopping:
            await self.inbox.wake.wait()
            self.inbox.wake.clear()
            if self._must_open:
                await self._open_again(committer, journal_thread)
            while not self._is_halting:
                item = self.importer.current(self._engine.committee)
                if not len(self.inbox) and item is None:
                    break
                if len(self.inbox):
                    await self._turn(committer, journal_thread)
                if item is not None:
                    await self._import_step(item, committer, journal_thread)
                await asyncio.sleep(0)  # Timers and requests have their turn, too.
        await committer.drain()

    async def _turn(self, committer: Committer, journal_thread: Executor) -> None:
        turn = Turn()
        for event in self.inbox.take(TURN_EVENTS_MAX):
            await self._feed(event, turn)
            if isinstance(event, BlockArrived) and self._handover.wanted:
                turn.visible.append(Commit(self._handover.wanted))
        await self._finish(turn, committer, journal_thread)

    async def _feed(self, event: Event, turn: Turn) -> None:
        await turn.feed(event, self._engine.core, self._application, self._chain.tree)

    async def _finish(self, turn: Turn, committer: Committer, journal_thread: Executor) -> None:
        """Make a turn durable, then do what it asks for.

        A lone validator's block is written while its journal is, and published after both: two
        syncs at once. After a crash the store alone may have it. Then nothing that depends on the
        votes was sent, and no view up to the block's is voted in again (`check_reach`).
        """
        commits = [effect for effect in turn.visible if isinstance(effect, Commit)]
        is_alone = self._journal is not None and self._engine.committee.size == 1
        if is_alone and commits:
            journaled = asyncio.ensure_future(self._make_durable(turn, journal_thread))
            try:
                for commit in commits:
                    await self._hand_over(commit, committer, journaled)
            finally:
                await journaled
        else:
            await self._make_durable(turn, journal_thread)
        for effect in turn.visible:
            if isinstance(effect, Commit):
                await self._hand_over(effect, committer)
            else:
                await self._carry_out(effect)

    async def _hand_over(
        self, effect: Commit, committer: Committer, journaled: asyncio.Future[None] | None = None
    ) -> None:
        self._handover.want(effect.certificate)
        if self.importer.current(self._engine.committee) is None:
            await self._handover.take(self._application, committer, journaled)

    async def _make_durable(self, turn: Turn, journal_thread: Executor) -> None:
        """Write what was persisted, if anything of this turn can be seen from outside.

        Records that nothing sent depends on wait for the next batch, and so cost no sync.
        """
        journal = self._journal
        if journal is None:
            return
        self._unsynced += turn.entries
        if not self._unsynced or not turn.shows:
            return
        entries, self._unsynced = self._unsynced, []
        floor = self._durable_view

        def write() -> None:
            journal.append(entries)
            journal.forget(floor)

        await asyncio.get_running_loop().run_in_executor(journal_thread, write)

    async def _import_step(
        self, item: Import, committer: Committer, journal_thread: Executor
    ) -> None:
        """Begin a range, or execute and hand over its next block."""
        if not item.has_begun:
            if not self.importer.begin(item, self._engine.committee):
                await self._handover.take(self._application, committer)  # It waited for the range.
                return
            # The journal must know of finality before the store does.
            turn, proof = Turn(), item.content.certificate
            await self._feed(CertificateReceived(self._clock.monotonic_ms(), proof, None), turn)
            turn.visible.append(Commit(proof))
            await self._finish(turn, committer, journal_thread)
        if await self.importer.step(item, committer):
            await self._handover.take(self._application, committer)

    async def _carry_out(self, effect: Effect) -> None:
        match effect:
            case Propose():
                self.inbox.post_first(await self._application.build(effect))
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

    def _share_work(self, view: View, found: FoundWork) -> None:
        self._network.share_work(self._engine.committee.leader_key(view), found)

    def _report(self, effect: Effect) -> None:
        match effect:
            case StopSigning(reason=reason):
                self._silent_because = reason
                self._close_journal()
                self._opener.distrust(self._engine.committee.epoch)
                log.error("signing_stopped", reason=reason)
            case ReportEvidence(evidence=evidence):
                self._report_evidence(self._engine.committee, evidence)
            case ReportFault(sender=sender, code=code):
                self._network.report_fault(sender, code)
            case _:
                raise AssertionError(f"an effect that nobody carries out: {effect!r}")

    def _open_epoch(self, opened: OpenedJournal) -> None:
        tree, verified = self._chain.tree, self._chain.pool.is_verified
        engine = self._opener.open(tree, opened, verified, self._clock.monotonic_ms())
        self._engine, committee = engine, engine.committee
        self._journal: Journal | None = opened.journal
        self._application = Application(
            self._chain, committee, self._clock, self._network, self._count_crash
        )
        self._network.enter_epoch(committee)
        self._silent_because = opened.silent_because
        self._durable_view: View = 0
        self._handover.start_epoch()
        self.inbox.open_epoch(committee, engine.core)
        self.inbox.post(engine.started)

    def _on_published(self, block: TreeBlock) -> None:
        """Note that a final block is durable: the journal needs what is below it no more."""
        header = block.view.header
        if header.epoch != self._engine.committee.epoch:
            return
        if not self._durable_view:
            self._opener.forget_earlier_epochs(header.epoch)
        self._durable_view = header.view
        resumes_at = self._engine.opened.resumes_at
        if block.view.ends_epoch or (resumes_at is not None and header.view >= resumes_at):
            self._must_open = True
            self.inbox.wake.set()

    async def _open_again(self, committer: Committer, journal_thread: Executor) -> None:
        """Start the next epoch's core, or this one's with another journal.

        Nothing that is pending for the old core matters to the new one.
        """
        self._alarms.cancel()
        await committer.drain()
        loop, view = asyncio.get_running_loop(), self._chain.tree.final_view
        self._close_journal()
        opened = await loop.run_in_executor(journal_thread, self._opener.open_journal, view)
        self._must_open = False
        self._unsynced.clear()
        self._open_epoch(opened)

    def _close_journal(self) -> None:
        journal, self._journal = self._journal, None
        if journal:
            journal.close()
