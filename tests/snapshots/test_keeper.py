"""What the keeper says when a snapshot cannot be written."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from structlog.testing import capture_logs

from ledger.types import Height
from ledger.views import ChainView
from node.snapshots import SnapshotKeeper, SnapshotWriter
from tests.snapshots.signed_chain import SignedChain


class FailingWriter(SnapshotWriter):
    """A writer with a defect."""

    def write(self, height: Height, records: Mapping[bytes, bytes], folder: Path) -> None:
        raise AssertionError("a defect of this program")


@dataclass
class Finals:
    final_view: ChainView


async def test_a_snapshot_on_which_the_program_fails_is_logged(tmp_path: Path) -> None:
    chain = SignedChain(tmp_path / "chain")
    while not chain.view.ends_epoch:
        chain.grow([chain.transfer()], after_ms=4_000)
    writer = FailingWriter(chain.store, chain.genesis.view.validators, chain.genesis.spec.buckets)
    keeper = SnapshotKeeper(Finals(chain.view), writer, tmp_path / "kept", every_epochs=1, keep=1)
    with capture_logs() as logs:
        keeper.on_final(chain.view, chain.view)
        await asyncio.wait_for(keeper.stop(), 10)
    assert [each["event"] for each in logs] == ["snapshot_crashed"]
    assert keeper.heights() == []
    chain.close()
