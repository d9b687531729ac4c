"""A transaction that any node took reaches every validator, at the least cost (T3, T7)."""

import asyncio

import pytest

from coordinator.ports import TransactionStatus
from node.gossip import announcements
from node.gossip.announcements import PAUSES_SECONDS, PUSHED_RUNG, AnnouncementBook
from node.gossip.gossip import ROUND_MAX
from node.pool_admission import PoolLimits
from node.ports import FoundWork
from node.references import reference_of
from tests.gossip.gossiping import GossipNode, network
from tests.node.pooled_chain import id_of, wire


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_what_a_client_gives_a_validator_reaches_all_others_once() -> None:
    async with network(4) as (hub, nodes):
        sent = [nodes[0].chain.transfer(amount) for amount in range(1, 60)]
        await nodes[0].submit(*sent)
        await hub.settle()
        assert all(node.has(*sent) for node in nodes)
        for node in nodes[1:]:
            assert sorted(node.bytes_received()) == sorted(map(wire, sent))
        assert set(hub.sent) == {"TransactionsMessage"}
        assert hub.sent["TransactionsMessage"] == 3


async def test_what_a_follower_takes_reaches_every_validator_and_each_receives_it_once() -> None:
    async with network(4, followers=2) as (hub, nodes):
        sent = [nodes[5].chain.transfer() for _ in range(3)]
        await nodes[5].submit(*sent)
        await hub.settle()
        assert all(node.has(*sent) for node in nodes[:4])
        for node in nodes[:4]:
            assert len(node.bytes_received()) == len(sent)
        assert not nodes[4].bytes_received()


async def test_a_follower_gives_validators_turns_and_passes_by_those_that_take_nothing() -> None:
    async with network(4, followers=1) as (hub, nodes):
        follower = nodes[4]
        for peer in follower.transport.links.values():
            peer.is_taking = peer.far is nodes[2].transport
        for _ in range(3):
            await follower.submit(follower.chain.transfer())
            await hub.settle()
        assert all(len(node.pool) == 3 for node in nodes[:4])
        first_hops = dict.fromkeys(nodes[:4], 0)
        for node in nodes[:4]:
            for sender, _ in node.transport.received:
                first_hops[node] += sender is follower.transport
        assert list(first_hops.values()) == [0, 0, 3, 0]
        for peer in follower.transport.links.values():
            peer.is_taking = True
        for _ in range(8):
            await follower.submit(follower.chain.transfer())
            await hub.settle()
        senders = [
            node for node in nodes[:4]
            if any(sender is follower.transport for sender, _ in node.transport.received)
        ]  # fmt: skip
        assert len(senders) == 4


async def test_a_batch_is_spread_in_one_message_and_a_lone_transfer_at_once() -> None:
    async with network(2) as (hub, nodes):
        lone = nodes[0].chain.transfer()
        await nodes[0].submit(lone)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert hub.sent["TransactionsMessage"] == 1
        for _ in range(50):
            await nodes[0].submit(nodes[0].chain.transfer())
        await hub.settle()
        assert hub.sent["TransactionsMessage"] <= 3
        assert len(nodes[1].pool) == 51


async def test_each_node_verifies_a_transaction_once_whoever_else_sends_it() -> None:
    async with network(4, followers=1) as (hub, nodes):
        transfer = nodes[0].chain.transfer()
        for node in (nodes[0], nodes[1], nodes[4]):
            await node.submit(transfer)
        await hub.settle()
        assert [len(node.verifier.claims) for node in nodes] == [1, 1, 1, 1, 1]
        assert all(node.has(transfer) for node in nodes)
        again = await nodes[2].submit(transfer)
        assert [outcome.status for outcome in again] == [TransactionStatus.DUPLICATE]
        assert len(nodes[2].verifier.claims) == 1


# ---------------------------------------------------------------- while a node or link is down


