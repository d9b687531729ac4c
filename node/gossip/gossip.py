"""Transactions between nodes: who is told of what, and when. The reasons are in the README.

* What a client or a follower gave this node goes to all validators, once, in batches. A follower
  gives it to one validator, which does the same with it.
* What a validator sent goes nowhere: its sender told the others, too.
* Whoever took a transaction from outside answers for it, and announces it again until it is final
  or over (`announcements`), and to each validator that connects. Announcements name transactions by
  reference; who lacks one asks for it.
* Before a validator holds a leader to its time because of a transaction, it announces it to the
  leader (E12), unless the leader sent it or is being sent it.
"""

import asyncio
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from coordinator.ports import SubmitOutcome, TransactionStatus
from ledger.transaction import IdentifiedTransaction
from ledger.types import Hash, PublicKey
from node.gossip.announcements import PUSHED_RUNG, AnnouncementBook
from node.gossip.arrivals import VALIDATOR_SOURCE, Arrivals, source_of
from node.gossip.budgets import (
    ATTENTION_MAX,
    GARBAGE_CODES,
    LOOK_COST,
    REFUSAL_COST,
    SERVE_COST,
    Attention,
    PeerBudget,
)
from node.gossip.conversations import Conversation, Questions
from node.gossip.metrics import GossipMetrics
from node.gossip.outgoing import Outgoing, batches
from node.gossip.ports import Peers, Pool
from node.p2p import (
    Peer,
    Role,
    TransactionsAnnouncement,
    TransactionsMessage,
    TransactionsWanted,
)
from node.p2p.messages import TRANSACTIONS_PER_BATCH_MAX
from node.ports import FoundWork

ROUND_SECONDS: Final = 0.5
"""Time between two looks at what is to be announced again."""

ROUND_MAX: Final = TRANSACTIONS_PER_BATCH_MAX
"""Transactions announced again in one round; bounds what a full pool costs the network."""

FOLLOWER_ANNOUNCES_TO: Final = 2
"""Validators that a follower tells again: one may be down, and more would all spread it further."""

WELCOME_MAX: Final = 4 * TRANSACTIONS_PER_BATCH_MAX
"""Transactions announced to a peer that connects; the rest follows in rounds."""


