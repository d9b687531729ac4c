"""Bytes of votes, certificates and evidence; what a signature binds."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import (
    CERTIFICATE_CODEC,
    EVIDENCE_CODEC,
    RECORD_CODEC,
    VOTE_CODEC,
    Certificate,
    CertificateEntry,
    CertificateSeen,
    Committee,
    Evidence,
    Finalize,
    MessageInvalid,
    Notarize,
    Nullify,
    Record,
    Statement,
    VerdictGiven,
    Vote,
    VoteSeen,
    signed_bytes,
)
from consensus.errors import EvidenceInvalid, VoteForged
from ledger.codec import encode
from ledger.errors import CodecError
from ledger.hashing import Tags
from ledger.keys import KeyPair
from ledger.params import VALIDATORS_MAX
from ledger.types import COUNT_MAX

TAGS = Tags(b"\x61" * 32)
KEYS = [KeyPair(bytes([n + 1]) * 32) for n in range(4)]
COMMITTEE = Committee(TAGS, 2, [key.public_key for key in KEYS])

counts = st.integers(0, COUNT_MAX)
views = st.integers(1, COUNT_MAX)
ids = st.binary(min_size=32, max_size=32)
statements: st.SearchStrategy[Statement] = st.one_of(
    st.builds(Notarize, counts, views, counts, ids),
    st.builds(Finalize, counts, views, counts, ids),
    st.builds(Nullify, counts, views),
)
signers = st.integers(0, VALIDATORS_MAX - 1)
signatures = st.binary(min_size=64, max_size=64)
votes = st.builds(Vote, statements, signers, signatures)
certificates = st.builds(
    Certificate,
    statements,
    st.lists(st.builds(CertificateEntry, signers, signatures), max_size=VALIDATORS_MAX).map(tuple),
)


def vote_by(signer: int, statement: Statement, tags: Tags = TAGS) -> Vote:
    return Vote(statement, signer, KEYS[signer].sign(signed_bytes(tags, statement)))


@given(votes)
def test_a_vote_is_read_back_from_its_bytes(vote: Vote) -> None:
    assert VOTE_CODEC.decode(encode(vote)) == vote


@given(certificates)
def test_a_certificate_is_read_back_from_its_bytes(certificate: Certificate) -> None:
    assert CERTIFICATE_CODEC.decode(encode(certificate)) == certificate


@given(votes, votes)
def test_evidence_is_read_back_from_its_bytes(first: Vote, second: Vote) -> None:
    evidence = Evidence(first, second)
    assert EVIDENCE_CODEC.decode(encode(evidence)) == evidence


@given(
    st.one_of(
        st.builds(VoteSeen, votes),
        st.builds(CertificateSeen, certificates),
        st.builds(VerdictGiven, views, ids, st.booleans()),
    )
)
def test_a_record_is_read_back_from_its_bytes(record: Record) -> None:
    assert RECORD_CODEC.decode(encode(record)) == record


@given(votes, st.data())
def test_other_bytes_than_a_votes_own_are_refused_or_another_vote(
    vote: Vote, data: st.DataObject
) -> None:
    changed = bytearray(encode(vote))
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(CodecError):
        assert VOTE_CODEC.decode(bytes(changed)) != vote


@pytest.mark.parametrize(
    "statement",
    [
        [1, 0, 0, 0, bytes(32)],
        [1, 0, 1, 0, bytes(31)],
        [2, 0, 0],
        [2, 0, 1, 0],
        [4, 0, 1],
        [1, 0, COUNT_MAX + 1, 0, bytes(32)],
    ],
    ids=["view 0", "short id", "nullify view 0", "long nullify", "fourth kind", "huge view"],
)
def test_a_statement_outside_the_format_is_refused(statement: list[object]) -> None:
    with pytest.raises(CodecError):
        VOTE_CODEC.decode(encode([statement, 0, bytes(64)]))


def test_the_largest_certificate_fits_its_limit() -> None:
    entries = tuple(CertificateEntry(n, b"\xff" * 64) for n in range(VALIDATORS_MAX))
    statement = Finalize(COUNT_MAX, COUNT_MAX, COUNT_MAX - 1, b"\xff" * 32)
    largest = Certificate(statement, entries)
    assert CERTIFICATE_CODEC.decode(encode(largest)) == largest


# What a signature binds ---------------------------------------------------------------------


def test_a_vote_counts_for_its_statement_only() -> None:
    notarize = Notarize(2, 5, 4, b"\x01" * 32)
    vote = vote_by(1, notarize)
    COMMITTEE.check_vote(vote)
    others: list[Statement] = [
        Finalize(2, 5, 4, b"\x01" * 32),
        Notarize(2, 6, 4, b"\x01" * 32),
        Notarize(2, 5, 3, b"\x01" * 32),
        Notarize(2, 5, 4, b"\x02" * 32),
        Nullify(2, 5),
    ]
    for other in others:
        with pytest.raises(VoteForged):
            COMMITTEE.check_vote(Vote(other, 1, vote.signature))


def test_a_vote_of_another_chain_means_nothing() -> None:
    vote = vote_by(1, Nullify(2, 5), Tags(b"\x62" * 32))
    with pytest.raises(VoteForged):
        COMMITTEE.check_vote(vote)


def test_a_vote_of_another_member_means_nothing() -> None:
    vote = vote_by(1, Nullify(2, 5))
    with pytest.raises(VoteForged):
        COMMITTEE.check_vote(Vote(vote.statement, 2, vote.signature))


# Evidence -----------------------------------------------------------------------------------

BLOCK, OTHER = b"\x01" * 32, b"\x02" * 32


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        (Notarize(2, 5, 4, BLOCK), Notarize(2, 5, 4, OTHER), "two notarizes of one view"),
        (Notarize(2, 5, 4, BLOCK), Notarize(2, 5, 3, BLOCK), "two notarizes of one view"),
        (Finalize(2, 5, 4, BLOCK), Finalize(2, 5, 4, OTHER), "two finalizes of one view"),
        (Nullify(2, 5), Finalize(2, 5, 4, BLOCK), "nullify and finalize of one view"),
    ],
)
def test_evidence_says_what_the_member_did(first: Statement, second: Statement, said: str) -> None:
    assert COMMITTEE.check_evidence(Evidence(vote_by(3, first), vote_by(3, second))) == said
    assert COMMITTEE.check_evidence(Evidence(vote_by(3, second), vote_by(3, first))) == said


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Notarize(2, 5, 4, BLOCK), Nullify(2, 5)),
        (Notarize(2, 5, 4, BLOCK), Finalize(2, 5, 4, OTHER)),
        (Notarize(2, 5, 4, BLOCK), Notarize(2, 6, 4, OTHER)),
        (Nullify(2, 5), Finalize(2, 6, 4, BLOCK)),
        (Nullify(2, 5), Nullify(2, 5)),
    ],
)
def test_votes_that_an_honest_member_may_send_are_no_evidence(
    first: Statement, second: Statement
) -> None:
    with pytest.raises(EvidenceInvalid):
        COMMITTEE.check_evidence(Evidence(vote_by(3, first), vote_by(3, second)))


def test_votes_of_two_members_are_no_evidence() -> None:
    pair = Evidence(vote_by(2, Nullify(2, 5)), vote_by(3, Finalize(2, 5, 4, BLOCK)))
    with pytest.raises(EvidenceInvalid):
        COMMITTEE.check_evidence(pair)


def test_evidence_with_a_forged_vote_is_refused() -> None:
    forged = Vote(Finalize(2, 5, 4, BLOCK), 3, bytes(64))
    with pytest.raises(MessageInvalid):
        COMMITTEE.check_evidence(Evidence(vote_by(3, Nullify(2, 5)), forged))
