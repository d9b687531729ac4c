"""Cores on a network, disks and clocks that one seed decides.

Real cores run under a fake application (blocks are ids with a parent), fake but sound signatures,
and disks that lose what was not synced. What is checked here uses no code of `consensus`: every
vote that leaves a node is remembered, and compared with all others of its signer for ever.
"""

import hashlib
import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from consensus import (
    AwaitWork,
    BlockArrived,
    BlockBuilt,
    BlockDeclined,
    BlockRef,
    Broadcast,
    BroadcastProposal,
    Certificate,
    CertificateReceived,
    CertificatesRequested,
    Certified,
    Certify,
    Commit,
    Core,
    Effect,
    Event,
    FetchCertificates,
    Finalize,
    Notarize,
    Persist,
    Propose,
    Record,
    ReportEvidence,
    ReportFault,
    Send,
    SetTimer,
    Started,
    StopSigning,
    Tick,
    Timing,
    Verdict,
    Verified,
    Verify,
    Vote,
    VoteReceived,
    VoteSeen,
    WorkPending,
)
from tests.consensus.sound_fakes import BOUNDARY, Block, FakeKey, committee_of
from tests.consensus.vote_judge import Disk, Judge

TIMING = Timing(delta_ms=200, heartbeat_ms=10_000)


Report = TypeVar("Report", ReportEvidence, ReportFault, StopSigning)

COMPACTION = 0.1
"""Probability that a journal is rewritten after a final block."""


class Crashed(Exception):
    """The node stopped in the middle of a batch."""


