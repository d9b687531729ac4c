"""One core of a committee, with the test in the place of everybody else."""

from collections.abc import Iterable
from typing import TypeVar

from consensus import (
    BlockBuilt,
    BlockRef,
    Broadcast,
    BroadcastProposal,
    Certificate,
    CertificateEntry,
    CertificateReceived,
    Certified,
    Core,
    Effect,
    Event,
    Finalize,
    Notarize,
    Nullify,
    Persist,
    Record,
    Send,
    Started,
    Statement,
    Tick,
    Verdict,
    Verified,
    Vote,
    VoteReceived,
    WorkPending,
)
from tests.consensus.small_network import TIMING
from tests.consensus.sound_fakes import BOUNDARY, FakeKey, check_fake, committee_of, vote_of

DELTA_MS = TIMING.delta_ms

E = TypeVar("E", bound=Effect)


def block_id(view: int, branch: int = 0) -> bytes:
    """Id of a made-up block."""
    return bytes([branch, view]) * 16


def notarize(view: int, parent_view: int | None = None, branch: int = 0) -> Notarize:
    parent = view - 1 if parent_view is None else parent_view
    return Notarize(0, view, parent, block_id(view, branch))


def finalize(view: int, parent_view: int | None = None, branch: int = 0) -> Finalize:
    parent = view - 1 if parent_view is None else parent_view
    return Finalize(0, view, parent, block_id(view, branch))


def nullify(view: int) -> Nullify:
    return Nullify(0, view)


def certificate(statement: Statement, signers: Iterable[int] = (1, 2, 3)) -> Certificate:
    votes = [vote_of(signer, statement) for signer in signers]
    return Certificate(statement, tuple(CertificateEntry(v.signer, v.signature) for v in votes))


class Probe:
    """Member 0 of four by default: it leads views 1, 5, 9 …"""

    def __init__(
        self,
        me: int | None = 0,
        size: int = 4,
        *,
        records: Iterable[Record] = (),
        ends_epoch: Iterable[bytes] = (),
        final: BlockRef = BOUNDARY,
        final_certificate: Certificate | None = None,
    ) -> None:
        self.me = me
        self.checked: list[bytes] = []
        """Messages whose signatures were verified."""
        self.committee = committee_of(size, check=self._check)
        self.now = 1_000
        self.effects: list[Effect] = []
        """Everything since the last `clear`."""
        self.journal: list[Record] = []
        self.core = Core(self.committee, None if me is None else FakeKey(me), TIMING)
        enders = frozenset(ends_epoch)
        self.feed(Started(self.now, final, final_certificate, tuple(records), enders))

    def feed(self, event: Event) -> list[Effect]:
        effects = list(self.core.handle(event))
        assert not any(isinstance(effect, Persist) for effect in effects[1:]), "Persist is first"
        if effects and isinstance(effects[0], Persist):
            self.journal += effects[0].records
        self.effects += effects
        return effects

    def _check(self, public_key: bytes, message: bytes, signature: bytes) -> bool:
        self.checked.append(message)
        return check_fake(public_key, message, signature)

    def clear(self) -> None:
        self.effects = []

    # What the world does ----------------------------------------------------------------------

    def wait(self, milliseconds: int) -> list[Effect]:
        self.now += milliseconds
        return self.feed(Tick(self.now))

    def hear(self, signer: int, statement: Statement) -> list[Effect]:
        return self.feed(VoteReceived(self.now, vote_of(signer, statement), signer))

    def show(self, statement: Statement, signers: Iterable[int] | None = None) -> list[Effect]:
        """Send a certificate, of all other members by default."""
        if signers is None:
            signers = [n for n in range(self.committee.size) if n != self.me]
        return self.feed(CertificateReceived(self.now, certificate(statement, signers), 1))

    def work(self) -> list[Effect]:
        return self.feed(WorkPending(self.now, self.core.view))

    def built(self, view: int, branch: int = 0, *, ends_epoch: bool = False) -> list[Effect]:
        return self.feed(BlockBuilt(self.now, view, block_id(view, branch), ends_epoch))

    def verified(
        self, view: int, verdict: Verdict = Verdict.VALID, branch: int = 0
    ) -> list[Effect]:
        return self.feed(Verified(self.now, view, block_id(view, branch), verdict))

    def certified(
        self,
        view: int,
        verdict: Verdict = Verdict.VALID,
        branch: int = 0,
        *,
        ends_epoch: bool = False,
    ) -> list[Effect]:
        return self.feed(Certified(self.now, view, block_id(view, branch), verdict, ends_epoch))

    def advance(self, view: int) -> None:
        """Have a view's block notarized and certified, without this core's notarize."""
        self.show(notarize(view))
        self.certified(view)

    # What the core did ------------------------------------------------------------------------

    def votes(self) -> list[Statement]:
        """Own votes that were sent."""
        sent: list[Vote] = [e.vote for e in self.of(BroadcastProposal)]
        sent += [e.message for e in self.of(Broadcast) if isinstance(e.message, Vote)]
        return [vote.statement for vote in sent]

    def certificates(self) -> list[Statement]:
        """Statements of the certificates that were broadcast."""
        return [
            e.message.statement for e in self.of(Broadcast) if isinstance(e.message, Certificate)
        ]

    def told(self, member: int) -> list[Statement]:
        """Statements of the certificates that were sent to one member alone."""
        return [e.message.statement for e in self.of(Send) if e.member == member]

    def holds(self, statement: Statement) -> bool:
        """Return whether the core has a certificate for a statement, by what it answers."""
        held = self.core.certificates([statement.view])
        return statement in [certificate.statement for certificate in held]

    def of(self, kind: type[E]) -> list[E]:
        return [effect for effect in self.effects if isinstance(effect, kind)]
