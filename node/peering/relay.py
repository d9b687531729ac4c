"""Which certificates go to whom: rule 5's broadcast without n² copies of what everybody has.

Votes go to every member directly, so in the usual case every member makes the certificate itself,
at about the same time, and sending it to all the others would be the greater part of all traffic.
What is sent here is for the members that may lack votes:

    learned from a peer      nothing: who made it sends it
    a nullification          to all, at once: rare, and what moves the network on
    a notarization           after `RELAY_MS`, to members that have not shown since that they left
                             the view or voted on what it certifies
    a finalization           to all by the leader of the next view only; whoever misses it learns of
                             it by status, by the standstill rule, or with the next block
    offered again            to all, at once: repetition is for losses (rules 6 and 10)

This delays nothing that could end a view: `RELAY_MS` is a small part of Δ.
"""

import asyncio
from typing import Final

from consensus import Certificate, Committee, Nullify, Statement, VoteKind
from ledger.types import PublicKey, View
from node.p2p import CertificateMessage, Role
from node.peering.ports import Peers

RELAY_MS: Final = 25
"""Time in which members show by their votes that they need no notarization from this one."""

REMEMBERED_VIEWS: Final = 256
"""Views behind the newest of which it is known what was sent."""


class CertificateRelay:
    """Sends the certificates of one node; used on the event loop."""

    def __init__(self, peers: Peers) -> None:
        """Send to these."""
        self._peers = peers
        self._committee: Committee | None = None
        self._own_key: PublicKey | None = None
        self._known: set[tuple[View, VoteKind]] = set()
        self._shown: dict[int, View] = {}

    def enter_epoch(self, committee: Committee, own_key: PublicKey | None) -> None:
        """Start anew; views count from 1 again."""
        self._committee, self._own_key = committee, own_key
        self._known.clear()
        self._shown.clear()

    def learned(self, certificate: Certificate) -> None:
        """Note a certificate that a peer sent."""
        self._remember(certificate)

    def heard(self, member: int, statement: Statement) -> None:
        """Note a member's vote: for the view that it is in, or after its notarization."""
        shown = statement.view if statement.kind is VoteKind.FINALIZE else statement.view - 1
        self._shown[member] = max(shown, self._shown.get(member, 0))

    def send(self, certificate: Certificate) -> None:
        """Send a certificate that consensus wants broadcast, to those who may need it."""
        assert self._committee is not None, "an epoch is entered first"
        if not self._remember(certificate) or isinstance(certificate.statement, Nullify):
            self._to_all(certificate)
        elif certificate.kind is VoteKind.FINALIZE:
            if self._committee.leader_key(certificate.view + 1) == self._own_key:
                self._to_all(certificate)
        else:
            loop, committee = asyncio.get_running_loop(), self._committee
            loop.call_later(RELAY_MS / 1_000, self._to_late, certificate, committee)

    def _to_all(self, certificate: Certificate) -> None:
        self._peers.broadcast(CertificateMessage(certificate), to=Role.VALIDATOR)

    def _to_late(self, certificate: Certificate, committee: Committee) -> None:
        """Send to members that have not shown that they are past a notarization."""
        if committee is not self._committee:
            return  # The epoch is over.
        message = CertificateMessage(certificate)
        for member, key in enumerate(committee.members):
            if self._shown.get(member, 0) < certificate.view:
                peer = self._peers.peer_of(key)
                if peer is not None:
                    peer.send(message)

    def _remember(self, certificate: Certificate) -> bool:
        """Note a certificate; return whether it is new."""
        key = (certificate.view, certificate.kind)
        if key in self._known:
            return False
        self._known.add(key)
        if len(self._known) > 3 * REMEMBERED_VIEWS:
            newest = max(view for view, _ in self._known)
            self._known = {at for at in self._known if at[0] > newest - REMEMBERED_VIEWS}
        return True
