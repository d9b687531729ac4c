"""No honest process contradicts itself, and no two certificates of a view exclude each other.

Every vote that leaves an honest machine is remembered for ever, through all its crashes, and
compared with all others of that machine. Nothing here calls `consensus`; its types are read only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from consensus import Certificate, Nullify, Vote
from devnet.simulator.checkers.objection import Objection
from devnet.simulator.wire import vote_in
from node.p2p import CertificateMessage, Message, RangeAnswer

if TYPE_CHECKING:
    from devnet.simulator.checkers.order import Order
    from devnet.simulator.machine import Machine

Place = tuple[int, int]
"""Epoch and view."""

_CERTIFICATES = msgspec.msgpack.Decoder(Certificate)
"""Reads what proves a range of final blocks: a vote may leave its signer in nothing else."""

_BINARY_HEAD = b"\xc4\x20"
"""MessagePack's head of 32 bytes."""


class VoteChecker:
    """Sees everything that leaves honest machines."""

    def __init__(self, order: Order) -> None:
        """Take the validator sets from what became final."""
        self._order = order
        self._said: dict[tuple[int, Place], dict[str, Vote]] = {}
        """Kind to vote, by machine and view."""
        self._spoken: dict[tuple[Place, str, int], set[object]] = {}
        """Statements that left the honest machines of a member, by view, kind and member."""
        self._certified: dict[Place, dict[str, Certificate]] = {}
        self._seen: object = None

    def on_sent(self, machine: Machine, message: Message) -> None:
        """Look at a message on its way out of a machine; one broadcast is looked at once."""
        if message is self._seen or machine.is_byzantine:
            return
        self._seen = message
        vote = vote_in(message)
        if vote is not None:
            self._on_vote(machine, vote)
        elif isinstance(message, CertificateMessage):
            self._on_certificate(machine, message.certificate)
        elif isinstance(message, RangeAnswer) and message.blocks:
            self._on_certificate(machine, _CERTIFICATES.decode(message.blocks[-1].certificate))

    def has_voted(self, machine: Machine, epoch: int) -> bool:
        """Return whether any vote of an epoch ever left a machine."""
        return any(at == machine.number and place[0] == epoch for at, place in self._said)

    def _on_vote(self, machine: Machine, vote: Vote) -> None:
        statement = vote.statement
        place = (statement.epoch, statement.view)
        kind = type(statement).__name__
        members = self._order.members_of(statement.epoch)
        if members[vote.signer] != machine.public_key:
            self._check_shown(machine, vote, place, kind)
            return
        spoken = self._spoken.setdefault((place, kind, vote.signer), set())
        if machine.lost_journal:
            spoken.add(statement)
            return  # What it may forget to have said is judged by nobody (S10).
        said = self._said.setdefault((machine.number, place), {})
        before = said.get(kind)
        if before is None:
            self._check_durable(machine, vote)
            said[kind] = vote
            spoken.add(statement)
        elif before.statement != statement:
            raise Objection("votes", f"{machine.name} says two {kind} in view {_at(place)}")
        if "Nullify" in said and "Finalize" in said:
            raise Objection("votes", f"{machine.name} nullifies and finalizes view {_at(place)}")

    def _is_twin(self, machine: Machine) -> bool:
        """Return whether another machine may have made votes of this one's key."""
        return not self._order.is_honest(machine.public_key)

    def _check_shown(self, machine: Machine, vote: Vote, place: Place, kind: str) -> None:
        """Others' votes are shown to their signers (E10); only such as they sent."""
        is_honest = self._order.is_honest(self._order.members_of(place[0])[vote.signer])
        if is_honest and vote.statement not in self._spoken.get((place, kind, vote.signer), set()):
            what = f"a {kind} of member {vote.signer} in view {_at(place)} that it never sent"
            raise Objection("votes", f"{machine.name} shows {what}")

    def _check_durable(self, machine: Machine, vote: Vote) -> None:
        """A vote, and the block that it vouches for, are on the disk before anybody hears it."""
        if not (machine.disk.holds(vote.signature) or machine.store.proves(vote.signature)):
            raise Objection("votes", f"{machine.name} sends a vote that is not durable")
        statement = vote.statement
        if isinstance(statement, Nullify):
            return
        # In the journal a kept block is its id, followed by the head of its bytes; elsewhere an id
        # is followed by a small integer.
        kept = _BINARY_HEAD + statement.block_id
        heads = (b"\xc4", b"\xc5", b"\xc6")
        in_journal = any(machine.disk.holds(kept + head) for head in heads)
        if not in_journal and not machine.store.has(statement.block_id):
            block = statement.block_id.hex()[:8]
            raise Objection("votes", f"{machine.name} vouches for {block}, which is not durable")

    def _on_certificate(self, machine: Machine, certificate: Certificate) -> None:
        statement = certificate.statement
        place = (statement.epoch, statement.view)
        kind = type(statement).__name__
        known = self._certified.setdefault(place, {})
        before = known.get(kind)
        if before is certificate:
            return
        if before is not None and before.statement != statement:
            raise Objection("votes", f"two {kind} certificates in view {_at(place)}")
        known[kind] = certificate
        if "Nullify" in known and "Finalize" in known:
            raise Objection("votes", f"view {_at(place)} is nullified and final")
        self._check_signers(machine, certificate, place, kind)

    def _check_signers(
        self, machine: Machine, certificate: Certificate, place: Place, kind: str
    ) -> None:
        members = self._order.members_of(place[0])
        signers = [entry.signer for entry in certificate.entries]
        size = len(members)
        for entry in certificate.entries:
            if members[entry.signer] == machine.public_key and not self._is_twin(machine):
                self._on_vote(machine, Vote(certificate.statement, entry.signer, entry.signature))
        if len(set(signers)) != len(signers) or max(signers) >= size:
            raise Objection("votes", f"{machine.name} sends a certificate of wrong signers")
        # n - f votes, with f the largest number that is less than a third of n.
        if len(signers) < size - (size - 1) // 3:
            raise Objection("votes", f"{machine.name} sends a certificate of {len(signers)}/{size}")
        for signer in signers:
            if self._order.is_honest(members[signer]):
                spoken = self._spoken.get((place, kind, signer), set())
                if certificate.statement not in spoken:
                    what = f"a {kind} of member {signer} in view {_at(place)} that it never sent"
                    raise Objection("votes", f"{machine.name} counts {what}")


def _at(place: Place) -> str:
    return f"{place[0]}/{place[1]}"
