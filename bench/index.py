"""The index: rows written a second as it grows, and what lookups cost at the end.

A row is a transfer with everything that the index keeps of it: the transaction, its id, and an
entry in the activity of both accounts. Included is what the indexer does before: decode the block,
hash ids, and compute both roots.
"""

import random
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from bench.index_chain import TransferChain
from bench.run import Run, benchmark_parser, positive, run_benchmark
from ledger.hashing import sha256
from ledger.store import Indexer, IndexReader
from ledger.types import Hash

BATCH_BLOCKS: Final = 8
"""Blocks of one transaction of the index, as many as its process takes of this size."""

WINDOW_ROWS: Final = 100_000
"""Rows of which a rate is measured."""

LOOKUPS: Final = 200
"""Repetitions of each question."""

KEPT_IDS: Final = 1_000
"""Ids of transactions that are asked for afterwards, from all over the chain."""


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark and print its report; `--json` prints one object."""
    parser = benchmark_parser("index", __doc__)
    parser.add_argument("--rows", type=positive, default=10_000_000, help="transfers to index")
    parser.add_argument("--accounts", type=positive, default=100_000, help="senders and receivers")
    parser.add_argument("--transactions", type=positive, default=2_000, help="transfers in a block")
    return run_benchmark("index", parser, arguments, _measure)


def _measure(run: Run) -> None:
    options = run.options
    rows = min(options.rows, 20_000) if run.quick else options.rows
    window = min(WINDOW_ROWS, max(options.transactions, rows // 2))
    chain = TransferChain(options.accounts, options.transactions)
    url = f"sqlite:///{run.folder / 'index.db'}"
    with closing(Indexer(chain, url)) as indexer:
        rates, ids = _grow(run, chain, indexer, rows, window)
    tenth = max(1, len(rates) // 10)
    run.add(
        "index.rows.first", "rows a second, the first tenth", "1/s", rates[:tenth], run.limits.rows
    )
    run.add("index.rows", f"  the last tenth of {rows:,}", "1/s", rates[-tenth:], run.limits.rows)
    size = sum(path.stat().st_size for path in Path(run.folder).iterdir())
    run.add("index.size", "  size on disk", "B/row", [size / rows])
    with closing(IndexReader(url)) as reader:
        _ask(run, reader, chain, ids)
    run.mode["engine"] = "SQLite, synchronous=NORMAL: the index is made again if it is lost"
    run.mode["processes"] = "one: it indexes while no node runs beside it"
    run.workload.update(rows=rows, accounts=options.accounts, transactions=options.transactions)


def _grow(
    run: Run, chain: TransferChain, indexer: Indexer, rows: int, window: int
) -> tuple[list[float], list[Hash]]:
    """Index a growing chain; return the rate of each window, and some ids from all of it."""
    blocks = -(-window // run.options.transactions)
    rates, ids, done = [], [], 0
    while done < rows:
        ids += chain.grow(blocks)
        began = time.perf_counter()
        while indexer.advance(BATCH_BLOCKS):
            pass
        rates.append(blocks * run.options.transactions / (time.perf_counter() - began))
        done += blocks * run.options.transactions
        if done % (10 * window) < window:
            run.say(f"{done:,} rows, {rates[-1]:,.0f} rows a second")
    return rates, random.Random(1).sample(ids, min(KEPT_IDS, len(ids)))


def _ask(run: Run, reader: IndexReader, chain: TransferChain, ids: Sequence[Hash]) -> None:
    """Measure what questions cost when the index has grown."""
    chance = random.Random(2)
    newest = reader.transactions(limit=1)[0].position
    questions: dict[str, tuple[str, Callable[[], object]]] = {
        "index.lookup": ("a transaction by its id", lambda: reader.transaction(chance.choice(ids))),
        "index.unknown": (
            "an id that is not there",
            lambda: reader.transaction(chance.randbytes(32)),
        ),
        "index.stranger": (
            "activity of an account without any",
            lambda: reader.account_activity(chance.randbytes(20)),
        ),
        "index.activity": (
            "newest 25 of an account's activity",
            lambda: reader.account_activity(sha256(chain.account(chance))[:20]),
        ),
        "index.page": (
            "25 transactions below a random one",
            lambda: reader.transactions((chance.randrange(1, newest.height + 1), 0)),
        ),
    }
    for key, (name, ask) in questions.items():
        times = []
        for _ in range(10 if run.quick else LOOKUPS):
            began = time.perf_counter()
            ask()
            times.append((time.perf_counter() - began) * 1e3)
        run.add(key, name, "ms", times)
