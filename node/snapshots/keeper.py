"""Making snapshots while the node runs: at the ends of epochs, the newest few are kept."""

import asyncio
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import structlog

from ledger.codec import encode
from ledger.records import Record
from ledger.state import FinalState
from ledger.types import Height
from ledger.views import ChainView
from node.snapshots.errors import SnapshotError
from node.snapshots.format import MANIFEST_NAME
from node.snapshots.writer import SnapshotWriter

_NAME: Final = re.compile(r"[0-9]{12}")
_PART: Final = re.compile(r"manifest\.bin|state-[0-9]{7}\.bin|recent-[0-9]{5}\.bin")

log = structlog.get_logger(__name__)


class FinalViews(Protocol):
    """Where the newest final state is; `node.block_tree.BlockTree` is one."""

    @property
    def final_view(self) -> ChainView:
        """The newest durable final block and the state after it."""


class SnapshotKeeper:
    """Writes a snapshot every few epochs in a thread, and knows which ones there are."""

    def __init__(
        self,
        views: FinalViews,
        writer: SnapshotWriter,
        folder: Path,
        *,
        every_epochs: int,
        keep: int,
    ) -> None:
        """Prepare; `on_final` does the rest.

        Args:
            views: the chain's newest final state.
            writer: writes one.
            folder: where snapshots are; made when it is missing.
            every_epochs: epochs from one to the next; 0 makes none.
            keep: how many of the newest stay.
        """
        self._views = views
        self._writer = writer
        self._folder = folder
        self._every_epochs = every_epochs
        self._keep = keep
        self._writing: asyncio.Task[None] | None = None
        folder.mkdir(mode=0o755, parents=True, exist_ok=True)

    def heights(self) -> list[Height]:
        """Return the heights of the snapshots that are complete, newest first."""
        names = [each.name for each in self._folder.iterdir() if _NAME.fullmatch(each.name)]
        return sorted(map(int, names), reverse=True)

    def part(self, height: Height, name: str) -> Path | None:
        """Return the file of a part; None if there is no such snapshot or part."""
        if not 0 <= height < 10**12 or not _PART.fullmatch(name):
            return None
        path = self._folder / _folder_name(height) / name
        return path if path.is_file() else None

    def on_final(self, _parent: ChainView, view: ChainView) -> None:
        """Begin a snapshot if this block ends an epoch whose turn it is."""
        is_due = self._every_epochs and (view.header.epoch + 1) % self._every_epochs == 0
        if not (view.ends_epoch and is_due) or (self._writing and not self._writing.done()):
            return
        state = self._views.final_view.state
        assert isinstance(state, FinalState), "the final view stands on the base"
        records = state.copy_of_records()
        self._writing = asyncio.create_task(self._write(view.header.height, records))

    async def stop(self) -> None:
        """Wait for a snapshot that is being written."""
        if self._writing:
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self, height: Height, records: Mapping[bytes, Record]) -> None:
        try:
            await asyncio.to_thread(self._write_and_tidy, height, records)
        except (SnapshotError, OSError) as error:
            log.warning("snapshot_failed", height=height, error=str(error))
        except Exception:
            log.exception("snapshot_crashed", height=height)
        else:
            log.info("snapshot_written", height=height, records=len(records))

    def _write_and_tidy(self, height: Height, records: Mapping[bytes, Record]) -> None:
        folder = self._folder / _folder_name(height)
        if not (folder / MANIFEST_NAME).exists():
            encoded = {key: encode(record) for key, record in records.items()}
            self._writer.write(height, encoded, folder)
        for old in self.heights()[self._keep :]:
            shutil.rmtree(self._folder / _folder_name(old))


def _folder_name(height: Height) -> str:
    return f"{height:012}"
