"""The process that writes the index: `node.index_process` starts it and hears from it.

The first line of its input says what to index; every byte after that, that there are new final
blocks. It reports on its output, a JSON object a line, how far it is. When there is nothing to do
it sleeps in a read of its input; when that ends, because the node ended, however it died, so does
this. An error of a database ends it too: a new process reads anew how far the index is.

A block that comes after a quiet time is indexed at once. Blocks that follow each other closely are
taken together, so that one transfer after the other does not cost a transaction of the index each;
the more so, within `GATHER_S_MAX`, the longer such a transaction takes on this machine now.

It imports what it needs and no more: a machine may start many nodes at once.
"""

import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from ledger.store import ChainReader, Indexer, IndexLayout, IndexStep, StoreError

BROKEN: Final = "INDEX_BROKEN"
"""Code of an error that nobody foresaw; the newest block that is indexed says where it happened."""

FAILPOINT_VARIABLE: Final = "AITBC_INDEX_FAILPOINT"
"""``step:n``: die when the indexer reaches that step for the n-th time."""

BATCH_BLOCKS_MAX: Final = 256
"""Most blocks of one transaction of the index."""

BATCH_ENTRIES: Final = 16_384
"""Blocks, transactions and outcomes that a transaction aims at: enough that pages of an index are
changed once for many rows, and few enough that they take some ten megabytes."""

GATHER_S: Final = 0.1
"""Least time between the beginnings of two transactions of an index that is not behind: a block
costs milliseconds of a processor, ten blocks together hardly more."""

GATHER_S_MAX: Final = 0.25
"""Most time between them: pages of a busy node are no older than that and a transaction."""

GATHER_TIMES: Final = 16
"""Within these two, the time between them in transactions: the index of a busy node has a sixteenth
of a processor, and leaves the rest to its blocks."""

NICENESS: Final = 5
"""How far votes, blocks and answers come before the index where processors are scarce."""

_WAKES_READ: Final = 65_536
_DATABASE_ERROR: Final = 3
_FAULT: Final = 70
_OWN: Final = f"ledger{os.sep}store"


class IndexSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to index; URLs may hold passwords, so this never stands in arguments."""

    chain_url: str
    """The durable chain; only read."""
    index_url: str
    """The index, whose tables are there."""
    partition_entries: int
    """See `IndexLayout`."""
    keep_ms: int
    """See `IndexLayout`."""
    failpoints: bool = False
    """Whether the environment may end the process at a step; for tests only."""


class IndexReport(msgspec.Struct, frozen=True):
    """How far the index is."""

    height: int
    """Newest indexed block; -1 before genesis."""
    is_waiting: bool = False
    """Whether there was nothing more to index."""
    code: str = ""
    """Code of the error that ends the process."""
    detail: str = ""
    """What it says."""


class IndexFailpointInvalid(ValueError):
    """The variable names no step."""

    def __init__(self, text: str) -> None:
        """State the text and what would be understood."""
        names = ", ".join(IndexStep)
        super().__init__(f"{FAILPOINT_VARIABLE}={text}: expected one of {names}, and :count")


def serve(source: int, sink: BinaryIO, environment: Mapping[str, str]) -> int:
    """Index until the input ends; return the process' exit status.

    Args:
        source: descriptor of the input.
        sink: the output.
        environment: may name a step at which to die, if the settings allow that.
    """
    settings = msgspec.json.decode(_first_line(source), type=IndexSettings)
    reached = _failpoint(environment) if settings.failpoints else _go_on

    def report(report: IndexReport) -> None:
        sink.write(msgspec.json.encode(report) + b"\n")
        sink.flush()

    try:
        _follow(settings, source, report, reached)
    except StoreError as error:
        report(IndexReport(-1, code=error.code, detail=str(error)))
        return _DATABASE_ERROR
    except BrokenPipeError:
        pass  # The node is gone.
    except Exception as error:  # noqa: BLE001 - a fault of this program, which nobody may miss
        traceback.print_exception(error)
        report(IndexReport(-1, code=BROKEN, detail=_place_of(error)))
        return _FAULT
    return 0


def _place_of(error: Exception) -> str:
    """Return an error in one line, with the place in this program that it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    at = next((each for each in reversed(frames) if _OWN in each.filename), frames[-1])
    return f"{type(error).__name__}: {error} ({Path(at.filename).name}, line {at.lineno})"


def _follow(
    settings: IndexSettings,
    source: int,
    report: Callable[[IndexReport], None],
    reached: Callable[[IndexStep], None],
) -> None:
    """Index what there is, report, and wait for more."""
    layout = IndexLayout(settings.partition_entries, settings.keep_ms)
    with (
        closing(ChainReader.open_to_read(settings.chain_url)) as chain,
        closing(Indexer(chain, settings.index_url, layout, reached)) as indexer,
    ):
        report(IndexReport(indexer.indexed_height()))
        limit = 1
        while True:
            began_s = time.monotonic()
            while blocks := indexer.advance(limit):
                report(IndexReport(indexer.indexed_height()))
                limit = _next_limit(limit, blocks, indexer.batch_entries)
                if _is_over(source):
                    return
            gather_s = gathering_s(time.monotonic() - began_s)
            report(IndexReport(indexer.indexed_height(), is_waiting=True))
            if not os.read(source, _WAKES_READ):
                return
            time.sleep(max(0.0, began_s + gather_s - time.monotonic()))


def gathering_s(took_s: float) -> float:
    """Return the time between the beginnings of two transactions of an index that is not behind.

    Args:
        took_s: how long the last one took.
    """
    return min(GATHER_S_MAX, max(GATHER_S, GATHER_TIMES * took_s))


def _next_limit(limit: int, blocks: int, entries: int) -> int:
    """Return how many blocks make a batch of about `BATCH_ENTRIES`, at most twice as many."""
    fitting = BATCH_ENTRIES * blocks // max(1, entries)
    return max(1, min(fitting, 2 * limit, BATCH_BLOCKS_MAX))


def _is_over(source: int) -> bool:
    """Return whether the input has ended; takes what has come in."""
    readable, _, _ = select.select([source], [], [], 0)
    return bool(readable) and not os.read(source, _WAKES_READ)


def _first_line(source: int) -> bytes:
    """Return the first line of the input; what follows it stays there."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(source, 1)
        if not byte:
            break
        line += byte
    return bytes(line)


def _go_on(_step: IndexStep) -> None:
    """Pass every step: a process that no test ends."""


def _failpoint(environment: Mapping[str, str]) -> Callable[[IndexStep], None]:
    """Return what kills this process where the environment says."""
    text = environment.get(FAILPOINT_VARIABLE)
    if not text:
        return _go_on
    name, _, count = text.partition(":")
    if name not in set(IndexStep) or not count.isdecimal():
        raise IndexFailpointInvalid(text)
    left = int(count)

    def reached(step: IndexStep) -> None:
        nonlocal left
        left -= step == name
        if step == name and left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


if __name__ == "__main__":
    # Ctrl-C reaches the whole process group; the node decides when its parts end.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(NICENESS)
    sys.exit(serve(sys.stdin.fileno(), sys.stdout.buffer, os.environ))
