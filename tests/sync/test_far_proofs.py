"""Blocks whose certificate is too far above for one answer: headers are paged back from it.

One answer holds 1,024 headers; here it is 3, so that a dozen blocks are a long way.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from consensus import CERTIFICATE_CODEC, Committee
from ledger.block import HEADER_CODEC
from ledger.codec import encode
from ledger.keys import KeyPair
from ledger.params import Parameters
from ledger.store import ChainStore, EncodedBlock
from ledger.types import Height
from node.block_tree import BlockTree
from node.final_range import RangeInvalid
from node.importing import RangeRefused
from node.p2p import (
    Message,
    NodeIdentity,
    Peer,
    RangeAnswer,
    RangeProof,
    RangeRequest,
    Role,
    StatusMessage,
)
from node.p2p.frames import decode_frame, encode_frame
from node.peering.answers import Answers
from node.peering.final_ranges import FinalRanges
from node.signatures import SignatureClaim
from node.sync.ranges import Question, RangeReader
from tests.node.lone_node import PEER, TAGS, VALIDATOR, LoneNode, genesis
from tests.node.memory_peers import MemoryHub, MemoryPeers

PARAMETERS = Parameters(account_fee=0, epoch_ms=604_800_000)
BLOCKS = 12
HEADERS = 3
SERVER = KeyPair(b"\x68" * 32)
BEHIND = KeyPair(b"\x69" * 32)


@pytest.fixture(autouse=True)
def few_headers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("node.peering.final_ranges.HEADERS_PER_RANGE_MAX", HEADERS)
    monkeypatch.setattr("node.sync.ranges.HEADERS_PER_RANGE_MAX", HEADERS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChainStore]:
    """A chain of which only the last block has a certificate."""
    folder = tmp_path_factory.mktemp("chain")
    asyncio.run(make(folder))
    strip(folder, range(1, BLOCKS))
    opened = ChainStore.open(f"sqlite:///{folder}/chain.db")
    yield opened
    opened.close()


async def make(folder: Path) -> None:
    async with LoneNode(folder, PARAMETERS) as node:
        for _ in range(BLOCKS):
            await node.finalize(node.transfer(1))


def strip(folder: Path, heights: Iterable[Height]) -> None:
    """Take certificates out of a durable chain."""
    with closing(sqlite3.connect(folder / "chain.db")) as database, database:
        rows = [(height,) for height in heights]
        database.executemany("UPDATE blocks SET certificate = x'' WHERE height = ?", rows)


def asked(store: ChainStore, first: Height, known: Height) -> RangeAnswer | RangeProof:
    return FinalRanges(store).answer(RangeRequest(1, first, 1 << 20, 2, known))


def heights(headers: Iterable[bytes]) -> list[Height]:
    return [HEADER_CODEC.decode(header).height for header in headers]


# ---------------------------------------------------------------- what a node answers


def test_headers_are_paged_back_from_the_certificate_to_the_blocks(store: ChainStore) -> None:
    certificate = store.encoded_blocks(BLOCKS - 1, 1, 1)[0].certificate
    pages = {0: ([10, 11, 12], certificate), 9: ([7, 8, 9], b""), 6: ([4, 5, 6], b"")}
    for known, (expected, proof) in pages.items():
        page = asked(store, 1, known)
        assert isinstance(page, RangeProof)
        assert (heights(page.headers), page.certificate) == (expected, proof)
    blocks = asked(store, 1, 3)
    assert isinstance(blocks, RangeAnswer)
    assert [block.certificate for block in blocks.blocks] == [b"", b""]
    assert heights(blocks.headers) == [3]


@pytest.mark.parametrize("known", [1, 2])
def test_blocks_up_to_the_known_one_need_nothing_else(store: ChainStore, known: Height) -> None:
    answer = asked(store, 1, known)
    assert isinstance(answer, RangeAnswer)
    assert (len(answer.blocks), answer.headers) == (known, ())


@pytest.mark.parametrize("known", [BLOCKS + 1, 1 << 40, 1 << 62])
def test_a_known_block_that_is_not_here_is_answered_with_nothing(
    store: ChainStore, known: Height
) -> None:
    assert asked(store, 1, known) == RangeAnswer(1, (), ())


def test_the_next_certificate_is_searched_once(store: ChainStore) -> None:
    ranges = FinalRanges(store)
    for first in (1, 4, 2):
        page = ranges.answer(RangeRequest(1, first, 1 << 20, 1, 0))
        assert isinstance(page, RangeProof)
        assert heights(page.headers) == [10, 11, 12]
    near = ranges.answer(RangeRequest(1, 9, 1 << 20, 1, 0))
    assert isinstance(near, RangeAnswer)
    assert (len(near.blocks), heights(near.headers)) == (1, [10, 11, 12])


# ---------------------------------------------------------------- what a node takes


def reader() -> RangeReader:
    made = RangeReader(TAGS, NoVerifier(), lambda _signed: False, lambda: 0)
    made.enter_epoch(Committee(TAGS, 0, (VALIDATOR.public_key,)))
    return made


class NoVerifier:
    """Is not asked."""

    async def verify(self, claims: Sequence[SignatureClaim]) -> list[bool]:
        raise AssertionError("no signature of a transaction is verified for headers")


def question(made: RangeReader, first: Height) -> Question:
    return Question(SERVER.public_key, first, 2, 1 << 20, made.known_above(first))


async def test_each_page_shows_the_block_below_it_to_be_final(store: ChainStore) -> None:
    made = reader()
    for lowest in (9, 6, 3):
        known = made.known_above(1)
        page = asked(store, 1, known.height if known else 0)
        assert isinstance(page, RangeProof)
        assert await made.take_proof(question(made, 1), page)
        found = made.known_above(1)
        stored = store.header_at(lowest)
        assert found is not None
        assert stored is not None
        assert (found.height, found.block_id) == (lowest, stored.block_id)
    answer = asked(store, 1, 3)
    assert isinstance(answer, RangeAnswer)
    outline = await made.read(question(made, 1), answer)
    assert (outline.first_height, outline.last_height) == (1, 2)
    assert made.prove(outline)
    made.passed(6)
    assert made.known_above(1) == made.known_above(9)


async def test_headers_of_an_epoch_that_is_not_open_are_of_no_use_yet(store: ChainStore) -> None:
    made, page = reader(), asked(store, 1, 0)
    made.enter_epoch(Committee(TAGS, 7, (VALIDATOR.public_key,)))
    assert isinstance(page, RangeProof)
    assert not await made.take_proof(question(made, 1), page)
    assert made.known_above(1) is None


def unsigned(certificate: bytes) -> bytes:
    proof = CERTIFICATE_CODEC.decode(certificate)
    return encode(replace(proof, entries=(replace(proof.entries[0], signature=bytes(64)),)))


def without_proof(page: RangeProof) -> RangeProof:
    return replace(page, certificate=b"")


HOSTILE: dict[str, tuple[Callable[[RangeProof], RangeProof], type[Exception]]] = {
    "no certificate": (without_proof, RangeInvalid),
    "a certificate that nobody signed": (
        lambda page: replace(page, certificate=unsigned(page.certificate)),
        RangeRefused,
    ),
    "fewer headers than may be": (
        lambda page: replace(page, headers=page.headers[1:]),
        RangeInvalid,
    ),
    "no headers": (lambda page: replace(page, headers=()), RangeInvalid),
    "another order": (lambda page: replace(page, headers=page.headers[::-1]), RangeInvalid),
    "a header of another block": (
        lambda page: replace(page, headers=(*page.headers[:-1], page.headers[0])),
        RangeInvalid,
    ),
    "bytes that are no header": (
        lambda page: replace(page, headers=(b"\x01", *page.headers[1:])),
        RangeInvalid,
    ),
}


@pytest.mark.parametrize(("spoil", "error"), HOSTILE.values(), ids=list(HOSTILE))
async def test_a_page_that_proves_nothing_is_its_senders_fault(
    store: ChainStore,
    spoil: Callable[[RangeProof], RangeProof],
    error: type[Exception],
) -> None:
    made, page = reader(), asked(store, 1, 0)
    assert isinstance(page, RangeProof)
    with pytest.raises(error):
        await made.take_proof(question(made, 1), spoil(page))
    assert made.known_above(1) is None


async def test_a_page_has_to_lead_to_the_block_that_is_known(store: ChainStore) -> None:
    made, pages = reader(), [asked(store, 1, known) for known in (0, 6)]
    first, other = pages
    assert isinstance(first, RangeProof)
    assert isinstance(other, RangeProof)
    await made.take_proof(question(made, 1), first)
    with pytest.raises(RangeInvalid, match="known"):
        await made.take_proof(question(made, 1), other)


async def test_a_page_has_to_begin_above_the_block_that_was_asked_for(store: ChainStore) -> None:
    made, page = reader(), asked(store, 1, 0)
    assert isinstance(page, RangeProof)
    with pytest.raises(RangeInvalid, match="not above"):
        await made.take_proof(question(made, 10), page)


# ---------------------------------------------------------------- a follower


class RangeServer:
    """A peer that gives what a store has, as every node does, and nothing else."""

    def __init__(self, hub: MemoryHub, store: ChainStore) -> None:
        self.peers = MemoryPeers(hub, NodeIdentity(SERVER, Role.FOLLOWER), self)
        self._answers = Answers(BlockTree(genesis(PARAMETERS)), store)
        self.known: list[Height] = []

    def connected(self, peer: Peer) -> None:
        peer.send(StatusMessage(0, 0, BLOCKS, bytes(32)))

    def disconnected(self, peer: Peer) -> None:
        """Nothing to forget."""

    async def received(self, peer: Peer, message: Message) -> None:
        if isinstance(message, RangeRequest):
            assert decode_frame(encode_frame(message))[1] == message
            self.known.append(message.known_height)
            await self._answers.final_range(peer, message)


@asynccontextmanager
async def follower(folder: Path, store: ChainStore) -> AsyncIterator[tuple[LoneNode, RangeServer]]:
    hub = MemoryHub()
    server = RangeServer(hub, store)
    hub.up(server.peers)
    async with LoneNode(folder, PARAMETERS, key=BEHIND, hub=hub, is_follower=True) as node:
        yield node, server
        assert node.part is not None
        assert isinstance(node.part.peers, MemoryPeers)
        assert not node.part.peers.faults


def data_of(blocks: Iterable[EncodedBlock]) -> list[bytes]:
    return [block.data for block in blocks]


@pytest.mark.parametrize("kept", [1, 4_096])
async def test_a_follower_gets_past_a_stretch_without_certificates(
    tmp_path: Path, store: ChainStore, monkeypatch: pytest.MonkeyPatch, kept: int
) -> None:
    monkeypatch.setattr("node.sync.syncer.RANGE_BYTES", 1)  # Each block takes a question.
    monkeypatch.setattr("node.sync.ranges.KNOWN_MAX", kept)
    async with follower(tmp_path, store) as (node, server):
        await node.reach(BLOCKS)
        assert node.chain.balance(PEER.address) == BLOCKS
        taken = node.store.encoded_blocks(0, BLOCKS, 1 << 24)
    assert data_of(taken) == data_of(store.encoded_blocks(0, BLOCKS, 1 << 24))
    assert {0, 9, 6} <= set(server.known)
