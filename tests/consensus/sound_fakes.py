"""Keys that sign by hashing, blocks that are ids with a parent: fast, and nobody forges them."""

import hashlib
from dataclasses import dataclass

from consensus import (
    BlockRef,
    Committee,
    Finalize,
    Notarize,
    Nullify,
    SignatureCheck,
    Vote,
    signed_bytes,
)
from ledger.hashing import Tags

TAGS = Tags(b"\x51" * 32)
BOUNDARY = BlockRef(0, b"\x00" * 32)


class FakeKey:
    """Signs by hashing; nobody in the simulation forges."""

    def __init__(self, number: int) -> None:
        self.public_key = bytes([number]) * 32

    def sign(self, message: bytes) -> bytes:
        return _fake_signature(self.public_key, message)


def _fake_signature(public_key: bytes, message: bytes) -> bytes:
    return hashlib.sha256(public_key + message).digest() * 2


def check_fake(public_key: bytes, message: bytes, signature: bytes) -> bool:
    return signature == _fake_signature(public_key, message)


def committee_of(size: int, epoch: int = 0, check: SignatureCheck = check_fake) -> Committee:
    members = [FakeKey(number).public_key for number in range(size)]
    return Committee(TAGS, epoch, members, check=check)


def vote_of(number: int, statement: Notarize | Nullify | Finalize) -> Vote:
    return Vote(statement, number, FakeKey(number).sign(signed_bytes(TAGS, statement)))


@dataclass(frozen=True)
class Block:
    """All that the fake application knows of a block."""

    block_id: bytes
    view: int
    parent: BlockRef
    height: int
