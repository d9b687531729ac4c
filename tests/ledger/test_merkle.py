"""The RFC 6962 tree against the RFC's own recursive definition (T5)."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.merkle import (
    EMPTY_ROOT,
    inclusion_path,
    merkle_root,
    transaction_leaf,
    verify_inclusion,
)

LEAVES = st.lists(st.binary(max_size=40), max_size=40)


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def root_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as written there."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return sha(b"\x00" + leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = root_by_definition(leaves[:split]), root_by_definition(leaves[split:])
    return sha(b"\x01" + left + right)


def path_by_definition(leaves: list[bytes], index: int) -> list[bytes]:
    """RFC 6962, section 2.1.1, as written there."""
    if len(leaves) == 1:
        return []
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    if index < split:
        return [*path_by_definition(leaves[:split], index), root_by_definition(leaves[split:])]
    return [
        *path_by_definition(leaves[split:], index - split),
        root_by_definition(leaves[:split]),
    ]


@given(LEAVES)
def test_root_is_the_one_that_the_rfc_defines(leaves: list[bytes]) -> None:
    assert merkle_root(leaves) == root_by_definition(leaves)


def test_the_known_roots_of_certificate_transparency_come_out() -> None:
    # The test tree of the Certificate Transparency project, up to its eight leaves.
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
    leaves = [bytes.fromhex(i) for i in [*inputs, "606162636465666768696a6b6c6d6e6f"]]
    roots = [merkle_root(leaves[:n]).hex() for n in (0, 1, 2, 3, 8)]
    assert roots == [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ]
    assert EMPTY_ROOT.hex() == roots[0]


@given(LEAVES.filter(bool), st.data())
def test_every_path_is_the_defined_one_and_verifies(
    leaves: list[bytes], data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = inclusion_path(leaves, index)
    assert list(path) == path_by_definition(leaves, index)
    assert verify_inclusion(merkle_root(leaves), leaves[index], index, len(leaves), path)


@given(LEAVES.filter(lambda leaves: len(leaves) > 1), st.data())
def test_no_changed_proof_verifies(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, leaf, count = merkle_root(leaves), leaves[index], len(leaves)
    path = list(inclusion_path(leaves, index))
    step = data.draw(st.integers(0, len(path) - 1))
    flipped = bytes([path[step][0] ^ 1]) + path[step][1:]
    broken = [*path[:step], flipped, *path[step + 1 :]]
    assert not verify_inclusion(root, leaf, index, count, broken)
    assert not verify_inclusion(root, leaf, index, count, path[:-1])
    assert not verify_inclusion(root, leaf, index, count, [*path, bytes(32)])
    assert not verify_inclusion(root, leaf, index, count, [p[:31] for p in path])
    assert not verify_inclusion(root, leaf + b"x", index, count, path)
    assert not verify_inclusion(root, leaf, count, count, path)
    assert not verify_inclusion(root, leaf, -1, count, path)


def test_an_inner_node_is_no_leaf() -> None:
    leaves = [b"a", b"b", b"c", b"d"]
    left = sha(b"\x00a") + sha(b"\x00b")
    right = merkle_root([b"c", b"d"])
    assert not verify_inclusion(merkle_root(leaves), left, 0, 2, [right])


def test_an_endless_path_is_not_followed() -> None:
    assert not verify_inclusion(bytes(32), b"", 0, 2**200, [bytes(32)] * 200)


def test_a_leaf_that_does_not_exist_has_no_path() -> None:
    with pytest.raises(IndexError):
        inclusion_path([b"a"], 1)


def test_a_transactions_leaf_shows_its_id_and_expiry() -> None:
    leaf = transaction_leaf(b"\x11" * 32, 2**40 + 5, b"\x22" * 64)
    assert leaf == b"\x11" * 32 + bytes.fromhex("0000010000000005") + sha(b"\x22" * 64)
