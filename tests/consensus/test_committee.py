"""Quorums, leaders, and certificates under real signatures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consensus import (
    Certificate,
    CertificateEntry,
    Committee,
    Finalize,
    MessageInvalid,
    faulty_max,
    leader_shift,
    quorum_of,
    signed_bytes,
)
from consensus.errors import (
    EpochWrong,
    QuorumMissing,
    SignersNotDistinct,
    SignerUnknown,
    VoteForged,
)
from ledger.hashing import Tags
from ledger.keys import KeyPair
from ledger.params import VALIDATORS_MAX

TAGS = Tags(b"\x63" * 32)
KEYS = [KeyPair(bytes([n + 1]) * 32) for n in range(7)]
FINAL = Finalize(1, 9, 8, b"\x01" * 32)


def committee_of(size: int) -> Committee:
    return Committee(TAGS, 1, [key.public_key for key in KEYS[:size]])


def signed_by(*signers: int) -> Certificate:
    message = signed_bytes(TAGS, FINAL)
    return Certificate(FINAL, tuple(CertificateEntry(n, KEYS[n].sign(message)) for n in signers))


@pytest.mark.parametrize("size", range(1, VALIDATORS_MAX + 1))
def test_two_quorums_share_an_honest_member_and_the_honest_alone_are_one(size: int) -> None:
    quorum, faulty = quorum_of(size), faulty_max(size)
    assert 2 * quorum - size > faulty
    assert size - faulty >= quorum
    assert 3 * faulty < size <= 3 * faulty + 3


@pytest.mark.parametrize(
    ("size", "quorum"), [(1, 1), (2, 2), (3, 3), (4, 3), (5, 4), (6, 5), (7, 5), (100, 67)]
)
def test_quorums_by_size(size: int, quorum: int) -> None:
    assert quorum_of(size) == quorum


@given(size=st.integers(1, 7), start=st.integers(1, 10**6), boundary=st.binary(min_size=32))
def test_each_member_leads_once_in_as_many_views_as_there_are_members(
    size: int, start: int, boundary: bytes
) -> None:
    shift = leader_shift(boundary, size)
    committee = Committee(TAGS, 1, [key.public_key for key in KEYS[:size]], shift=shift)
    leaders = [committee.leader(view) for view in range(start, start + size)]
    assert sorted(leaders) == list(range(size))
    assert committee.leader(start + size) == leaders[0]


@pytest.mark.parametrize("size", [1, 4, 6, 7])
def test_a_quorum_of_signatures_makes_a_certificate(size: int) -> None:
    committee = committee_of(size)
    committee.check_certificate(signed_by(*range(size)))
    committee.check_certificate(signed_by(*range(size - committee.quorum, size)))


@pytest.mark.parametrize(
    ("certificate", "error"),
    [
        (signed_by(0, 1), QuorumMissing),
        (signed_by(), QuorumMissing),
        (signed_by(0, 1, 1), SignersNotDistinct),
        (signed_by(1, 0, 2), SignersNotDistinct),
        (signed_by(0, 1, 6), SignerUnknown),
        (Certificate(Finalize(2, 9, 8, b"\x01" * 32), signed_by(0, 1, 2).entries), EpochWrong),
        (Certificate(Finalize(1, 9, 8, b"\x02" * 32), signed_by(0, 1, 2).entries), VoteForged),
    ],
)
def test_a_certificate_that_is_none_is_refused_by_name(
    certificate: Certificate, error: type[MessageInvalid]
) -> None:
    with pytest.raises(error):
        committee_of(4).check_certificate(certificate)


def test_members_are_found_by_their_key() -> None:
    committee = committee_of(4)
    assert [committee.index_of(key.public_key) for key in KEYS[:5]] == [0, 1, 2, 3, None]
    assert committee.leader_key(1) == KEYS[0].public_key
