"""What a peer with a connection can do with transactions: cost a little, or be cut (T7)."""

import asyncio
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.actions import Transfer
from ledger.keys import KeyPair
from ledger.params import TRANSACTION_BYTES_MAX
from ledger.transaction import SignedTransaction
from node.gossip.arrivals import LINE_BYTES_MAX
from node.gossip.budgets import (
    ATTENTION_MAX,
    FOLLOWER_ATTENTION_MAX,
    GARBAGE_MAX,
    WINDOW_SECONDS,
    Attention,
    PeerBudget,
)
from node.gossip.conversations import ANNOUNCED_MAX, ASKED_MAX, Conversation, Questions
from node.p2p import Role, TransactionsAnnouncement, TransactionsMessage, TransactionsWanted
from node.references import reference_of
from tests.gossip.gossiping import GossipNode, network
from tests.gossip.memory_network import Hub, MemoryNode
from tests.node.pooled_chain import POOR, STRANGER, PooledChain, wire

About = TransactionsMessage | TransactionsAnnouncement | TransactionsWanted


def forged(transaction: SignedTransaction) -> bytes:
    signature = bytes([transaction.signature[0] ^ 1]) + transaction.signature[1:]
    return wire(SignedTransaction(transaction.transaction, signature))


class Stranger:
    """A peer that sends whatever the test says."""

    def __init__(self, hub: Hub, victim: GossipNode, *, is_validator: bool = True) -> None:
        self.hub = hub
        self.victim = victim
        self.heard: list[object] = []
        self.transport: MemoryNode = hub.node(90, is_validator=is_validator)
        self.transport.handler = self
        hub.connect(self.transport, victim.transport)

    def connected(self, peer: object) -> None: ...

    def disconnected(self, peer: object) -> None: ...

    def received(self, peer: object, message: object) -> None:
        self.heard.append(message)

    @property
    def is_connected(self) -> bool:
        return self.victim.transport in self.transport.links

    async def send(
        self, *messages: TransactionsMessage | TransactionsAnnouncement | TransactionsWanted
    ):
        for message in messages:
            if self.is_connected:
                self.transport.links[self.victim.transport].send(message)
        await self.hub.settle()


# ---------------------------------------------------------------- what is cut, and what is not


async def test_a_peer_that_sends_only_garbage_is_cut_and_banned() -> None:
    async with network(1) as (hub, (node,)):
        for make in (
            lambda: forged(node.chain.transfer()),
            lambda: random.randbytes(200),
            lambda: random.randbytes(TRANSACTION_BYTES_MAX),
        ):
            peer = Stranger(hub, node)
            await peer.send(*(TransactionsMessage((make(),)) for _ in range(GARBAGE_MAX)))
            assert not node.transport.faults
            await peer.send(TransactionsMessage((make(),)))
            assert not peer.is_connected
            key, _, provable = node.transport.faults.pop()
            assert (key, provable) == (peer.transport.keys.public_key, True)


async def test_a_peer_whose_transactions_merely_became_invalid_is_not_cut() -> None:
    async with network(1) as (hub, (node,)):
        peer = Stranger(hub, node)
        expired = [wire(node.chain.transfer(valid_ms=5)) for _ in range(50)]
        broke = [wire(node.chain.transfer(10**12, key=STRANGER)) for _ in range(50)]
        cheap = [wire(node.chain.transfer(fee=1)) for _ in range(50)]
        included = [node.chain.transfer() for _ in range(50)]
        node.chain.finalise(node.chain.build(*included))
        node.chain.clock.now_ms += 100
        too_many = [wire(node.chain.transfer(key=POOR)) for _ in range(60)]
        for batch in (expired, broke, cheap, [wire(each) for each in included], too_many):
            await peer.send(TransactionsMessage(tuple(batch)))
        assert peer.is_connected
        assert not node.transport.faults


async def test_what_is_dropped_with_a_cut_peer_can_come_from_another() -> None:
    async with network(2, connected=False) as (hub, (node, other)):
        good = node.chain.transfer()
        garbage = [random.randbytes(150) for _ in range(GARBAGE_MAX + 1)]
        peer = Stranger(hub, node)
        await peer.send(TransactionsMessage(tuple(garbage)), TransactionsMessage((wire(good),)))
        assert not peer.is_connected
        hub.connect(node.transport, other.transport)
        await other.submit(good)
        await hub.settle()
        assert node.has(good)