@pytest.mark.parametrize("origin", [0, 4])
async def test_what_was_lost_is_announced_again_until_everybody_has_it(origin: int) -> None:
    async with network(4, followers=1) as (hub, nodes):
        node = nodes[origin]
        hub.mute = {(node.transport, other.transport) for other in nodes}
        lost = [node.chain.transfer() for _ in range(5)]
        await node.submit(*lost)
        await hub.settle()
        assert not any(other.has(lost[0]) for other in nodes if other is not node)
        hub.mute = set()
        first = PAUSES_SECONDS[PUSHED_RUNG if origin == 0 else 0]
        node.gossip.announce_again(now() + first - 0.5)
        await hub.settle()
        assert not any(other.has(lost[0]) for other in nodes if other is not node)
        node.gossip.announce_again(now() + first)
        await hub.settle()
        assert all(other.has(*lost) for other in nodes[:4])
        copies = [len(other.bytes_received()) for other in nodes[:4] if other is not node]
        assert copies == [5, 5, 5] if origin == 0 else max(copies) <= 3 * 5


async def test_a_validator_that_connects_is_announced_what_waits_and_asks_for_it_once() -> None:
    async with network(4, connected=False) as (hub, nodes):
        for at, one in enumerate(nodes[:3]):
            for other in nodes[at + 1 : 3]:
                hub.connect(one.transport, other.transport)
        sent = [nodes[0].chain.transfer() for _ in range(40)]
        await nodes[0].submit(*sent)
        await nodes[1].submit(sent[0])
        await hub.settle()
        for node in nodes[:3]:
            hub.connect(node.transport, nodes[3].transport)
        await hub.settle()
        assert nodes[3].has(*sent)
        assert sorted(nodes[3].bytes_received()) == sorted(map(wire, sent))


async def test_announcements_pause_while_a_block_holds_it_and_end_when_it_is_final() -> None:
    async with network(2) as (hub, nodes):
        node = nodes[0]
        transfer = node.chain.transfer()
        await node.submit(transfer)
        await hub.settle()
        node.included.add(id_of(transfer))
        node.gossip.announce_again(now() + 1_000)
        assert hub.sent["TransactionsAnnouncement"] == 0
        node.included.clear()
        node.gossip.announce_again(now() + 2_000)
        assert hub.sent["TransactionsAnnouncement"] == 1
        node.chain.finalise(node.chain.build(transfer))
        node.gossip.announce_again(now() + 3_000)
        node.gossip.announce_again(now() + 4_000)
        assert hub.sent["TransactionsAnnouncement"] == 1


async def test_an_announcement_of_what_became_final_meanwhile_is_not_asked_for() -> None:
    async with network(2) as (hub, nodes):
        transfer = nodes[0].chain.transfer()
        await nodes[0].submit(transfer)
        await hub.settle()
        nodes[1].chain.finalise(nodes[1].chain.build(transfer))
        nodes[0].gossip.announce_again(now() + 10)
        await hub.settle()
        assert hub.sent["TransactionsAnnouncement"] == 1
        assert hub.sent["TransactionsWanted"] == 0


async def test_what_the_first_does_not_answer_another_is_asked_for() -> None:
    async with network(3, connected=False) as (hub, nodes):
        transfer = nodes[0].chain.transfer()
        for node in nodes[:2]:
            await node.submit(transfer)
        await hub.settle()
        silent = nodes[0].transport
        hub.connect(silent, nodes[2].transport)
        hub.mute = {(nodes[2].transport, silent)}
        await hub.settle()
        hub.connect(nodes[1].transport, nodes[2].transport)
        await hub.settle()
        assert not nodes[2].has(transfer), "the first one may still answer"
        loop = asyncio.get_running_loop()
        later = loop.time() + 3
        nodes[2].gossip._questions.ask(b"", later)
        nodes[1].gossip.announce_again(loop.time() + 10)
        await hub.settle()
        assert nodes[2].has(transfer)


async def test_a_full_pool_is_announced_again_in_bounded_rounds() -> None:
    async with network(2) as (hub, nodes):
        count = ROUND_MAX + 100
        sent = [nodes[0].chain.transfer() for _ in range(200)]
        await nodes[0].submit(*sent)
        await hub.settle()
        book = nodes[0].gossip._book
        for _ in range(count):
            book.add(id_of(sent[0]), now())
        nodes[0].gossip.announce_again(now() + PAUSES_SECONDS[0])
        assert len(book) == count + 200
        await hub.settle()
        (message,) = [
            each for _, each in nodes[1].transport.received if hasattr(each, "references")
        ]
        assert len(message.references) == ROUND_MAX


