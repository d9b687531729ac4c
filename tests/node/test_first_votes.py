"""What members remember of each other's votes, for one that lost its disk (S10)."""

from pathlib import Path

import pytest

from consensus import (
    Certificate,
    CertificateEntry,
    CertificateReceived,
    Notarize,
    Nullify,
    Statement,
    Vote,
    signed_bytes,
)
from node.p2p import PeerFault, Role, StatusMessage, VoteMessage, WordAnswer, WordRequest
from tests.node.callers import Caller
from tests.node.lone_node import TAGS, LoneNode
from tests.node.memory_peers import MemoryHub
from tests.node.test_network import VALIDATORS, member, reported, submitted
from tests.node.test_peering import caller, handler_of
from tests.p2p.meeting import eventually


def shown_to(node: LoneNode, number: int) -> list[Vote]:
    """Return the votes that a node shows a member that connects."""
    peer = Caller(VALIDATORS[number].public_key, Role.VALIDATOR)
    handler_of(node).connected(peer)
    return [message.vote for message in peer.sent if isinstance(message, VoteMessage)]


async def test_members_that_all_restarted_show_a_member_its_earlier_votes(tmp_path: Path) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number) for number in range(4)]
    async with nodes[0], nodes[1], nodes[2], nodes[3]:
        await reported(nodes, await submitted(nodes[0]))
    again = member(MemoryHub(), tmp_path, 0)
    remembered = list(again.driver.engine.remembered_votes())
    others = {vote.signer for vote in remembered} - {0}
    assert len(others) >= 2, "a quorum of three made the transfer final"
    for number in sorted(others):
        votes = shown_to(again, number)
        assert [vote.signer for vote in votes] == [number]
        again.driver.committee.check_vote(votes[0])
        views = [vote.statement.view for vote in remembered if vote.signer == number]
        assert votes[0].statement.view == max(views)
    async with again:
        pass


async def word_of(node: LoneNode, number: int, epoch: int = 0) -> list[WordAnswer]:
    """Return what a node answers a member that asks for its word."""
    peer = caller(node, number)
    await handler_of(node).received(peer, WordRequest(epoch))
    return [message for message in peer.sent if isinstance(message, WordAnswer)]


def vote_of(number: int, statement: Statement) -> Vote:
    signature = VALIDATORS[number].sign(signed_bytes(TAGS, statement))
    return Vote(statement, number, signature)


async def close(node: LoneNode) -> None:
    async with node:
        pass


def signing(folder: Path) -> LoneNode:
    """Return a member that signs, and whose driver does not run."""
    return LoneNode(folder, validators=VALIDATORS, hub=MemoryHub(), never_voted_in_epoch=0)


async def test_a_word_shows_the_newest_vote_that_came_from_its_signer(tmp_path: Path) -> None:
    node = signing(tmp_path)
    assert await word_of(node, 1) == [WordAnswer(0, 1, 0, None)]
    votes = [vote_of(1, Nullify(0, view)) for view in (3, 4, 1)]
    for vote in votes:
        await handler_of(node).received(caller(node, 1), VoteMessage(vote))
    assert await word_of(node, 1) == [WordAnswer(0, 1, 0, votes[1])]
    assert await word_of(node, 2) == [WordAnswer(0, 1, 0, None)]
    await close(node)


async def test_a_word_shows_a_vote_that_came_in_a_certificate_only(tmp_path: Path) -> None:
    node = signing(tmp_path)
    async with node:
        statement = Notarize(0, 1, 0, b"\x02" * 32)
        votes = [vote_of(number, statement) for number in (1, 2, 3)]
        entries = tuple(CertificateEntry(vote.signer, vote.signature) for vote in votes)
        certificate = Certificate(statement, entries)
        node.driver.inbox.post(CertificateReceived(node.clock.monotonic_ms(), certificate, 3))
        while await word_of(node, 1) == [WordAnswer(0, 1, 0, None)]:
            await node.chain.wait_final(bytes(32), 0.01)
        assert await word_of(node, 1) == [WordAnswer(0, 1, 0, votes[0])]


