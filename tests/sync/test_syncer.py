"""The shell around the planner: who may answer, what is verified ahead, what ends the node."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger import IsVerified
from ledger.types import Height, PublicKey
from node.final_range import FinalRange
from node.p2p import FinalBlock, Message, Peer, RangeAnswer, RangeRequest, Role, StatusMessage
from node.ports import SystemClock
from node.signatures import SignatureClaim, SignatureVerifier
from node.sync import Planner, Syncer, SyncParts
from tests.node.lone_node import TAGS, LoneNode

BLOCKS = 3


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

    def peer_of(self, key: PublicKey) -> Peer | None:
        return self.known.get(key)

    def report_fault(self, peer: Peer, code: str, *, provable: bool) -> None:
        self.faults.append(code)


@dataclass
class Sink:
    """Takes ranges, or fails on them."""

    error: Exception | None = None
    handed_over: Height = 0
    taken: asyncio.Queue[FinalRange] = field(default_factory=asyncio.Queue)
    unverified: int = 0

    async def import_final(self, content: FinalRange, verified: IsVerified) -> None:
        if self.error:
            raise self.error
        for block in content.blocks:
            pairs = zip(block.block.transactions, block.signed, strict=True)
            self.unverified += sum(not verified(signed, data) for signed, data in pairs)
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
            known=lambda _signed, _data: False,
        )
        self.syncer = Syncer(parts, Planner(0))

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