async def test_a_pool_that_was_full_gets_the_transaction_when_it_has_room() -> None:
    async with network(2, limits={1: PoolLimits(transactions_max=1)}) as (hub, nodes):
        small = nodes[1]
        first, second = (nodes[0].chain.transfer(fee=50_000) for _ in range(2))
        outcomes = await nodes[0].submit(first, second)
        assert [each.status for each in outcomes] == [TransactionStatus.POOLED] * 2
        await hub.settle()
        assert small.has(first)
        assert not small.has(second)
        small.chain.finalise(small.chain.build(first))
        nodes[0].gossip.announce_again(now() + 10)
        await hub.settle()
        assert small.has(second)
        assert not small.transport.faults


# ---------------------------------------------------------------- the leader knows of work (E12)


async def test_work_that_the_leader_was_not_shown_is_announced_to_it() -> None:
    """A node shows a transaction to everybody but the leader."""
    async with network(4) as (hub, nodes):
        sly, witness, _, leader = nodes
        hub.mute = {(sly.transport, leader.transport)}
        transfer = sly.chain.transfer()
        await sly.submit(transfer)
        await hub.settle()
        assert witness.has(transfer)
        assert not leader.has(transfer)
        found = witness.pool.find_work(witness.chain.head_view, ())
        assert found.reference == reference_of(wire(transfer))
        witness.gossip.share_work(leader.transport.keys.public_key, found)
        await hub.settle()
        assert leader.has(transfer)
        assert leader.grew == 1


async def test_work_is_not_announced_to_a_leader_that_sent_it_or_was_sent_it() -> None:
    async with network(4) as (hub, nodes):
        transfer = nodes[0].chain.transfer()
        await nodes[0].submit(transfer)
        await hub.settle()
        leader = nodes[0].transport.keys.public_key
        for node in nodes[1:]:
            found = node.pool.find_work(node.chain.head_view, ())
            node.gossip.share_work(leader, found)
        found = nodes[0].pool.find_work(nodes[0].chain.head_view, ())
        nodes[0].gossip.share_work(nodes[1].transport.keys.public_key, found)
        await hub.settle()
        assert hub.sent["TransactionsAnnouncement"] == 0


async def test_a_leader_that_is_not_connected_is_not_told() -> None:
    async with network(2) as (hub, nodes):
        await nodes[0].submit(nodes[0].chain.transfer())
        await hub.settle()
        found = nodes[1].pool.find_work(nodes[1].chain.head_view, ())
        nodes[1].gossip.share_work(bytes(32), found)
        nodes[1].gossip.share_work(nodes[0].transport.keys.public_key, FoundWork())
        await hub.settle()
        assert hub.sent["TransactionsAnnouncement"] == 0


# ---------------------------------------------------------------- blocks that came to nothing


async def test_what_an_abandoned_block_held_is_pooled_again_unless_it_is_final_elsewhere() -> None:
    async with network(1) as (hub, (node,)):
        lost, elsewhere = node.chain.transfer(), node.chain.transfer()
        abandoned = GossipNode(hub.node(1)).chain.build(lost, elsewhere)
        node.chain.finalise(node.chain.build(elsewhere))
        node.gossip.abandoned(abandoned.result.body)
        await hub.settle()
        assert node.has(lost)
        assert not node.pool.contains(id_of(elsewhere))
        assert node.grew == 1
        assert not node.gossip._book.everything()


def test_the_book_of_announcements_forgets_what_left_the_pool_however_much_that_is() -> None:
    book = AnnouncementBook()
    kept = {number.to_bytes(32, "big") for number in range(0, 40_000, 1_000)}
    for number in range(40_000):
        book.add(number.to_bytes(32, "big"), 0.0)
    found = []
    while due := book.due(PAUSES_SECONDS[0], 10, kept.__contains__):
        assert len(due) <= 10
        found += [identity for _, identity in due]
    assert set(found) == kept
    assert len(book) == 0


def test_the_book_of_announcements_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(announcements, "BOOK_MAX", 10)
    book = AnnouncementBook()
    for number in range(25):
        book.add(bytes((number,)) * 32, 0.0)
    assert book.everything() == [bytes((number,)) * 32 for number in range(24, 14, -1)]