# ---------------------------------------------------------------- bounded cost


async def test_the_line_of_a_peer_is_bounded_and_what_does_not_fit_is_dropped() -> None:
    async with network(1) as (hub, (node,)):
        for is_validator in (True, False):
            peer = Stranger(hub, node, is_validator=is_validator)
            limit = LINE_BYTES_MAX[Role.VALIDATOR if is_validator else Role.FOLLOWER]
            before = node.dropped()
            sent = 0
            while sent <= 2 * limit:
                batch = tuple(random.randbytes(1_000) for _ in range(200))
                peer.transport.links[node.transport].send(TransactionsMessage(batch))
                sent += 200_000
            while not node.transport.waiting.empty():  # The pool gets no turn meanwhile.
                sender, message = node.transport.waiting.get_nowait()
                node.gossip.received(node.transport.links[sender], message)  # type: ignore[arg-type]
            assert sum(map(len, node.gossip._arrivals._held.values())) <= limit
            assert node.dropped() - before >= (sent - limit) // 1_000
            hub.cut(node.transport, peer.transport)
            assert not node.gossip._arrivals._held


async def test_a_peer_that_asks_for_too_much_attention_is_not_heard_for_a_while() -> None:
    async with network(1) as (hub, (node,)):
        peer = Stranger(hub, node)
        message = TransactionsAnnouncement(tuple(random.randbytes(16) for _ in range(1_000)))
        await peer.send(*[message] * (ATTENTION_MAX // 1_000))
        before = node.dropped()
        good = node.chain.transfer()
        await peer.send(TransactionsMessage((wire(good),)))
        assert not node.has(good)
        assert node.dropped() == before + 1
        assert peer.is_connected
        loop = asyncio.get_running_loop()
        budget = next(iter(node.gossip._conversations.values())).budget
        assert not budget.pay(1, loop.time())
        assert budget.pay(1, loop.time() + WINDOW_SECONDS)


async def test_one_peer_that_sends_much_does_not_delay_another() -> None:
    async with network(2, connected=False) as (hub, (node, other)):
        flood = Stranger(hub, node)
        waiting = [wire(node.chain.transfer(10**12, key=STRANGER)) for _ in range(3_000)]
        for at in range(0, len(waiting), 1_000):
            flood.transport.links[node.transport].send(
                TransactionsMessage(tuple(waiting[at : at + 1_000]))
            )
        while not node.transport.waiting.empty():
            await node.transport.handle_one()
        hub.connect(node.transport, other.transport)
        good = other.chain.transfer()
        await other.submit(good)
        while not node.has(good):
            await asyncio.sleep(0)
            while not node.transport.waiting.empty():
                await node.transport.handle_one()
        assert len(node.gossip._arrivals._held) > 1_000


async def test_transactions_are_sent_only_to_whom_they_were_announced_and_once() -> None:
    async with network(1) as (hub, (node,)):
        secret, told = node.chain.transfer(), node.chain.transfer()
        await node.submit(secret, told)
        await hub.settle()
        peer = Stranger(hub, node, is_validator=False)
        await hub.settle()
        peer.heard.clear()
        conversation = node.gossip._conversations[node.transport.peers()[0]]
        conversation._announced.clear()
        conversation.announce([reference_of(wire(told))])
        everything = tuple(reference_of(wire(each)) for each in (secret, told, told))
        await peer.send(TransactionsWanted(everything), TransactionsWanted(everything))
        assert peer.heard == [TransactionsMessage((wire(told),))]


async def test_announcements_of_what_does_not_exist_are_remembered_in_bounds() -> None:
    budget = PeerBudget(lambda: True, Attention(ATTENTION_MAX))
    questions, conversation = Questions(), Conversation(budget)
    for number in range(ASKED_MAX + 5_000):
        reference = number.to_bytes(16, "big")
        assert questions.ask(reference, 0.0)
        conversation.announce([reference])
    assert len(questions._asked) <= ASKED_MAX
    assert len(conversation._announced) == ANNOUNCED_MAX
    assert not questions.ask((ASKED_MAX + 4_999).to_bytes(16, "big"), 1.9)
    assert questions.ask((ASKED_MAX + 4_999).to_bytes(16, "big"), 2.1)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 50_000), st.floats(0, 5)), max_size=60))