class Node:
    """A validator: core, application, disk. Everything it does goes through the network."""

    def __init__(self, network: "Network", number: int) -> None:
        self.network = network
        self.number = number
        self.disk = Disk()
        self.is_up = False
        self.blocks: dict[bytes, Block] = {}
        self.complete = {BOUNDARY.block_id}
        self.unsynced: list[tuple[list[Block], tuple[Record, ...]]] = []
        self.timer = 0
        self.reports: list[Effect] = []
        self.core: Core

    def start(self) -> None:
        """Come up with what the disk kept."""
        self.core = Core(self.network.committee, FakeKey(self.number), TIMING)
        self.is_up = True
        self.blocks = dict(self.disk.blocks)
        self.complete = {BOUNDARY.block_id}
        self.unsynced = []
        self.timer += 1
        disk = self.disk
        last = frozenset(block_id for block_id in disk.blocks if self.ends_epoch(block_id))
        records = tuple(disk.records)
        self.handle(Started(self.network.now, disk.final, disk.certificate, records, last))

    def crash(self) -> None:
        self.is_up = False
        self.timer += 1

    def handle(self, event: Event) -> None:
        """Feed an event and carry the effects out; a scheduled crash may cut the batch anywhere."""
        if not self.is_up:
            return
        event = replace(event, now_ms=self.network.now)
        effects = self.core.handle(event)
        try:
            for effect in effects:
                self.network.maybe_crash(self)
                self.carry_out(effect)
        except Crashed:
            self.crash()

    def carry_out(self, effect: Effect) -> None:
        if isinstance(effect, Broadcast | BroadcastProposal | Send | Commit):
            self.sync()
            self.show(effect)
            return
        match effect:
            case Persist(blocks=blocks, records=records):
                self.unsynced.append(([self.blocks[ref.block_id] for ref in blocks], records))
            case FetchCertificates(views=views, ask=ask):
                self.network.ask(self, views, ask)
            case Propose(view=view, parent=parent):
                self.build(view, parent)
            case Verify(proposal=proposal, parent=parent):
                self.network.later(1, self.verified, proposal, parent)
            case Certify(notarized=notarized):
                self.network.later(1, self.certified, notarized)
            case AwaitWork(view=view):
                self.network.work_wanted(self, view)
            case SetTimer(at_ms=at_ms):
                self.timer += 1
                if at_ms is not None:
                    self.network.at(at_ms, self.tick, self.timer)
            case _:
                self.reports.append(effect)

    def show(self, effect: Broadcast | BroadcastProposal | Send | Commit) -> None:
        match effect:
            case Broadcast(message=message):
                self.network.broadcast(self, message, None)
            case BroadcastProposal(vote=vote):
                assert isinstance(vote.statement, Notarize)
                self.network.broadcast(self, vote, self.blocks.get(vote.statement.block_id))
            case Send(member=member, message=message):
                self.network.send(self, member, message, None)
            case Commit(certificate=certificate):
                self.commit(certificate)

    def reported(self, kind: type[Report]) -> list[Report]:
        """Return the reports of one kind."""
        return [report for report in self.reports if isinstance(report, kind)]

    def sync(self) -> None:
        """Like the driver: records become durable with the first thing that leaves, all or none."""
        for blocks, records in self.unsynced:
            self.disk.blocks |= {block.block_id: block for block in blocks}
            self.disk.records += records
            self.disk.votes |= {record.vote for record in records if isinstance(record, VoteSeen)}
        self.unsynced = []

    def tick(self, timer: int) -> None:
        if timer == self.timer:
            self.handle(Tick(0))

    # The fake application -------------------------------------------------------------------

    def build(self, view: int, parent: BlockRef) -> None:
        if not self.has_chain(parent.block_id):
            self.network.later(1, self.handle, BlockDeclined(0, view))
            return
        seed = f"{view}/{parent.block_id.hex()}/{self.number}/{self.network.random.random()}"
        block = Block(hashlib.sha256(seed.encode()).digest(), view, parent, self.height(parent) + 1)
        self.blocks[block.block_id] = block
        self.network.later(
            1, self.handle, BlockBuilt(0, view, block.block_id, self.ends_epoch(block.block_id))
        )

    def height(self, ref: BlockRef) -> int:
        if ref == BOUNDARY:
            return 0
        return self.blocks[ref.block_id].height

    def ends_epoch(self, block_id: bytes) -> bool:
        """Return whether an executed block is the last of the epoch."""
        block = self.blocks.get(block_id)
        return block is not None and block.height == self.network.last_height

    def has_chain(self, block_id: bytes) -> bool:
        """Return whether a block and its ancestors are here; ask for the first that is not."""
        missing = block_id
        while missing not in self.complete:
            if missing not in self.blocks:
                self.network.fetch_block(self, missing)
                return False
            missing = self.blocks[missing].parent.block_id
        self.complete.add(block_id)
        return True

    def verified(self, proposal: Notarize, parent: BlockRef) -> None:
        verdict = Verdict.UNKNOWN
        if self.has_chain(proposal.block_id):
            block = self.blocks[proposal.block_id]
            place = (proposal.view, parent, self.height(parent) + 1)
            fits = (block.view, block.parent, block.height) == place
            verdict = Verdict.VALID if fits else Verdict.INVALID
        ends = self.ends_epoch(proposal.block_id)
        self.handle(Verified(0, proposal.view, proposal.block_id, verdict, ends))

    def certified(self, notarized: Notarize) -> None:
        verdict = Verdict.VALID if self.has_chain(notarized.block_id) else Verdict.UNKNOWN
        ends = self.ends_epoch(notarized.block_id)
        self.handle(Certified(0, notarized.view, notarized.block_id, verdict, ends))

    def commit(self, certificate: Certificate) -> None:
        """Store the final block once its ancestors are here; the store's commit is durable."""
        final = certificate.statement
        assert isinstance(final, Finalize)
        if not self.has_chain(final.block_id):
            self.network.later(50, self._commit_again, certificate)
            return
        if final.view > self.disk.final.view:
            block = self.blocks[final.block_id]
            while block.block_id not in self.disk.blocks:
                self.disk.blocks[block.block_id] = block
                block = self.blocks.get(block.parent.block_id, block)
            self.disk.final = BlockRef(final.view, final.block_id)
            self.disk.certificate = certificate
            if self.network.random.random() < COMPACTION:
                self.disk.records = [r for r in self.disk.records if r.view > final.view]
            self.network.judge.on_final(self.blocks, self.disk.final)

    def _commit_again(self, certificate: Certificate) -> None:
        if self.is_up:
            self.commit(certificate)

    def receive(self, message: Vote | Certificate, block: Block | None, sender: int) -> None:
        if not self.is_up:
            return
        if block is not None:
            self.arrive(block)
        if isinstance(message, Vote):
            self.handle(VoteReceived(0, message, sender))
        else:
            self.handle(CertificateReceived(0, message, sender))

    def arrive(self, block: Block) -> None:
        if self.is_up and block.block_id not in self.blocks:
            self.blocks[block.block_id] = block
            self.handle(BlockArrived(0, block.block_id))


@dataclass
class Weather:
    """How the network behaves until it heals."""

    loss: float = 0.0
    delay_ms: tuple[int, int] = (1, 20)
    duplication: float = 0.0
    crash: float = 0.0
    """Probability of a crash before each effect."""
    down_ms: tuple[int, int] = (50, 3_000)


CALM = Weather()


