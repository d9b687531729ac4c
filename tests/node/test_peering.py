"""Who may send what: messages of members, of others, of other epochs, and garbage."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from consensus import (
    Committee,
    Finalize,
    Notarize,
    Nullify,
    Statement,
    Vote,
    VoteReceived,
    signed_bytes,
)
from ledger.keys import KeyPair
from ledger.steps import at_once
from ledger.transaction import CODEC, identify
from node.arrived_block import ArrivedBlock
from node.gossip import budgets
from node.p2p import (
    BlockAnswer,
    BlockRequest,
    BodyAnswer,
    BodyRequest,
    CertificatesRequest,
    PeerFault,
    ProposalMessage,
    RangeAnswer,
    RangeRequest,
    Role,
    StatusMessage,
    VoteMessage,
    WordAnswer,
    WordRequest,
)
from node.peering import Peering
from tests.node.callers import Caller
from tests.node.lone_node import START_MS, TAGS, LoneNode
from tests.node.memory_peers import MemoryHub, MemoryPeers
from tests.node.test_network import VALIDATORS, member

STRANGER = KeyPair(b"\x66" * 32)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[LoneNode]:
    """A member whose driver does not run, so that what is delivered stays in its inbox."""
    node = member(MemoryHub(), tmp_path, 0)
    yield node
    node.driver.stop()
    await node.driver.run()
    node.store.close()


def handler_of(node: LoneNode) -> Peering:
    assert node.part is not None
    transport = node.part.peers
    assert isinstance(transport, MemoryPeers)
    assert isinstance(transport.handler, Peering)
    return transport.handler


def caller(node: LoneNode, number: int | None) -> Caller:
    """Return a connected peer: a member by its number, or a stranger."""
    key = STRANGER if number is None else VALIDATORS[number]
    peer = Caller(key.public_key, Role.FOLLOWER if number is None else Role.VALIDATOR)
    handler_of(node).connected(peer)
    return peer


def vote_of(number: int, statement: Statement) -> Vote:
    return Vote(statement, number, VALIDATORS[number].sign(signed_bytes(TAGS, statement)))


async def test_a_peer_that_connects_is_told_where_the_node_is(node: LoneNode) -> None:
    peer = caller(node, None)
    assert isinstance(peer.sent[0], StatusMessage)
    assert peer.sent[0].final_height == 0


async def test_another_final_block_of_a_validator_at_the_same_height_is_told_once(
    node: LoneNode,
) -> None:
    handler, own = handler_of(node), node.chain.head().block_id
    with capture_logs() as logs:
        for final_id in (own, b"\x01" * 32, b"\x01" * 32):
            await handler.received(caller(node, None), StatusMessage(0, 1, 0, final_id))
        assert not logs, "anybody can follow, and say what it likes"
        for _ in range(2):
            peer = caller(node, 1)
            for final_id in (b"\x01" * 32, b"\x01" * 32, own):
                await handler.received(peer, StatusMessage(0, 1, 0, final_id))
            handler.disconnected(peer)
    assert [each["event"] for each in logs] == ["peer_has_another_final_block"]


async def test_a_claim_of_far_heights_does_not_slow_the_questions_for_proposed_blocks(
    node: LoneNode,
) -> None:
    handler, links = handler_of(node), handler_of(node)._parts.links
    for number in (None, 1):
        await handler.received(caller(node, number), StatusMessage(0, 1, 10**9, b"\x01" * 32))
    assert node.part is not None
    assert node.part.syncer.is_far_behind
    assert not links.is_syncing()


async def test_a_vote_counts_only_on_its_signers_connection(node: LoneNode) -> None:
    handler, waiting = handler_of(node), len(node.driver.inbox)
    vote = vote_of(1, Nullify(0, 1))
    await handler.received(caller(node, 2), VoteMessage(vote))
    await handler.received(caller(node, None), VoteMessage(vote))
    assert len(node.driver.inbox) == waiting
    await handler.received(caller(node, 1), VoteMessage(vote))
    assert len(node.driver.inbox) == waiting + 1


async def test_a_member_of_an_earlier_epoch_is_told_that_it_is_behind(node: LoneNode) -> None:
    assert node.part is not None
    handler, peer = handler_of(node), caller(node, 1)
    members = tuple(key.public_key for key in VALIDATORS)
    node.driver._network.enter_epoch(Committee(TAGS, 3, members))
    del peer.sent[:]
    for view in range(1, 4):
        await handler.received(peer, VoteMessage(vote_of(1, Nullify(0, view))))
    assert [type(message) for message in peer.sent] == [StatusMessage]


async def test_what_members_say_of_the_next_epoch_is_taken_up_in_it(node: LoneNode) -> None:
    handler, network, inbox = handler_of(node), node.driver._network, node.driver.inbox
    first, gone = caller(node, 1), caller(node, 2)
    for peer, number in ((first, 1), (gone, 2)):
        await handler.received(peer, VoteMessage(vote_of(number, Nullify(1, 1))))
    await handler.received(caller(node, None), VoteMessage(vote_of(3, Nullify(1, 1))))
    handler.disconnected(gone)
    committee = Committee(TAGS, 1, tuple(key.public_key for key in VALIDATORS))
    network.enter_epoch(committee)
    inbox.open_epoch(committee, node.driver._engine.core)
    assert len(inbox) == 0
    await asyncio.sleep(0)
    assert len(inbox) == 1


async def test_a_block_that_nobody_asked_for_is_not_looked_at(node: LoneNode) -> None:
    handler, peer, waiting = handler_of(node), caller(node, 1), len(node.driver.inbox)
    await handler.received(peer, BlockAnswer(b"garbage"))
    assert len(node.driver.inbox) == waiting


async def test_an_answer_that_is_no_block_is_the_peers_fault(node: LoneNode) -> None:
    assert node.part is not None
    handler, transport = handler_of(node), node.part.peers
    assert isinstance(transport, MemoryPeers)
    other = MemoryPeers(transport.hub, transport.identity, handler)
    other.identity = type(transport.identity)(VALIDATORS[1], Role.VALIDATOR)
    transport.hub.nodes.append(transport)
    transport.hub.up(other)
    node.driver._network.fetch_block(bytes(32))
    peer = transport.peer_of(VALIDATORS[1].public_key)
    assert peer is not None
    with pytest.raises(PeerFault) as fault:
        await handler.received(peer, BlockAnswer(b"garbage"))
    assert fault.value.provable
    transport.hub.down(other)


async def test_of_a_block_that_was_not_asked_for_no_more_than_the_header_is_decoded(
    node: LoneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[bytes] = []
    read = ArrivedBlock.read

    def noting(data: bytes) -> ArrivedBlock:
        decoded.append(data)
        return read(data)

    monkeypatch.setattr(ArrivedBlock, "read", noting)
    handler, tree, links = handler_of(node), node.tree, handler_of(node)._parts.links
    root, key = tree.final_view.block_id, VALIDATORS[1].public_key
    wanted, other = (at_once(tree.build(root, 1, key, START_MS + n, []))[0] for n in (1, 2))
    tree._blocks.clear()
    peer = caller(node, 1)
    links._owed[peer.key] = OrderedDict({wanted.view.block_id: None})
    for _ in range(100):
        await handler.received(peer, BlockAnswer(other.data))
    assert not decoded
    assert links.owes_blocks(peer)
    await handler.received(peer, BlockAnswer(wanted.data))
    assert decoded == [wanted.data]
    assert tree.holds(wanted.view.block_id)
    assert not links.owes_blocks(peer)


@pytest.mark.parametrize("is_block", [True, False])
async def test_a_proposal_of_another_block_than_its_vote_names_is_the_leaders_fault(
    node: LoneNode, *, is_block: bool
) -> None:
    handler, tree = handler_of(node), node.tree
    leader = node.driver.committee.leader(1)
    root, key = tree.final_view.block_id, VALIDATORS[leader].public_key
    built, _ = at_once(tree.build(root, 1, key, START_MS + 1, []))
    vote = vote_of(leader, Notarize(0, 1, 0, b"\x01" * 32))
    peer = caller(node, leader)
    with pytest.raises(PeerFault) as fault:
        await handler.received(peer, ProposalMessage(vote, built.data if is_block else b"garbage"))
    assert fault.value.provable
    assert (fault.value.code == "PROPOSAL_MISMATCHED") == is_block


async def test_only_the_first_block_that_a_leader_proposes_in_a_view_is_decoded(
    node: LoneNode,
) -> None:
    handler, tree = handler_of(node), node.tree
    leader = node.driver.committee.leader(1)
    root, key = tree.final_view.block_id, VALIDATORS[leader].public_key
    first, second = (at_once(tree.build(root, 1, key, START_MS + n, []))[0] for n in (1, 2))
    tree._blocks.clear()
    peer = caller(node, leader)
    for built in (first, second):
        vote = vote_of(leader, Notarize(0, 1, 0, built.view.block_id))
        await handler.received(peer, ProposalMessage(vote, built.data))
    assert tree.holds(first.view.block_id)
    assert not tree.holds(second.view.block_id), "its vote is taken, as proof of the fault"
    events = node.driver.inbox.take(10)
    assert sum(isinstance(event, VoteReceived) for event in events) == 2


async def test_a_block_that_was_not_the_one_asked_for_is_not_taken(node: LoneNode) -> None:
    assert node.part is not None
    handler, tree, transport = handler_of(node), node.tree, node.part.peers
    assert isinstance(transport, MemoryPeers)
    key = VALIDATORS[node.driver.committee.leader(1)].public_key
    built, _ = at_once(tree.build(tree.final_view.block_id, 1, key, START_MS + 1, []))
    tree._blocks.clear()
    other = MemoryPeers(transport.hub, transport.identity, handler)
    other.identity = type(transport.identity)(VALIDATORS[1], Role.VALIDATOR)
    transport.hub.nodes.append(transport)
    transport.hub.up(other)
    peer = transport.peer_of(VALIDATORS[1].public_key)
    assert peer is not None
    node.driver._network.fetch_block(bytes(32))
    await handler.received(peer, BlockAnswer(built.data))
    assert not tree.holds(built.view.block_id)
    node.driver._network.fetch_block(built.view.block_id)
    await handler.received(peer, BlockAnswer(built.data))
    assert tree.holds(built.view.block_id)
    transport.hub.down(other)


async def test_transactions_of_a_block_cost_who_asks_for_them_attention(
    node: LoneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budgets, "ATTENTION_MAX", 5 * budgets.SERVE_COST)
    handler, tree, peer = handler_of(node), node.tree, caller(node, 1)
    key = VALIDATORS[node.driver.committee.leader(1)].public_key
    signed = identify(TAGS, CODEC.decode(node.transfer()))
    built, _ = at_once(tree.build(tree.final_view.block_id, 1, key, START_MS + 1, [signed]))
    del peer.sent[:]
    for _ in range(7):
        await handler.received(peer, BodyRequest(built.view.block_id, (0,)))
    assert [type(message) for message in peer.sent] == [BodyAnswer] * 5


async def test_a_proposal_of_a_view_that_is_far_away_is_not_decoded(node: LoneNode) -> None:
    handler = handler_of(node)
    for view in range(3, 3 + len(VALIDATORS)):
        leader = node.driver.committee.leader(view)
        vote = vote_of(leader, Notarize(0, view, 0, b"\x01" * 32))
        await handler.received(caller(node, leader), ProposalMessage(vote, b"garbage"))


async def test_anybody_may_ask_for_final_blocks_and_is_answered(node: LoneNode) -> None:
    handler, peer, tree = handler_of(node), caller(node, None), node.tree
    del peer.sent[:]
    await handler.received(peer, RangeRequest(7, 1, 1_000, 10, 0))
    assert peer.sent == [RangeAnswer(7, (), ())]
    key = VALIDATORS[node.driver.committee.leader(1)].public_key
    built, _ = at_once(tree.build(tree.final_view.block_id, 1, key, START_MS + 1, []))
    await handler.received(peer, BlockRequest(built.view.block_id))
    assert peer.sent[1:] == [BlockAnswer(built.data)]
    await handler.received(peer, BlockRequest(b"\x01" * 32))
    assert len(peer.sent) == 2


async def test_only_members_may_ask_for_certificates(node: LoneNode) -> None:
    handler, waiting = handler_of(node), len(node.driver.inbox)
    await handler.received(caller(node, None), CertificatesRequest(0, (1,)))
    assert len(node.driver.inbox) == waiting
    await handler.received(caller(node, 1), CertificatesRequest(0, (1,)))
    assert len(node.driver.inbox) == waiting + 1


async def test_consensus_knows_who_shows_a_node_a_vote_of_its_own_key(tmp_path: Path) -> None:
    node = LoneNode(tmp_path, validators=VALIDATORS, hub=MemoryHub(), never_voted_in_epoch=0)
    vote = Vote(Nullify(0, 1), 0, bytes(64))
    await handler_of(node).received(caller(node, 2), VoteMessage(vote))
    event = node.driver.inbox.take(len(node.driver.inbox))[-1]
    assert isinstance(event, VoteReceived)
    assert (event.vote, event.sender) == (vote, 2)
    async with node:
        pass


@pytest.mark.parametrize("is_shown", [False, True])
async def test_a_fresh_validator_signs_only_if_nobody_shows_it_a_vote_of_its_key(
    tmp_path: Path, *, is_shown: bool
) -> None:
    node = member(MemoryHub(), tmp_path, 0)
    handler = handler_of(node)
    if is_shown:
        own = vote_of(0, Finalize(0, 1, 0, b"\x02" * 32))
        await handler.received(caller(node, 1), VoteMessage(own))
    else:
        forged = Vote(Finalize(0, 1, 0, b"\x02" * 32), 0, bytes(64))
        with pytest.raises(PeerFault, match="VOTE_FORGED"):
            await handler.received(caller(node, 2), VoteMessage(forged))
    for number in (1, 2):
        peer = caller(node, number)
        peer.sent.clear()
        await handler.received(peer, StatusMessage(0, 1, 0, bytes(32)))
        assert peer.sent == [WordRequest(0)]
        await handler.received(peer, WordAnswer(0, 1, 0, None))
    running = asyncio.create_task(node.driver.run())
    await node.chain.wait_final(bytes(32), 0.01)
    while not is_shown and not node.driver.status().signs:
        await node.chain.wait_final(bytes(32), 0.01)
    node.driver.stop()
    await running
    node.store.close()
    assert (tmp_path / "0" / "journal" / "epoch-0.journal").exists() != is_shown
