"""From any state that the model reaches: calm the network, silence the Byzantine member, and wait.

Whatever happened before, the honest members must agree on a new block soon. Messages take one Δ at
most from now on, and everybody has work.
"""

import heapq
from collections.abc import Callable

from consensus import (
    AwaitWork,
    BlockBuilt,
    Broadcast,
    BroadcastProposal,
    Certificate,
    CertificateReceived,
    CertificatesRequested,
    Certified,
    Certify,
    Core,
    Effect,
    Event,
    FetchCertificates,
    Propose,
    Send,
    SetTimer,
    StopSigning,
    Tick,
    Verdict,
    Verified,
    Verify,
    Vote,
    VoteReceived,
    WorkPending,
)
from tests.consensus.model_member import World

MESSAGE_MS = 20


class Calm:
    """Cores that continue from where the model left them."""

    def __init__(self, world: World, cores: dict[int, Core]) -> None:
        self.world = world
        self.cores = cores
        self.now = max(core._state.now_ms for core in cores.values())
        self._queue: list[tuple[int, int, int, Callable[[int], Event]]] = []
        self._count = 0
        for member, core in cores.items():
            self._later(member, max(1, core._alarm_ms - self.now), Tick)
            self._carry_out(member, AwaitWork(core.view, core.floor, leading=False))
            for at in core._state.log.above_floor():
                if at.notarized and at.certified is None:
                    self._answer_certify(member, Certify(at.notarized))

    def run(self, limit_ms: int) -> bool:
        """Return whether all made something of a later view final within the time."""
        goal = max(core.view for core in self.cores.values())
        end = self.now + limit_ms
        while self._queue and self._queue[0][0] <= end:
            self.now, _, member, make = heapq.heappop(self._queue)
            for effect in self.cores[member].handle(make(self.now)):
                self._carry_out(member, effect)
            if all(core.floor.view >= goal for core in self.cores.values()):
                return True
        return False

    def _later(self, member: int, delay_ms: int, make: Callable[[int], Event]) -> None:
        if member in self.cores:
            self._count += 1
            heapq.heappush(self._queue, (self.now + delay_ms, self._count, member, make))

    def _tell(self, sender: int, member: int, message: Vote | Certificate) -> None:
        if isinstance(message, Vote):
            self._later(member, MESSAGE_MS, lambda now: VoteReceived(now, message, sender))
        else:
            self._later(member, MESSAGE_MS, lambda now: CertificateReceived(now, message, sender))

    def _carry_out(self, member: int, effect: Effect) -> None:
        match effect:
            case Broadcast(message=message) | BroadcastProposal(vote=message):
                for other in self.cores.keys() - {member}:
                    self._tell(member, other, message)
            case Send(member=other, message=message):
                self._tell(member, other, message)
            case FetchCertificates(views=views, ask=ask):
                for other in self.cores.keys() - {member} if ask is None else {ask}:
                    self._later(
                        other, MESSAGE_MS, lambda now: CertificatesRequested(now, views, member)
                    )
            case AwaitWork(view=view):
                self._later(member, 1, lambda now: WorkPending(now, view))
            case SetTimer(at_ms=at_ms) if at_ms is not None:
                self._later(member, max(0, at_ms - self.now), Tick)
            case Propose(view=view, parent=parent):
                block_id = self.world.block(view, parent)
                self._later(member, 1, lambda now: BlockBuilt(now, view, block_id))
            case Verify(proposal=said, parent=parent):
                fits = self.world.parents[said.block_id] == parent
                verdict = Verdict.VALID if fits else Verdict.INVALID
                self._later(member, 1, lambda now: Verified(now, said.view, said.block_id, verdict))
            case Certify():
                self._answer_certify(member, effect)
            case StopSigning():
                raise AssertionError(f"an honest member stops: {effect}")

    def _answer_certify(self, member: int, asked: Certify) -> None:
        said = asked.notarized
        self._later(member, 1, lambda now: Certified(now, said.view, said.block_id, Verdict.VALID))
