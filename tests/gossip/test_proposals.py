"""Proposals that name transactions: rebuilt exactly, or the vote goes on without the block."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from consensus import Finalize, Notarize, Verdict
from ledger.codec import encode
from ledger.transaction import identify
from node.p2p import (
    BodyAnswer,
    BodyRequest,
    CompactProposal,
    PlacedTransaction,
    ProposalMessage,
)
from node.references import reference_of
from tests.gossip.proposing import (
    BODY,
    IMPATIENT,
    pair,
    propose,
    send,
    transfer,
    vote_for,
)
from tests.node.lone_node import TAGS


@settings(max_examples=30)
@given(
    known=st.sets(st.integers(0, len(BODY) - 1)),
    unsent=st.sets(st.integers(0, len(BODY) - 1)),
    arriving=st.sets(st.integers(0, len(BODY) - 1)),
)
def test_a_block_is_rebuilt_exactly_whatever_the_validator_has(
    known: set[int], unsent: set[int], arriving: set[int]
) -> None:
    async def check() -> None:
        hub, leader, other = pair()
        await leader.pooled(BODY)
        await other.pooled([BODY[at] for at in known])
        leader.unsent |= {reference_of(encode(BODY[at])) for at in unsent}
        other.arriving |= {reference_of(encode(BODY[at])): encode(BODY[at]) for at in arriving}
        block = leader.build(BODY)
        message = propose(leader, other, block)
        assert isinstance(message, CompactProposal)
        assert [each.position for each in message.placed] == sorted(unsent)
        await hub.settle()
        assert other.delivered == [(vote_for(block), block.data)]
        lacking = set(range(len(BODY))) - known - unsent - arriving
        asked = [each for each in leader.seen if isinstance(each, BodyRequest)]
        assert [each.positions for each in asked] == [tuple(sorted(lacking))] * bool(lacking)
        assert other.judge(block, block.data) is Verdict.VALID
        for signed in BODY:
            assert other.pool.is_verified(identify(TAGS, signed)), "off the loop, before execution"

    asyncio.run(check())


async def test_a_proposal_that_names_transactions_takes_a_tenth_of_the_bytes() -> None:
    hub, leader, other = pair()
    await leader.pooled(BODY)
    block = leader.build(BODY)
    propose(leader, other, block)
    assert hub.sent_bytes < len(block.data) / 5
    assert hub.sent_bytes < 18 * len(BODY) + 700


async def test_a_small_block_is_sent_whole() -> None:
    hub, leader, other = pair()
    await leader.pooled(BODY[:3])
    block = leader.build(BODY[:3])
    assert isinstance(propose(leader, other, block), ProposalMessage)
    await hub.settle()
    assert other.delivered == [(vote_for(block), block.data)]


async def test_a_vote_whose_block_is_not_due_goes_on_alone() -> None:
    hub, leader, other = pair()
    other.is_due = False
    block = leader.build(BODY)
    propose(leader, other, block)
    await hub.settle()
    assert other.delivered == [(vote_for(block), None)]


async def test_the_vote_goes_on_when_the_leader_does_not_answer_in_time() -> None:
    hub, leader, other = pair(IMPATIENT)
    await leader.pooled(BODY)
    block = leader.build(BODY)
    propose(leader, other, block)
    hub.mute = {(other.transport, leader.transport)}
    async with asyncio.timeout(10):
        await hub.settle()
        await other.came.wait()
    assert other.delivered == [(vote_for(block), None)]
    hub.mute = set()
    placed = tuple(PlacedTransaction(at, encode(signed)) for at, signed in enumerate(BODY))
    send(leader, other, BodyAnswer(block.view.block_id, placed))
    await hub.settle()
    assert len(other.delivered) == 1
    assert not other.transport.faults


async def test_the_vote_goes_on_when_the_leader_disconnects() -> None:
    hub, leader, other = pair()
    block = leader.build(BODY)
    propose(leader, other, block)
    hub.mute = {(other.transport, leader.transport)}
    await hub.settle()
    hub.cut(leader.transport, other.transport)
    assert other.delivered == [(vote_for(block), None)]


async def test_a_proposal_sent_again_is_asked_about_again_and_delivered_once() -> None:
    hub, leader, other = pair()
    block = leader.build(BODY)
    hub.mute = {(other.transport, leader.transport)}
    propose(leader, other, block)
    await hub.settle()
    hub.mute = set()
    propose(leader, other, block)
    await hub.settle()
    assert not other.proposals._pending
    assert other.delivered == [(vote_for(block), block.data)]


# ---------------------------------------------------------------- lies


async def test_references_of_another_body_never_make_a_block_and_never_make_it_invalid() -> None:
    """Also what somebody gains who works for two references that collide: nothing."""
    hub, leader, other = pair()
    stranger = transfer()
    await other.pooled([*BODY, stranger])
    block = leader.build(BODY)
    for wrong in (
        [stranger, *BODY[1:]],
        [BODY[1], BODY[0], *BODY[2:]],
        [*BODY[:-1], BODY[0]],
    ):
        references = tuple(reference_of(encode(each)) for each in wrong)
        header = encode(block.block.header)
        send(leader, other, CompactProposal(vote_for(block), header, references, ()))
        await hub.settle()
        _, data = other.delivered.pop()
        assert data is not None
        assert other.judge(block, data) is Verdict.UNKNOWN
    assert other.judge(block, block.data) is Verdict.VALID


async def test_a_proposal_that_contradicts_itself_is_its_senders_fault() -> None:
    hub, leader, other = pair()
    block = leader.build(BODY)
    vote, header = vote_for(block), encode(block.block.header)
    references = tuple(reference_of(encode(each)) for each in BODY)
    first, second = (PlacedTransaction(at, encode(BODY[at])) for at in (0, 1))
    another = encode(replace(block.block.header, timestamp_ms=1))
    statement = vote.statement
    assert isinstance(statement, Notarize)
    finalize = Finalize(statement.epoch, statement.view, 0, statement.block_id)
    for message in (
        CompactProposal(vote, another, references, ()),
        CompactProposal(vote, header[:-1], references, ()),
        CompactProposal(replace(vote, statement=finalize), header, references, ()),
        CompactProposal(vote, header, references[1:], ()),
        CompactProposal(vote, header, references, (first,)),
        CompactProposal(vote, header, references[2:], (second, first)),
        CompactProposal(vote, header, references[2:], (first, first)),
        CompactProposal(vote, header, references[1:], (replace(first, position=40),)),
        CompactProposal(vote, header, references[1:], (replace(first, transaction=b"\x92"),)),
    ):
        send(leader, other, message)
        await hub.settle()
        assert other.transport.faults.pop()[2], "provable"
        hub.connect(leader.transport, other.transport)
    assert not other.delivered


async def test_an_answer_with_another_transaction_than_named_is_its_senders_fault() -> None:
    hub, leader, other = pair()
    await other.pooled(BODY[2:])
    block = leader.build(BODY)
    first, second = (PlacedTransaction(at, encode(BODY[at])) for at in (0, 1))
    hub.mute = {(other.transport, leader.transport)}
    for wrong in (encode(BODY[5]), encode(transfer())):
        propose(leader, other, block)
        await hub.settle()
        lie = replace(second, transaction=wrong)
        send(leader, other, BodyAnswer(block.view.block_id, (first, lie)))
        await hub.settle()
        assert other.transport.faults.pop()[1:] == ("BODY_NOT_AS_NAMED", True)
        assert other.delivered.pop() == (vote_for(block), None), "as when a leader disconnects"
        hub.connect(leader.transport, other.transport)


async def test_the_answer_to_an_earlier_question_about_the_same_block_is_no_fault() -> None:
    """The proposal came again, and meanwhile one of two missing transactions had arrived."""
    hub, leader, other = pair()
    await other.pooled(BODY[2:])
    block = leader.build(BODY)
    hub.mute = {(other.transport, leader.transport)}
    propose(leader, other, block)
    await hub.settle()
    await other.pooled(BODY[:1])
    propose(leader, other, block)
    await hub.settle()
    first, second, last, beyond = (
        PlacedTransaction(at, encode(BODY[0 if at == 50 else at])) for at in (0, 1, 39, 50)
    )
    for placed in ((first,), (first, last, beyond), (first, second, last)):
        assert not other.delivered
        send(leader, other, BodyAnswer(block.view.block_id, placed))
        await hub.settle()
    assert other.delivered == [(vote_for(block), block.data)]
    assert not other.transport.faults


async def test_only_validators_are_served_and_only_what_a_block_has() -> None:
    hub, leader, other = pair()
    block = leader.build(BODY)
    asked = block.view.block_id
    send(other, leader, BodyRequest(bytes(32), (0,)))
    send(other, leader, BodyRequest(asked, (0, 3)))
    await hub.settle()
    (answer,) = other.seen
    assert isinstance(answer, BodyAnswer)
    assert [each.transaction for each in answer.placed] == [encode(BODY[0]), encode(BODY[3])]
    other.transport.is_validator = False
    send(other, leader, BodyRequest(asked, (0, 3)))
    await hub.settle()
    assert len(other.seen) == 1
    other.transport.is_validator = True
    for positions in ((40,), (3, 0), (2, 2)):
        send(other, leader, BodyRequest(asked, positions))
        await hub.settle()
        assert leader.transport.faults.pop()[1:] == ("BODY_REQUEST_WRONG", True)
        hub.connect(leader.transport, other.transport)


@settings(max_examples=60)
@given(data=st.data())
def test_no_bytes_in_a_proposal_break_a_validator(data: st.DataObject) -> None:
    async def check() -> None:
        hub, leader, other = pair()
        await other.pooled(BODY[:20])
        block = leader.build(BODY)
        header = encode(block.block.header)
        flip = data.draw(st.integers(0, len(header) - 1))
        headers = st.sampled_from([header, header[:flip], header[:flip] + b"\xc1", b"\x00"])
        references = st.lists(
            st.sampled_from([reference_of(encode(each)) for each in BODY] + [bytes(16)]),
            max_size=45,
        )
        placed = st.lists(
            st.builds(
                PlacedTransaction,
                st.integers(0, 60),
                st.sampled_from([encode(each) for each in BODY[:6]] + [b"\x00", b"\x92\x00"]),
            ),
            max_size=4,
        )
        draw = data.draw
        message = CompactProposal(
            vote_for(block),
            draw(headers) or b"\x00",
            tuple(draw(references)),
            tuple(draw(placed)),
        )
        send(leader, other, message)
        await hub.settle()
        if not other.transport.faults:
            await asyncio.sleep(0)
            assert len(other.delivered) + len(other.proposals._pending) == 1

    asyncio.run(check())