async def test_nobody_gives_its_word_to_strangers_or_about_other_epochs(tmp_path: Path) -> None:
    node = signing(tmp_path)
    stranger = caller(node, None)
    await handler_of(node).received(stranger, WordRequest(0))
    assert not any(isinstance(message, WordAnswer) for message in stranger.sent)
    for epoch in (1, 2, 2**40):
        assert await word_of(node, 1, epoch) == []
    await close(node)


async def test_a_member_that_forgot_its_own_votes_gives_no_word(tmp_path: Path) -> None:
    node = member(MemoryHub(), tmp_path, 0)
    assert await word_of(node, 1) == [WordAnswer(0, 1, 0, None)]  # It may be its first start.
    await handler_of(node).received(caller(node, 2), VoteMessage(vote_of(0, Nullify(0, 1))))
    assert await word_of(node, 1) == []
    await close(node)
    again = member(MemoryHub(), tmp_path, 0)
    assert await word_of(again, 1) == []
    await close(again)


async def test_words_count_once_a_member_and_only_if_they_are_of_this_epoch(tmp_path: Path) -> None:
    node = member(MemoryHub(), tmp_path, 0)
    handler = handler_of(node)
    for word in (WordAnswer(0, 1, 0, None), WordAnswer(0, 1, 0, None), WordAnswer(1, 1, 0, None)):
        await handler.received(caller(node, 1), word)
    await handler.received(caller(node, None), WordAnswer(0, 1, 0, None))
    await handler.received(caller(node, 2), WordAnswer(1, 1, 0, None))
    async with node:
        await node.chain.wait_final(bytes(32), 0.05)
        assert node.driver.waits_for_word()
        await handler.received(caller(node, 2), WordAnswer(0, 1, 0, None))
        while not node.driver.status().signs:
            await node.chain.wait_final(bytes(32), 0.01)


async def test_a_word_about_later_views_than_are_final_here_does_not_count_yet(
    tmp_path: Path,
) -> None:
    """Who gives it has forgotten what was said in views that this node could still vote in."""
    hub = MemoryHub()
    node = member(hub, tmp_path, 3)
    handler = handler_of(node)
    for number in (0, 1, 2):
        await handler.received(caller(node, number), WordAnswer(0, 2, 1, None))
    async with node:
        await node.chain.wait_final(bytes(32), 0.05)
        assert node.driver.waits_for_word()
        others = [member(hub, tmp_path, number) for number in range(3)]
        async with others[0], others[1], others[2]:
            signed = await submitted(others[0])
            await reported([*others, node], signed)
            while not node.driver.status().signs:
                await node.chain.wait_final(bytes(32), 0.01)
            await reported([*others, node], await submitted(node))


async def test_to_show_a_forged_or_a_foreign_vote_is_a_provable_fault(tmp_path: Path) -> None:
    node = member(MemoryHub(), tmp_path, 0)
    handler = handler_of(node)
    forged = Vote(Nullify(0, 1), 0, bytes(64))
    faults = {"VOTE_FORGED": forged, "WORD_FOREIGN": vote_of(1, Nullify(0, 1))}
    for code, vote in faults.items():
        with pytest.raises(PeerFault, match=code) as raised:
            await handler.received(caller(node, 2), WordAnswer(0, 1, 0, vote))
        assert raised.value.provable
    assert await word_of(node, 1) == [WordAnswer(0, 1, 0, None)]
    await close(node)


async def test_a_question_that_got_lost_is_asked_again_with_the_next_status(tmp_path: Path) -> None:
    node = member(MemoryHub(), tmp_path, 0)
    handler, peer = handler_of(node), caller(node, 1)
    peer.sent.clear()
    for _ in range(2):
        await handler.received(peer, StatusMessage(0, 1, 0, bytes(32)))
    await eventually(lambda: len(peer.sent) == 2)
    await handler.received(peer, StatusMessage(1, 1, 0, bytes(32)))
    assert peer.sent == [WordRequest(0), WordRequest(0)]
    await handler.received(peer, WordAnswer(0, 1, 0, None))
    await handler.received(peer, StatusMessage(0, 1, 0, bytes(32)))
    assert len(peer.sent) == 2
    await close(node)
