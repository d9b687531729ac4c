"""Who is answered when many ask: validators at once, each follower in its measure."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ledger.keys import KeyPair
from ledger.params import Parameters
from ledger.types import PublicKey
from node.block_tree import BlockTree
from node.p2p import Message, RangeAnswer, RangeRequest, Role
from node.peering import answers as module
from node.peering.answers import QUESTION_BYTES, Answers
from tests.node.lone_node import LoneNode, genesis
from tests.p2p.meeting import PATIENCE, eventually

PARAMETERS = Parameters(account_fee=0, epoch_ms=604_800_000)
ASK = RangeRequest(1, 1, 1, 1, 0)


@dataclass(eq=False)
class Asker:
    """A peer that remembers what it was sent."""

    number: int
    role: Role = Role.FOLLOWER
    is_outbound: bool = False
    address: str = "memory:1"
    sent: list[Message] = field(default_factory=list)

    @property
    def key(self) -> PublicKey:
        return KeyPair(bytes([self.number]) * 32).public_key

    def send(self, message: Message) -> bool:
        self.sent.append(message)
        return True

    async def ask(self, answers: Answers, questions: int) -> None:
        for _ in range(questions):
            await answers.final_range(self, ASK)


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[LoneNode]:
    async with LoneNode(tmp_path, PARAMETERS) as node:
        await node.finalize(node.transfer(1))
        yield node


def scarce(monkeypatch: pytest.MonkeyPatch, own: int, shared: int) -> None:
    """Have followers so many questions a second, each and all."""
    monkeypatch.setattr(module, "FOLLOWER_BYTES_PER_SECOND", own * QUESTION_BYTES)
    monkeypatch.setattr(module, "FOLLOWERS_BYTES_PER_SECOND", shared * QUESTION_BYTES)


async def test_validators_and_modest_followers_wait_behind_no_crowd(
    node: LoneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    scarce(monkeypatch, own=1, shared=10)
    answers = Answers(node.tree, node.store)
    loop = asyncio.get_running_loop()
    began = loop.time()
    crowd = [Asker(number) for number in range(1, 31)]
    asking = [asyncio.create_task(each.ask(answers, 1_000)) for each in crowd]
    await eventually(lambda: all(each.sent for each in crowd))
    validator, modest = Asker(50, Role.VALIDATOR), Asker(51)
    async with asyncio.timeout(PATIENCE):
        await validator.ask(answers, 50)
        await modest.ask(answers, 1)
    assert isinstance(modest.sent[0], RangeAnswer)
    assert len(modest.sent[0].blocks) == 1
    # One second's measure of each and of all, what came since, and one too many of each bucket.
    passed = loop.time() - began
    assert sum(len(each.sent) for each in crowd) <= 30 * (1 + passed + 1) + 10 * (1 + passed) + 1
    for task in asking:
        task.cancel()
    await asyncio.gather(*asking, return_exceptions=True)


async def test_a_follower_that_asks_alone_gets_what_all_would(
    node: LoneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    scarce(monkeypatch, own=1, shared=20)
    answers, alone = Answers(node.tree, node.store), Asker(1)
    async with asyncio.timeout(15):
        await alone.ask(answers, 60)  # By its own measure, a minute.


async def test_a_question_for_a_block_that_is_not_here_is_paid_like_others(
    node: LoneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    scarce(monkeypatch, own=0, shared=0)
    monkeypatch.setattr(module, "FOLLOWER_BYTES_PER_SECOND", 1)  # A question costs hours.
    monkeypatch.setattr(module, "FOLLOWERS_BYTES_PER_SECOND", 1)
    answers, peer = Answers(BlockTree(genesis(PARAMETERS)), node.store), Asker(1)
    for number in range(2):
        await answers.block(peer, bytes([number]) * 32)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await answers.block(peer, b"\x02" * 32)
    assert not peer.sent


async def test_a_follower_that_becomes_a_validator_waits_no_more(
    node: LoneNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    scarce(monkeypatch, own=1, shared=1)
    answers, peer = Answers(node.tree, node.store), Asker(1)
    await peer.ask(answers, 4)
    peer.role = Role.VALIDATOR
    async with asyncio.timeout(5):
        await peer.ask(answers, 100)
