"""A lone validator writes its journal and its store side by side; neither order loses anything."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Event

import pytest

from coordinator.ports import TransactionStatus
from ledger.params import Parameters
from ledger.store import StoredHead
from node.failpoints import Failpoint
from node.recovery_errors import JournalBehindStore
from tests.node.lone_node import PEER, LoneNode, id_of

LONG_EPOCH = Parameters(account_fee=0, epoch_ms=604_800_000)
HOLDS_AT = 3
"""Which write of the journal is held up."""


class HeldJournal:
    """Holds the journal up before one write, and tells when the store has committed its block."""

    def __init__(self) -> None:
        self.go = Event()
        self._loop = asyncio.get_running_loop()
        self._both = asyncio.Event()
        self._writes = self._commits = 0

    def reached(self, place: Failpoint) -> None:
        if place is Failpoint.BEFORE_JOURNAL_APPEND:
            self._writes += 1
            self._tell()
            if self._writes == HOLDS_AT:
                self.go.wait()
        elif place is Failpoint.AFTER_STORE_COMMIT:
            self._commits += 1
            self._tell()

    def _tell(self) -> None:
        if self._writes >= HOLDS_AT and self._commits >= HOLDS_AT:
            self._loop.call_soon_threadsafe(self._both.set)

    async def committed(self) -> None:
        """Wait until the journal is held up and the store has the block."""
        async with asyncio.timeout(60):
            await self._both.wait()


@asynccontextmanager
async def held(folder: Path) -> AsyncIterator[tuple[LoneNode, HeldJournal, bytes]]:
    """A node whose journal is held up while the store has the block already."""
    places = HeldJournal()
    async with LoneNode(folder, LONG_EPOCH, failpoints=places) as node:
        try:
            for _ in range(HOLDS_AT - 1):
                await node.finalize(node.transfer(1))
            signed = node.transfer(1)
            await node.chain.submit([signed])
            await places.committed()
            yield node, places, signed
        finally:
            places.go.set()


def copied(folder: Path, to: Path) -> Path:
    """Copy what a crash at this moment would leave; SQLite's shared memory is not on the disk."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("*-shm", "*.lock"))
    return to


async def test_a_block_is_published_only_once_the_journal_has_its_votes(tmp_path: Path) -> None:
    async with held(tmp_path) as (node, places, signed):
        for _ in range(20):
            await asyncio.sleep(0)
        head = node.store.head()
        assert head is not None
        assert (head.height, node.chain.head().height) == (HOLDS_AT, HOLDS_AT - 1)
        assert await node.chain.status(id_of(signed)) is not TransactionStatus.FINAL
        places.go.set()
        assert await node.chain.wait_final(id_of(signed), 60) == HOLDS_AT


async def crashed_between_the_syncs(folder: Path) -> tuple[Path, StoredHead]:
    """Return what a crash leaves whose store has a block that its journal lacks."""
    live = folder / "live"
    await asyncio.to_thread(live.mkdir)
    async with held(live) as (node, _, _):
        head = node.store.head()
        assert head is not None
        return copied(live, folder / "crashed"), head


async def test_a_crash_between_the_two_syncs_keeps_the_block_and_votes_in_its_view_no_more(
    tmp_path: Path,
) -> None:
    crashed, head = await crashed_between_the_syncs(tmp_path)
    async with LoneNode(crashed, LONG_EPOCH) as node:
        assert node.chain.head().height == HOLDS_AT
        assert node.chain.balance(PEER.address) == HOLDS_AT
        assert await node.finalize(node.transfer(1)) == HOLDS_AT + 1
        stored, new = node.store.header_at(HOLDS_AT), node.store.head()
        assert stored is not None
        assert new is not None
        assert stored.block_id == head.block_id
        assert new.header.view > head.header.view
    async with LoneNode(crashed, LONG_EPOCH) as node:
        assert await node.finalize(node.transfer(1)) == HOLDS_AT + 2


async def test_one_of_several_validators_may_not_lack_the_votes_for_its_head(
    tmp_path: Path,
) -> None:
    crashed, _ = await crashed_between_the_syncs(tmp_path)
    node = LoneNode(crashed, LONG_EPOCH)
    opener, view = node.driver._opener, node.tree.final_view
    node.driver._close_journal()
    with pytest.raises(JournalBehindStore):
        opener._open_known(0, view, is_alone=False)
    opener.close()
    node.store.close()
