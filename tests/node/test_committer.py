"""From final to durable to published: in order, and with one commit for all that wait."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from threading import Event

import pytest

from ledger.params import Parameters
from ledger.steps import at_once
from ledger.store import ChainStore, state_table
from ledger.types import Height
from node.arrived_block import ArrivedBlock
from node.block_tree import BlockTree, TreeBlock
from node.chain import ChainNode
from node.committer import PENDING_MAX, Committer, FinalisedBlock
from node.failpoints import Failpoint
from node.mempool import Mempool
from node.pool_admission import PoolLimits
from node.ports import SystemClock
from node.signatures import SignatureVerifier
from tests.node.lone_node import TAGS, LoneNode, genesis

PARAMETERS = Parameters(account_fee=0, epoch_ms=604_800_000)
BLOCKS = PENDING_MAX + 1


@pytest.fixture(scope="module")
def blocks(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return asyncio.run(made(tmp_path_factory.mktemp("chain")))


async def made(folder: Path) -> list[bytes]:
    async with LoneNode(folder, PARAMETERS) as node:
        for _ in range(BLOCKS):
            await node.finalize(node.transfer(1))
        return [block.data for block in node.store.encoded_blocks(0, BLOCKS, 1 << 24)]


class Line:
    """A committer on a real store; its writer can be held up, and what happens is noted."""

    def __init__(self, store: ChainStore, writer: ThreadPoolExecutor) -> None:
        start = genesis(PARAMETERS)
        self.tree = BlockTree(start)
        pool = Mempool(self.tree, SignatureVerifier(TAGS, 0), SystemClock(), PoolLimits())
        chain = ChainNode(self.tree, pool, store, lambda _: {})
        self.commits = 0
        self.owed: list[bool] = []
        """At the beginning of each commit: whether the state table was behind."""
        self.published: list[tuple[Height, Height]] = []
        """Each published block, and how far the store was durable by then."""
        self.store = store
        self.writer = writer
        self.committer = Committer(chain, store, writer, self, self._note)

    def reached(self, place: Failpoint) -> None:
        self.commits += place is Failpoint.AFTER_STORE_COMMIT
        if place is Failpoint.BEFORE_STORE_COMMIT:
            self.owed.append(self.store.wants_checkpoint)

    def _note(self, block: TreeBlock) -> None:
        head = self.store.head()
        assert head is not None
        self.published.append((block.view.header.height, head.height))

    def execute(self, data: bytes) -> FinalisedBlock:
        arrived = ArrivedBlock.read(data)
        return FinalisedBlock(
            at_once(self.tree.execute_final(self.tree.offer(data), arrived, lambda _: True)), b""
        )


@asynccontextmanager
async def line(folder: Path) -> AsyncIterator[Line]:
    async with LoneNode(folder, PARAMETERS):
        pass  # A store with the genesis.
    store = ChainStore.open(f"sqlite:///{folder}/chain.db")
    with ThreadPoolExecutor(1) as writer:
        made = Line(store, writer)
        running = asyncio.create_task(made.committer.run())
        yield made
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    store.close()


async def test_blocks_that_wait_for_the_writer_are_written_with_one_commit(
    tmp_path: Path, blocks: list[bytes]
) -> None:
    async with line(tmp_path) as at:
        go = Event()
        at.writer.submit(go.wait)
        for data in blocks[:-1]:
            await at.committer.put(at.execute(data))
        assert at.published == []
        go.set()
        await at.committer.drain()
        assert at.commits == 1
        assert at.published == [(height, PENDING_MAX) for height in range(1, BLOCKS)]


async def test_a_block_that_is_alone_does_not_wait_for_others(
    tmp_path: Path, blocks: list[bytes]
) -> None:
    async with line(tmp_path) as at:
        for height, data in enumerate(blocks, start=1):
            await at.committer.put(at.execute(data))
            await at.committer.drain()
            assert (at.commits, at.published[-1]) == (height, (height, height))


async def test_the_state_table_keeps_up_although_blocks_never_stop_coming(
    tmp_path: Path, blocks: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(state_table, "ROUND_WEIGHT", state_table.BLOCK_WEIGHT)
    async with line(tmp_path) as at:
        go = Event()
        at.writer.submit(go.wait)
        await at.committer.put(at.execute(blocks[0]))
        for _ in range(3):  # It is taken before the others come.
            await asyncio.sleep(0)
        for data in blocks[1:]:
            await at.committer.put(at.execute(data))
        go.set()
        await at.committer.drain()
        assert at.owed == [False, False]


async def test_a_block_that_leaves_nothing_to_do_costs_no_visit_to_the_writer(
    tmp_path: Path, blocks: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoints = 0

    def counted(_store: ChainStore) -> bool:
        nonlocal checkpoints
        checkpoints += 1
        return False

    monkeypatch.setattr(ChainStore, "checkpoint", counted)
    async with line(tmp_path) as at:
        await at.committer.put(at.execute(blocks[0]))
        await at.committer.drain()
        await at.committer.put(at.execute(blocks[1]))
        await at.committer.drain()
        assert checkpoints == 0