class Network:
    """Simulated time, links and checks."""

    def __init__(self, size: int, seed: int, weather: Weather = CALM, *, busy: bool = True) -> None:
        self.last_height: int | None = None
        """Height of the epoch's last block, if it ends in this run."""
        self.random = random.Random(seed)
        self.committee = committee_of(size)
        self.weather = weather
        self.busy = busy
        self.now = 0
        self._queue: list[tuple[int, int, Callable[..., None], tuple[object, ...]]] = []
        self._sequence = 0
        self.nodes = [Node(self, number) for number in range(size)]
        self.byzantine: set[int] = set()
        self.cut: set[frozenset[int]] = set()
        self.judge = Judge(size)
        self.waiting_for_work: dict[int, int] = {}
        self.certificates_sent = 0
        self.on_message: Callable[[int, Vote | Certificate, Block | None], None] | None = None

    # Time -----------------------------------------------------------------------------------

    def at(self, time: int, action: Callable[..., None], *arguments: object) -> None:
        self._sequence += 1
        heapq.heappush(self._queue, (max(time, self.now), self._sequence, action, arguments))

    def later(self, delay: int, action: Callable[..., None], *arguments: object) -> None:
        self.at(self.now + delay, action, *arguments)

    def run_until(self, time: int, stop: Callable[[], bool] = lambda: False) -> None:
        while self._queue and self._queue[0][0] <= time and not stop():
            self.now, _, action, arguments = heapq.heappop(self._queue)
            action(*arguments)
        if not stop():
            self.now = max(self.now, time)

    def start(self) -> None:
        for node in self.honest():
            node.start()

    def honest(self) -> Iterator[Node]:
        return (node for node in self.nodes if node.number not in self.byzantine)

    # Faults ---------------------------------------------------------------------------------

    def maybe_crash(self, node: Node) -> None:
        if self.weather.crash and self.random.random() < self.weather.crash:
            self.later(self.random.randint(*self.weather.down_ms), self.restart, node)
            raise Crashed

    def restart(self, node: Node) -> None:
        if not node.is_up:
            node.start()

    def heal(self) -> None:
        self.weather = CALM
        self.cut = set()
        for node in self.honest():
            self.restart(node)

    # Links ----------------------------------------------------------------------------------

    def broadcast(self, node: Node, message: Vote | Certificate, block: Block | None) -> None:
        for peer in self.nodes:
            if peer is not node:
                self.send(node, peer.number, message, block)

    def send(
        self, node: Node, member: int, message: Vote | Certificate, block: Block | None
    ) -> None:
        if node.number not in self.byzantine:
            self.judge.on_sent(node.number, node.disk, message)
        self.certificates_sent += isinstance(message, Certificate)
        weather = self.weather
        if frozenset((node.number, member)) in self.cut or self.random.random() < weather.loss:
            return
        copies = 2 if self.random.random() < weather.duplication else 1
        for _ in range(copies):
            delay = self.random.randint(*weather.delay_ms)
            if member in self.byzantine:
                if self.on_message:
                    self.later(delay, self.on_message, member, message, block)
            else:
                self.later(delay, self.nodes[member].receive, message, block, node.number)

    def ask(self, node: Node, views: tuple[int, ...], ask: int | None) -> None:
        others = [n for n in self.honest() if n is not node and n.is_up]
        if not others or self.random.random() < self.weather.loss:
            return
        peer = self.nodes[ask] if ask is not None else self.random.choice(others)
        if (
            peer.number not in self.byzantine
            and frozenset((node.number, peer.number)) not in self.cut
        ):
            delay = self.random.randint(*self.weather.delay_ms)
            self.later(delay, peer.handle, CertificatesRequested(0, views, node.number))

    def fetch_block(self, node: Node, block_id: bytes) -> None:
        holders = [n for n in self.honest() if n is not node and n.is_up and block_id in n.blocks]
        if holders and self.random.random() >= self.weather.loss:
            holder = self.random.choice(holders)
            if frozenset((node.number, holder.number)) not in self.cut:
                delay = 2 * self.random.randint(*self.weather.delay_ms)
                self.later(delay, node.arrive, holder.blocks[block_id])

    def work_wanted(self, node: Node, view: int) -> None:
        self.waiting_for_work[node.number] = view
        if self.busy:
            self.later(1, node.handle, WorkPending(0, view))

    def bring_work(self) -> None:
        """Everybody has something for a block now."""
        for node in self.honest():
            if node.number in self.waiting_for_work:
                node.handle(WorkPending(0, self.waiting_for_work[node.number]))

    def final_height(self) -> int:
        """Height that every honest node has made final."""
        heights = []
        for node in self.honest():
            final = node.disk.final
            heights.append(0 if final == BOUNDARY else node.blocks[final.block_id].height)
        return min(heights)