class Gossip:
    """Transactions of one node and its peers; used on the event loop."""

    def __init__(
        self,
        pool: Pool,
        peers: Peers,
        metrics: GossipMetrics,
        *,
        is_validator: Callable[[], bool],
        is_included: Callable[[Hash], bool],
        grown: Callable[[], None],
    ) -> None:
        """Prepare; `run` does the rest.

        Args:
            pool: the node's transactions.
            peers: the transport.
            metrics: counts what happens.
            is_validator: whether this node is in the current set.
            is_included: whether a transaction is in an unfinal block that the next would extend.
            grown: is told when the pool took something that a peer sent.
        """
        self._pool = pool
        self._peers = peers
        self._metrics = metrics
        self._is_validator = is_validator
        self._is_included = is_included
        self._grown = grown
        self._arrivals = Arrivals(pool, self._judged, metrics.dropped.inc)
        self._outgoing = Outgoing(self._send)
        self._book = AnnouncementBook()
        self._questions = Questions()
        self._followers = Attention(ATTENTION_MAX)
        self._conversations: dict[Peer, Conversation] = {}
        self._turn = 0

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._arrivals.run())
                group.create_task(self._rounds())
        finally:
            self._outgoing.stop()

    # ------------------------------------------------------------ what happens at this node

    def submitted(self, ids: Sequence[Hash]) -> None:
        """Spread what clients gave this node and its pool took."""
        now, rung = _now(), PUSHED_RUNG if self._is_validator() else 0
        for identity in ids:
            entry = self._pool.get(identity)
            if entry is not None:
                self._book.add(identity, now, rung)
                self._outgoing.put(entry.reference, entry.data)

    def abandoned(self, body: Sequence[IdentifiedTransaction]) -> None:
        """Return to the pool what a block held that can no longer become final."""
        self._arrivals.put(None, [signed.data for signed in body])

    def share_work(self, leader: PublicKey, found: FoundWork) -> None:
        """See to it that a leader can know of a transaction that waits here (E12)."""
        peer = self._peers.peer_of(leader)
        if peer is None or found.reference is None:
            return
        if not found.source.startswith(VALIDATOR_SOURCE):
            self._outgoing.flush()
        elif found.source != source_of(peer):
            self._announce(peer, [found.reference])

    def is_unsent(self, reference: bytes) -> bool:
        """Return whether no peer was sent this transaction of the pool yet."""
        return self._outgoing.holds(reference)

    def pays(self, peer: Peer, transactions: int) -> bool:
        """Return whether a peer's attention pays for transactions that it asks for (T7)."""
        conversation = self._conversations.get(peer)
        cost = SERVE_COST * transactions
        return conversation is not None and conversation.budget.pay(cost, _now())

    def arriving(self, reference: bytes) -> bytes | None:
        """Return the bytes of a transaction that a peer sent and that is not judged yet."""
        return self._arrivals.holding(reference)

    # ------------------------------------------------------------ peers

    def connected(self, peer: Peer) -> None:
        """Announce to a new peer what this node answers for, if that is for the peer to know."""
        budget = PeerBudget(lambda: peer.role is Role.FOLLOWER, self._followers)
        self._conversations[peer] = Conversation(budget)
        if peer in self._confidants():
            waiting = (self._waiting(identity) for identity in self._book.everything())
            references = filter(None, waiting)
            self._announce(peer, list(islice(references, WELCOME_MAX)))

    def disconnected(self, peer: Peer) -> None:
        """Forget a peer."""
        del self._conversations[peer]
        self._arrivals.forget(peer)

    def received(
        self,
        peer: Peer,
        message: TransactionsMessage | TransactionsAnnouncement | TransactionsWanted,
    ) -> None:
        """Take a message of a peer; what its budget does not pay for is not looked at (T7)."""
        budget, now = self._conversations[peer].budget, _now()
        match message:
            case TransactionsMessage(transactions=transactions):
                if budget.pay(LOOK_COST * len(transactions), now):
                    self._arrivals.put(peer, transactions)
                else:
                    self._metrics.dropped.inc(len(transactions))
            case TransactionsAnnouncement(references=references):
                if budget.pay(LOOK_COST * len(references), now):
                    self._answer_announcement(peer, references, now)
            case TransactionsWanted(references=references):
                if budget.pay(SERVE_COST * len(references), now):
                    self._serve(peer, references)

    def _answer_announcement(self, peer: Peer, references: Sequence[bytes], now: float) -> None:
        """Ask for what this node lacks and nobody was asked for lately."""
        lacking = (
            reference
            for reference in references
            if self._pool.lacks(reference) and self._arrivals.holding(reference) is None
        )
        wanted = tuple(each for each in lacking if self._questions.ask(each, now))
        if wanted:
            peer.send(TransactionsWanted(wanted))

    def _serve(self, peer: Peer, references: Sequence[bytes]) -> None:
        """Send what was announced; what left the pool since is left out."""
        conversation = self._conversations[peer]
        entries = (
            self._pool.referred_to(reference)
            for reference in references
            if conversation.redeem(reference)
        )
        for message in batches([entry.data for entry in entries if entry]):
            peer.send(message)

    def _judged(self, peer: Peer | None, outcomes: Sequence[SubmitOutcome]) -> None:
        """Act on what the pool said of a batch."""
        pooled = [
            outcome.transaction_id
            for outcome in outcomes
            if outcome.status is TransactionStatus.POOLED
        ]
        if peer is not None:
            self._hold_to_account(peer, outcomes)
            if peer.role is Role.FOLLOWER:
                self.submitted(pooled)
        if pooled:
            self._grown()

    def _hold_to_account(self, peer: Peer, outcomes: Sequence[SubmitOutcome]) -> None:
        """Charge a peer for what was refused, and cut it off for what no honest node sends (T7)."""
        conversation = self._conversations.get(peer)
        if conversation is None:
            return  # It is gone.
        refused = [each.code for each in outcomes if each.status is TransactionStatus.REJECTED]
        now = _now()
        conversation.budget.charge(REFUSAL_COST * len(refused), now)
        for code in refused:
            if code in GARBAGE_CODES and not conversation.budget.throw_away(now):
                self._arrivals.forget(peer)
                self._peers.report_fault(peer, code, provable=True)
                return

    # ------------------------------------------------------------ sending

    def _confidants(self) -> list[Peer]:
        """Return who is to know of transactions: the validators; all peers where there is none."""
        peers = self._peers.peers()
        return [peer for peer in peers if peer.role is Role.VALIDATOR] or list(peers)

    def _in_turn(self) -> list[Peer]:
        """Return the same, each time beginning with another."""
        confidants = self._confidants()
        self._turn += 1
        start = self._turn % max(1, len(confidants))
        return confidants[start:] + confidants[:start]

    def _send(self, message: TransactionsMessage) -> None:
        """Tell all validators, or as a follower, the first that can take it."""
        if self._is_validator():
            self._peers.broadcast(message, to=Role.VALIDATOR)
            return
        for peer in self._in_turn():
            if peer.send(message):
                return

    async def _rounds(self) -> None:
        while True:
            await asyncio.sleep(ROUND_SECONDS)
            self.announce_again(_now())

    def announce_again(self, now: float) -> None:
        """Announce what is due for it: to all validators, or as a follower, to two of them."""
        references = []
        for rung, identity in self._book.due(now, ROUND_MAX, self._is_pooled):
            self._book.again(rung, identity, now)
            reference = self._waiting(identity)
            if reference:
                references.append(reference)
        everybody = self._in_turn()
        told = everybody if self._is_validator() else everybody[:FOLLOWER_ANNOUNCES_TO]
        for peer in told:
            self._announce(peer, references)

    def _is_pooled(self, identity: Hash) -> bool:
        return self._pool.get(identity) is not None

    def _waiting(self, identity: Hash) -> bytes | None:
        """Return the reference of a transaction that is pooled and in no block yet."""
        entry = self._pool.get(identity)
        return entry.reference if entry and not self._is_included(identity) else None

    def _announce(self, peer: Peer, references: Sequence[bytes]) -> None:
        conversation = self._conversations.get(peer)
        if conversation is None:
            return  # The transport holds it still, or already, and says nothing of it now.
        for at in range(0, len(references), TRANSACTIONS_PER_BATCH_MAX):
            announced = references[at : at + TRANSACTIONS_PER_BATCH_MAX]
            if peer.send(TransactionsAnnouncement(tuple(announced))):
                conversation.announce(announced)
                self._metrics.announced.inc(len(announced))


def _now() -> float:
    return asyncio.get_running_loop().time()
