"""The shell around the planner: who may answer, what is verified ahead, what ends the node."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from consensus import CERTIFICATE_CODEC, Committee
from ledger import IsVerified
from ledger.block import CODEC, Block, block_id
from ledger.codec import encode
from ledger.types import Epoch, Height, PublicKey
from node.final_range import FinalRange
from node.p2p import FinalBlock, Message, Peer, RangeAnswer, RangeRequest, Role, StatusMessage
from node.ports import SystemClock
from node.signatures import SignatureClaim, SignatureVerifier
from node.sync import Planner, Syncer, SyncParts
from node.sync.planner import SPAN_BLOCKS
from tests.node.lone_node import TAGS, VALIDATOR, LoneNode

BLOCKS = 3
COMMITTEE = Committee(TAGS, 0, (VALIDATOR.public_key,))
ANOTHER = Committee(TAGS, 7, (VALIDATOR.public_key,))


@dataclass(eq=False)
class Asked:
    """A peer that remembers what it was asked."""

    key: PublicKey
    role: Role = Role.FOLLOWER
    is_outbound: bool = True
    address: str = "memory:1"
    questions: list[RangeRequest] = field(default_factory=list)

    def send(self, message: Message) -> bool:
        assert isinstance(message, RangeRequest)
        self.questions.append(message)
        return True


@dataclass
class Book:
    """Peers by key."""

    known: dict[PublicKey, Peer] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    reported: asyncio.Event = field(default_factory=asyncio.Event)

    def peer_of(self, key: PublicKey) -> Peer | None:
        return self.known.get(key)

    def report_fault(self, peer: Peer, code: str, *, provable: bool) -> None:
        self.faults.append(code)
        self.reported.set()


@dataclass
class Sink:
    """Takes ranges, or fails on them."""

    error: Exception | None = None
    handed_over: Height = 0
    next_epoch: Epoch = 0
    taken: asyncio.Queue[FinalRange] = field(default_factory=asyncio.Queue)
    unverified: int = 0

    async def import_final(self, content: FinalRange, verified: IsVerified) -> None:
        if self.error:
            raise self.error
        for block in content.blocks:
            self.unverified += sum(not verified(signed) for signed in block.body)
        self.taken.put_nowait(content)
        self.handed_over = content.last_height


@dataclass
class Counting:
    """Verifies, and counts what it was given."""

    inner: SignatureVerifier = field(default_factory=lambda: SignatureVerifier(TAGS, 0))
    claims: int = 0

    async def verify(self, claims: Sequence[SignatureClaim]) -> list[bool]:
        self.claims += len(claims)
        return await self.inner.verify(claims)


@dataclass
class Shell:
    """A syncer with everything around it."""

    sink: Sink = field(default_factory=Sink)
    book: Book = field(default_factory=Book)
    verifier: Counting = field(default_factory=Counting)

    def __post_init__(self) -> None:
        parts = SyncParts(
            tags=TAGS,
            clock=SystemClock(),
            peers=self.book,
            importer=self.sink,
            verifier=self.verifier,
            known=lambda _signed: False,
            next_epoch=lambda: self.sink.next_epoch,
        )
        self.syncer = Syncer(parts, Planner(0))
        self.syncer.enter_epoch(COMMITTEE, patience_ms=0)

    def peer(self, number: int, height: Height) -> Asked:
        peer = Asked(bytes([number]) * 32)
        self.book.known[peer.key] = peer
        self.syncer.announced(peer, StatusMessage(0, 0, height, bytes(32)))
        return peer


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> tuple[FinalBlock, ...]:
    return asyncio.run(_made(tmp_path_factory.mktemp("chain")))


async def _made(folder: Path) -> tuple[FinalBlock, ...]:
    async with LoneNode(folder) as node:
        for _ in range(BLOCKS):
            await node.finalize(node.transfer(1))
        stored = node.store.encoded_blocks(0, BLOCKS, 1 << 20)
    return tuple(FinalBlock(block.data, block.certificate) for block in stored)


async def answer(shell: Shell, peer: Asked, blocks: tuple[FinalBlock, ...]) -> None:
    await shell.syncer.answered(peer, RangeAnswer(peer.questions[-1].number, blocks, ()))


async def test_signatures_are_verified_before_a_range_is_imported(
    blocks: tuple[FinalBlock, ...],
) -> None:
    shell = Shell()
    peer = shell.peer(1, BLOCKS)
    await answer(shell, peer, blocks)
    content = await asyncio.wait_for(shell.sink.taken.get(), 5)
    assert content.last_height == BLOCKS
    assert (shell.verifier.claims, shell.sink.unverified) == (BLOCKS, 0)
    await shell.syncer.stop()


async def test_only_who_was_asked_may_answer_and_only_once(blocks: tuple[FinalBlock, ...]) -> None:
    shell = Shell()
    peer, other = shell.peer(1, BLOCKS), Asked(b"\x09" * 32)
    number = peer.questions[-1].number
    await shell.syncer.answered(other, RangeAnswer(number, blocks, ()))
    assert shell.syncer.progress().asked == 1
    await answer(shell, peer, blocks)
    await answer(shell, peer, (FinalBlock(b"\x01", b""),))
    assert shell.book.faults == []
    await shell.syncer.stop()


async def test_an_import_that_fails_for_no_reason_of_its_range_is_not_silent(
    blocks: tuple[FinalBlock, ...],
) -> None:
    shell = Shell(Sink(RuntimeError("a defect of this program")))
    await answer(shell, shell.peer(1, BLOCKS), blocks)
    with pytest.raises(RuntimeError, match="defect"):
        await asyncio.wait_for(shell.syncer.run(), 5)
    assert shell.book.faults == []
    await shell.syncer.stop()


# ---------------------------------------------------------------- what a stranger's answer costs


def unsigned(block: FinalBlock) -> FinalBlock:
    """Return a block whose certificate nobody signed."""
    proof = CERTIFICATE_CODEC.decode(block.certificate)
    entry = replace(proof.entries[0], signature=bytes(64))
    return replace(block, certificate=encode(replace(proof, entries=(entry,))))


def bare(block: FinalBlock) -> FinalBlock:
    """Return a block without the body that its header commits to."""
    return replace(block, block=encode(Block(CODEC.decode(block.block).header, ())))


def raised(blocks: Sequence[FinalBlock], by: Height) -> list[FinalBlock]:
    """Return a range that is sound in itself, higher up; nobody signed it."""
    made: list[FinalBlock] = []
    parent_id = bytes(32)
    for each in blocks:
        block = CODEC.decode(each.block)
        header = replace(block.header, height=block.header.height + by, parent_id=parent_id)
        parent_id = block_id(TAGS, header)
        made.append(FinalBlock(encode(Block(header, block.transactions)), b""))
    proof = CERTIFICATE_CODEC.decode(blocks[-1].certificate)
    statement = replace(proof.statement, block_id=parent_id)
    return [*made[:-1], replace(made[-1], certificate=encode(replace(proof, statement=statement)))]


async def refused(shell: Shell, peer: Asked, blocks: tuple[FinalBlock, ...], code: str) -> None:
    """Answer with blocks that are refused at once."""
    await answer(shell, peer, blocks)
    assert (shell.book.faults, shell.verifier.claims) == ([code], 0)
    assert shell.syncer.progress().waiting == 0
    await shell.syncer.stop()


async def test_no_signature_of_a_range_is_verified_before_its_certificate(
    blocks: tuple[FinalBlock, ...],
) -> None:
    shell = Shell()
    unproved = (*blocks[:-1], unsigned(blocks[-1]))
    await refused(shell, shell.peer(1, BLOCKS), unproved, "RANGE_UNPROVED")


async def test_no_body_of_a_range_is_looked_at_before_its_certificate(
    blocks: tuple[FinalBlock, ...],
) -> None:
    shell = Shell()
    unproved = (bare(blocks[0]), *blocks[1:-1], unsigned(blocks[-1]))
    await refused(shell, shell.peer(1, BLOCKS), unproved, "RANGE_UNPROVED")


async def test_more_blocks_than_were_asked_for_are_refused(blocks: tuple[FinalBlock, ...]) -> None:
    shell = Shell()
    await refused(shell, shell.peer(1, BLOCKS - 1), blocks, "RANGE_INVALID")


async def test_more_bytes_than_were_asked_for_are_refused(
    blocks: tuple[FinalBlock, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.sync.syncer.RANGE_BYTES", 1)
    shell = Shell()
    await refused(shell, shell.peer(1, BLOCKS), blocks, "RANGE_INVALID")


async def test_bodies_that_the_headers_do_not_commit_to_are_their_senders_fault(
    blocks: tuple[FinalBlock, ...],
) -> None:
    shell = Shell()
    peer = shell.peer(1, BLOCKS)
    await answer(shell, peer, (blocks[0], bare(blocks[1]), blocks[2]))
    await asyncio.wait_for(shell.book.reported.wait(), 5)
    assert shell.book.faults == ["RANGE_INVALID"]
    assert shell.verifier.claims == 0
    await shell.syncer.stop()


# ---------------------------------------------------------------- ranges of the next epoch


async def test_a_range_of_the_next_epoch_waits_for_its_committee_before_it_is_looked_into(
    blocks: tuple[FinalBlock, ...],
) -> None:
    shell = Shell()
    shell.syncer.enter_epoch(ANOTHER, patience_ms=0)
    await answer(shell, shell.peer(1, BLOCKS), blocks)  # Its turn has come: it is imported.
    for _ in range(10):
        await asyncio.sleep(0)
    assert (shell.verifier.claims, shell.sink.taken.qsize(), shell.book.faults) == (0, 0, [])
    shell.syncer.enter_epoch(COMMITTEE, patience_ms=0)
    await asyncio.wait_for(shell.sink.taken.get(), 5)
    assert shell.verifier.claims == BLOCKS
    await shell.syncer.stop()


async def test_a_range_of_an_epoch_that_does_not_come_next_is_refused_in_its_turn(
    blocks: tuple[FinalBlock, ...],
) -> None:
    shell = Shell()
    shell.syncer.enter_epoch(ANOTHER, patience_ms=0)
    shell.sink.next_epoch = 8
    await answer(shell, shell.peer(1, BLOCKS), blocks)
    await asyncio.wait_for(shell.book.reported.wait(), 5)
    assert shell.book.faults == ["RANGE_UNPROVED"]
    assert shell.verifier.claims == 0
    await shell.syncer.stop()


async def test_a_range_that_waits_is_refused_when_its_epoch_opens_with_another_committee(
    blocks: tuple[FinalBlock, ...],
) -> None:
    shell = Shell()
    shell.syncer.enter_epoch(ANOTHER, patience_ms=0)
    peer = shell.peer(1, SPAN_BLOCKS + BLOCKS)
    first, second = peer.questions
    assert (first.first_height, second.first_height) == (1, SPAN_BLOCKS + 1)
    above = tuple(raised(blocks, SPAN_BLOCKS))
    await shell.syncer.answered(peer, RangeAnswer(second.number, above, ()))
    assert (shell.syncer.progress().waiting, shell.book.faults) == (1, [])
    shell.syncer.enter_epoch(COMMITTEE, patience_ms=0)
    assert (shell.syncer.progress().waiting, shell.book.faults) == (0, ["RANGE_UNPROVED"])
    assert shell.verifier.claims == 0
    await shell.syncer.stop()