def test_a_budget_never_gives_more_than_its_window_has(steps: list[tuple[int, float]]) -> None:
    budget, now = PeerBudget(lambda: False, Attention(ATTENTION_MAX)), 0.0
    paid: list[tuple[float, int]] = []
    for cost, passed in steps:
        now += passed
        if budget.pay(cost, now):
            paid.append((now, cost))
    for start, _ in paid:
        inside = sum(cost for at, cost in paid if start <= at < start + WINDOW_SECONDS)
        assert inside <= 2 * ATTENTION_MAX


def test_followers_share_their_attention_and_each_is_sure_of_a_little() -> None:
    shared = Attention(ATTENTION_MAX)
    greedy = [PeerBudget(lambda: True, shared) for _ in range(64)]
    paid = sum(each.pay(1_000, 0.0) for each in greedy for _ in range(1_000))
    assert paid * 1_000 == ATTENTION_MAX + 64 * FOLLOWER_ATTENTION_MAX
    modest = PeerBudget(lambda: True, shared)
    assert modest.pay(FOLLOWER_ATTENTION_MAX, 0.0)
    assert not modest.pay(1, 0.0)
    assert modest.pay(ATTENTION_MAX, WINDOW_SECONDS), "nobody else asks in this window"


def test_what_is_refused_of_followers_is_charged_to_them_together_and_to_no_validator() -> None:
    shared = Attention(ATTENTION_MAX)
    first, second = (PeerBudget(lambda: True, shared) for _ in range(2))
    validator = PeerBudget(lambda: False, shared)
    first.charge(ATTENTION_MAX + FOLLOWER_ATTENTION_MAX, 0.0)
    assert not first.pay(1, 0.0)
    assert not second.pay(FOLLOWER_ATTENTION_MAX + 1, 0.0)
    assert validator.pay(ATTENTION_MAX, 0.0)


# ---------------------------------------------------------------- anything at all

REFERENCES = st.lists(st.binary(min_size=16, max_size=16), min_size=1, max_size=20)
KEYS = (KeyPair(b"\x55" * 32), POOR, STRANGER)


def some_transactions(chain: PooledChain) -> st.SearchStrategy[bytes]:
    good = st.builds(
        lambda key, amount: wire(chain.signed(Transfer(POOR.address, amount), key)),
        st.sampled_from(KEYS),
        st.integers(0, 10**6),
    )
    cut = st.builds(lambda data, at: data[: 1 + at % len(data)], good, st.integers(0, 400))
    flipped = st.builds(
        lambda data, at: bytes(b ^ (i == at % len(data)) for i, b in enumerate(data)),
        good,
        st.integers(0, 400),
    )
    return st.one_of(good, cut, flipped, st.binary(min_size=1, max_size=300))


CHAIN = PooledChain()
MESSAGES = st.one_of(
    st.lists(some_transactions(CHAIN), min_size=1, max_size=12).map(
        lambda each: TransactionsMessage(tuple(each))
    ),
    REFERENCES.map(lambda each: TransactionsAnnouncement(tuple(each))),
    REFERENCES.map(lambda each: TransactionsWanted(tuple(each))),
)


@settings(max_examples=40)
@given(st.lists(MESSAGES, max_size=12))
def test_whatever_a_peer_sends_the_node_goes_on_and_forgets_nothing_of_its_own(
    messages: list[About],
) -> None:
    async def check() -> None:
        async with network(1) as (hub, (node,)):
            own = node.chain.transfer()
            await node.submit(own)
            peer = Stranger(hub, node)
            await peer.send(*messages)
            assert node.has(own)
            assert not node.gossip._arrivals._held
            hub.cut(node.transport, peer.transport)
            again = Stranger(hub, node)
            await hub.settle()
            told = [each for each in again.heard if isinstance(each, TransactionsAnnouncement)]
            assert reference_of(wire(own)) in told[0].references

    asyncio.run(check())
