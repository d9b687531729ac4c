"""Sending again and asking for what is missing (rules 2, 3, 6, 10, and catch-up)."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from consensus.effects import (
    FETCH_VIEWS_MAX,
    Broadcast,
    BroadcastProposal,
    FetchCertificates,
    Send,
)
from consensus.messages import Certificate, Vote, VoteKind
from consensus.pacemaker import NEVER
from consensus.state import CoreState
from ledger.types import View

ANSWERED_VIEWS_MAX: Final = 4 * FETCH_VIEWS_MAX
"""Views of one member's questions that are answered in t_r; an honest one asks for fewer."""


class Repeater:
    """Keeps the network moving after losses; decides nothing about votes."""

    def __init__(self, state: CoreState) -> None:
        self._state = state
        self._nullify_again_ms = NEVER
        self._resend_ms = NEVER
        self._asked_ms: dict[View, int] = {}
        self._told_ms: dict[int, int] = {}
        self._answered: dict[int, tuple[int, int]] = {}

    def next_ms(self) -> int:
        """Return when `act` has something to do, as far as time decides."""
        repeat_ms = self._state.pacemaker.repeat_ms
        asked = min(self._asked_ms.values(), default=NEVER)
        return min(self._nullify_again_ms, self._resend_ms, asked + repeat_ms)

    def on_entry(self) -> None:
        """A view was entered: the nullify of the one before needs no repetition."""
        self._nullify_again_ms = NEVER
        if self._resend_ms == NEVER:
            self.on_finality()

    def on_finality(self) -> None:
        """Something became final: start the standstill's time anew."""
        self._resend_ms = self._state.now_ms + self._state.pacemaker.standstill_ms

    def on_nullify(self) -> None:
        """This node nullified the current view."""
        self._nullify_again_ms = self._state.now_ms + self._state.pacemaker.repeat_ms

    def repeated_nullify(self) -> bool:
        """Send the own nullify again with the certificate for its view, if it is time (rule 6).

        Returns:
            Whether it was sent; the caller then counts it again.
        """
        state = self._state
        if state.now_ms < self._nullify_again_ms:
            return False
        self.on_nullify()
        own = state.log.at(state.view).own[VoteKind.NULLIFY]
        if state.may_sign:
            state.outbox.emit(Broadcast(own))
        for member in range(state.committee.size):
            if state.entry and member != state.me and not state.has_entered(member, state.view):
                state.outbox.emit(Send(member, state.entry))
        return True

    def resend_at_standstill(self) -> None:
        """Send everything above the floor again, if finality has been away for t_s (rule 10)."""
        if self._state.now_ms >= self._resend_ms:
            self.on_finality()
            self.resend()

    def resend(self) -> None:
        """Send the newest finalization, all newer certificates and own newer votes.

        Bounded to the newest views; older gaps are asked for by who misses them. A vote is left out
        if the certificate that it helped to make is sent.
        """
        state = self._state
        above = state.log.above_floor()[-FETCH_VIEWS_MAX:]
        if not any(view.certificates or view.own for view in above):
            return
        if state.log.floor_certificate:
            state.outbox.emit(Broadcast(state.log.floor_certificate))
        for view in above:
            for certificate in view.certificates.values():
                state.outbox.emit(Broadcast(certificate))
            for kind, vote in view.own.items():
                if state.may_sign and kind not in view.certificates:
                    self._resend_vote(vote)

    def _resend_vote(self, vote: Vote) -> None:
        """Send an own vote again, the leader's with its stored block (never a new one).

        The block of a view that was left is asked for by who needs it.
        """
        state = self._state
        leads = vote.statement.view == state.view and state.is_leading
        if leads and vote.statement.kind is VoteKind.NOTARIZE:
            state.outbox.emit(BroadcastProposal(vote))
        else:
            state.outbox.emit(Broadcast(vote))

    def fetch(self, blocking: tuple[View, ...], leader: int | None) -> None:
        """Ask for the certificates that are missing, each view again after t_r.

        Args:
            blocking: views that a proposal or the own turn waits for (rules 2, 3).
            leader: who must have what blocks a proposal; asked first, then anyone.
        """
        state = self._state
        if state.is_closed:
            self._asked_ms = {}
            return
        if not blocking and not self._asked_ms and state.view == state.log.floor.view + 1:
            return  # The usual case: nothing is above the floor but the current view.
        missing = self._missing(blocking)
        asked = {view: at for view, at in self._asked_ms.items() if view in missing}
        repeat_ms = state.pacemaker.repeat_ms
        due = tuple(v for v in missing if v not in asked or asked[v] + repeat_ms <= state.now_ms)
        first_time = not any(view in asked for view in due)
        self._asked_ms = asked | dict.fromkeys(due, state.now_ms)
        if due:
            ask = leader if first_time and leader != state.me else None
            state.outbox.emit(FetchCertificates(due, ask))

    def _missing(self, blocking: tuple[View, ...]) -> list[View]:
        """Return the views to ask for: what blocks this node first, then all that it missed.

        Finality that is overdue belongs to them: finalizations are not broadcast (rule 7).
        """
        state = self._state
        missing = set(blocking[:FETCH_VIEWS_MAX])
        if state.now_ms >= state.pacemaker.finality_ms:
            missing.add(state.log.tip.view)
        room = FETCH_VIEWS_MAX - len(missing)
        missing.update(islice(state.log.undecided(state.view), max(0, room)))
        return sorted(missing)[:FETCH_VIEWS_MAX]

    def answer(self, views: tuple[View, ...], sender: int) -> None:
        """Send a member what is held of the views that it asks for, a bounded number every t_r."""
        state = self._state
        since_ms, count = self._answered.get(sender, (state.now_ms, 0))
        if since_ms + state.pacemaker.repeat_ms <= state.now_ms:
            since_ms, count = state.now_ms, 0
        answered = views[: max(0, ANSWERED_VIEWS_MAX - count)][:FETCH_VIEWS_MAX]
        self._answered[sender] = (since_ms, count + len(answered))
        for certificate in self.held(answered):
            state.outbox.emit(Send(sender, certificate))

    def held(self, views: Iterable[View]) -> tuple[Certificate, ...]:
        """Return the certificates of some views; the newest finalization for all up to its own."""
        log = self._state.log
        wanted = set(views)
        found: list[Certificate] = []
        if log.floor_certificate and any(view <= log.floor.view for view in wanted):
            found.append(log.floor_certificate)
        for view in sorted(wanted):
            known = log.find(view)
            found += known.certificates.values() if known else ()
        return tuple(found)

    def answer_stale(self, sender: int | None) -> None:
        """Tell a member that speaks of what is final already; at most once every t_r."""
        state = self._state
        if sender is None or state.log.floor_certificate is None:
            return
        last_ms = self._told_ms.get(sender)
        if last_ms is None or last_ms + state.pacemaker.repeat_ms <= state.now_ms:
            self._told_ms[sender] = state.now_ms
            state.outbox.emit(Send(sender, state.log.floor_certificate))
