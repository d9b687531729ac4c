"""Validators that lie in scenarios say what they are meant to say."""

import pytest

from consensus import Notarize, Nullify, Vote, contradiction
from consensus.messages import Finalize, signed_bytes
from devnet.torture.liar import LIES, Equivocate
from ledger.block import HEADER_CODEC, ZERO_HASH, Header, block_id
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.keys import KeyPair, verify
from node.p2p import BlockRequest, CompactProposal, Message, StatusMessage, VoteMessage

KEY = KeyPair(b"\x07" * 32)
TAGS = Tags(b"\x01" * 32)


def vote(statement: Notarize | Nullify | Finalize) -> Vote:
    return Vote(statement, 2, KEY.sign(signed_bytes(TAGS, statement)))


NOTARIZE = vote(Notarize(3, 5, 4, b"\x02" * 32))
FINALIZE = vote(Finalize(3, 5, 4, b"\x02" * 32))


HEADER = Header(
    version=1,
    chain_id="tests-0101010101010101",
    epoch=3,
    view=5,
    height=9,
    parent_id=b"\x03" * 32,
    parent_view=4,
    timestamp_ms=1_700_000_000_000,
    proposer=KEY.public_key,
    transaction_root=ZERO_HASH,
    transaction_count=0,
    outcome_root=ZERO_HASH,
    outcome_count=0,
    state_root=ZERO_HASH,
    validator_set_hash=ZERO_HASH,
    next_validator_set_hash=ZERO_HASH,
)


def proposal() -> CompactProposal:
    header = HEADER
    said = vote(Notarize(3, 5, 4, block_id(TAGS, header)))
    return CompactProposal(said, encode(header), (), ())


def is_signed(said: Vote) -> bool:
    return verify(KEY.public_key, signed_bytes(TAGS, said.statement), said.signature)


@pytest.mark.parametrize("name", LIES)
def test_what_is_no_vote_is_told_as_it_is(name: str) -> None:
    message = StatusMessage(1, 2, 3, b"\x04" * 32)
    first, second = LIES[name](KEY, TAGS).say(message)
    assert message in first
    assert message in second


def test_an_equivocator_proposes_two_blocks_of_one_view() -> None:
    (first,), (second,) = LIES["equivocate"](KEY, TAGS).say(proposal())
    assert isinstance(first, CompactProposal)
    assert isinstance(second, CompactProposal)
    assert contradiction(first.vote.statement, second.vote.statement) == "two notarizes of one view"
    for each in (first, second):
        header = HEADER_CODEC.decode(each.header)
        assert isinstance(each.vote.statement, Notarize)
        assert each.vote.statement.block_id == block_id(TAGS, header)
        assert is_signed(each.vote)


@pytest.mark.parametrize("said", [NOTARIZE, FINALIZE])
def test_a_contradictor_excludes_each_of_its_votes(said: Vote) -> None:
    for half in LIES["contradict"](KEY, TAGS).say(VoteMessage(said)):
        votes = [each.vote for each in half if isinstance(each, VoteMessage)]
        assert len(votes) == 2
        assert contradiction(votes[0].statement, votes[1].statement) is not None
        assert all(map(is_signed, votes))


def test_a_forger_sends_what_is_not_signed_by_whom_it_names() -> None:
    liar = LIES["forge"](KEY, TAGS)
    said: list[Message] = []
    for _ in range(200):
        for half in liar.say(VoteMessage(NOTARIZE)):
            said += [each for each in half if each != VoteMessage(NOTARIZE)]
    assert len({type(each) for each in said}) >= 6
    forged = [each.vote for each in said if isinstance(each, VoteMessage)]
    assert forged
    assert not any(map(is_signed, forged))


def test_a_withholder_votes_for_blocks_that_nobody_gets() -> None:
    liar = LIES["withhold"](KEY, TAGS)
    assert liar.say(proposal()) == ([VoteMessage(proposal().vote)],) * 2
    assert not liar.hears(BlockRequest(b"\x05" * 32))
    assert liar.hears(VoteMessage(NOTARIZE))


def test_a_replayer_repeats_what_it_has_said() -> None:
    liar = LIES["replay"](KEY, TAGS)
    old = [VoteMessage(vote(Nullify(1, view))) for view in range(1, 30)]
    for message in old:
        for half in liar.say(message):
            assert message in half
            assert set(half) <= set(old)


def test_nobody_else_lies() -> None:
    assert Equivocate(KEY, TAGS).say(VoteMessage(NOTARIZE)) == ([VoteMessage(NOTARIZE)],) * 2
