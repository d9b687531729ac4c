"""Runs the indexer beside the node, in a thread of its own.

The index may lag and can be rebuilt, so nothing waits for it: it is woken by final blocks, and its
failure makes lists and pages stale, not the chain.
"""

import threading
from typing import Final

import structlog

from ledger.store import Indexer, StoreError

BATCH_BLOCKS: Final = 64
"""Blocks that one transaction of the index takes."""

RETRY_SECONDS: Final = 5.0
"""Time after a failure of the database until the next attempt."""

log = structlog.get_logger(__name__)


class IndexThread:
    """The thread. Start it once; `stop` returns when its last transaction is committed."""

    def __init__(self, indexer: Indexer) -> None:
        """Take over the indexer, and close it at the end."""
        self._indexer = indexer
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._height = indexer.indexed_height()
        self._fault = ""
        self._thread = threading.Thread(target=self._run, name="indexer", daemon=True)

    @property
    def height(self) -> int:
        """Height up to which the index is complete."""
        return self._height

    @property
    def fault(self) -> str:
        """Code of the error that holds the index up; empty when there is none."""
        return self._fault

    def start(self) -> None:
        """Begin to catch up."""
        self._wake.set()
        self._thread.start()

    def notify(self) -> None:
        """Say that there are new final blocks."""
        self._wake.set()

    def stop(self) -> None:
        """End the thread and close the index."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._indexer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._wake.wait(RETRY_SECONDS if self._fault else None)
            self._wake.clear()
            try:
                while not self._stop.is_set() and self._indexer.advance(BATCH_BLOCKS):
                    self._height = self._indexer.indexed_height()
            except StoreError as error:
                self._fault = error.code
                log.exception("index_failed", code=error.code)
            else:
                self._fault = ""
