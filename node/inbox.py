"""What waits for the driver: messages of peers, turned into events of the current epoch.

Whoever delivers for a peer awaits `room` first. That is what bounds the queue: a peer that sends
faster than this node works is read more slowly, and nobody else is.
"""

import asyncio
from collections import deque
from typing import ClassVar, Final

from consensus import (
    BlockArrived,
    Certificate,
    CertificateReceived,
    CertificatesRequested,
    Committee,
    Core,
    Event,
    Notarize,
    Vote,
    VoteReceived,
)
from ledger.block import Header
from ledger.types import Hash, View
from node.arrived_block import ArrivedBlock
from node.block_tree import BlockTree
from node.ports import Clock

WAITING_EVENTS_MAX: Final = 4_096
"""Events that wait before peers are read no further."""


PROPOSED_MAX: Final = 256
"""Views whose proposals are remembered before those that are final are forgotten."""


class ProposalMismatched(Exception):
    """A proposal whose block is not the one that its vote names: its leader is at fault."""

    code: ClassVar[str] = "PROPOSAL_MISMATCHED"


class Inbox:
    """Events for the core, in order of arrival; used on the event loop."""

    def __init__(self, tree: BlockTree, clock: Clock) -> None:
        """Prepare.

        Args:
            tree: takes blocks in.
            clock: its monotonic clock stamps events.
        """
        self._tree = tree
        self._clock = clock
        self._events: deque[Event] = deque()
        self._committee: Committee
        self._core: Core
        self._proposed: dict[View, Hash] = {}
        self.wake = asyncio.Event()
        """Set whenever the driver has something to do."""
        self._room = asyncio.Event()
        self._room.set()

    def open_epoch(self, committee: Committee, core: Core) -> None:
        """Take messages for another core from now on; what waits for the old one is dropped."""
        self._committee, self._core = committee, core
        self._events.clear()
        self._proposed.clear()
        self._room.set()

    # ------------------------------------------------------------ what peers send

    async def room(self) -> None:
        """Wait while too many events wait."""
        await self._room.wait()

    def deliver_vote(
        self, vote: Vote, sender: int | None, block: bytes | ArrivedBlock | None = None
    ) -> None:
        """Take a peer's vote; a proposal comes with its block.

        Raises:
            CodecError: the bytes are no block; the peer is at fault.
            ProposalMismatched: they are another block than the vote's; the peer is at fault.
        """
        if vote.statement.epoch == self._committee.epoch:
            if block is not None and self.is_due(vote):
                assert isinstance(vote.statement, Notarize)
                if self.deliver_block(block) != vote.statement.block_id:
                    raise ProposalMismatched
            self.post(VoteReceived(self._clock.monotonic_ms(), vote, sender))

    def deliver_certificate(self, certificate: Certificate, sender: int | None) -> None:
        """Take a peer's certificate."""
        if certificate.statement.epoch == self._committee.epoch:
            self.post(CertificateReceived(self._clock.monotonic_ms(), certificate, sender))

    def deliver_request(self, views: tuple[View, ...], sender: int) -> None:
        """Take a member's question for certificates of this epoch."""
        self.post(CertificatesRequested(self._clock.monotonic_ms(), views, sender))

    def deliver_block(self, data: bytes | ArrivedBlock) -> Hash:
        """Take a block that a peer offers or that was fetched, or its bytes; return its id.

        Raises:
            CodecError: the bytes are no block; the peer is at fault.
        """
        block_id = self._tree.offer(data)
        self.post(BlockArrived(self._clock.monotonic_ms(), block_id))
        return block_id

    def id_of(self, header: Header) -> Hash:
        """Return the id of the block with a header."""
        return self._tree.id_of(header)

    def is_due(self, vote: Vote) -> bool:
        """Return whether a proposal's block is worth decoding: its vote may count, and is new.

        Of a view that is the first block which its leader proposes. Another one, which proves the
        leader's fault, is fetched by its id if a quorum takes it.
        """
        statement, floor = vote.statement, self._core.floor.view
        if (
            not isinstance(statement, Notarize)
            or statement.epoch != self._committee.epoch
            or vote.signer != self._committee.leader(statement.view)
            or not floor < statement.view <= self._core.view + 1
            or self._tree.holds(statement.block_id)
        ):
            return False
        if len(self._proposed) >= PROPOSED_MAX:
            self._proposed = {view: at for view, at in self._proposed.items() if view > floor}
        return self._proposed.setdefault(statement.view, statement.block_id) == statement.block_id

    # ------------------------------------------------------------ what the driver takes

    def __len__(self) -> int:
        """Return how many events wait."""
        return len(self._events)

    def post(self, event: Event) -> None:
        """Add an event at the end."""
        self._events.append(event)
        if len(self._events) >= WAITING_EVENTS_MAX:
            self._room.clear()
        self.wake.set()

    def post_first(self, event: Event) -> None:
        """Add an event that comes before all others."""
        self._events.appendleft(event)
        self.wake.set()

    def take(self, limit: int) -> list[Event]:
        """Remove and return at most `limit` events, oldest first."""
        taken = [self._events.popleft() for _ in range(min(limit, len(self._events)))]
        if len(self._events) < WAITING_EVENTS_MAX:
            self._room.set()
        return taken
