"""Signatures, transfers and every action through the ledger, with a durable commit.

One process, one thread: what a validator does with a block that it has not seen before. Durations
are of the best block, since a busy machine only ever adds to them.
"""

import argparse
import json
import os
import platform
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from sqlalchemy import create_engine, text

from bench.actions import ActionCost, action_costs
from bench.chain import BenchChain, address_of_number
from ledger import apply_block
from ledger.actions import Transfer
from ledger.block import CODEC, Block
from ledger.codec import encode
from ledger.keys import verify
from ledger.store import ChainStore
from ledger.transaction import SignedTransaction, transaction_id, verify_signature

FSYNCS = 50


@dataclass(frozen=True)
class Machine:
    """Where it was measured."""

    processor: str
    cores: int
    python: str
    fsync_ms: float
    sqlite_journal: str
    sqlite_synchronous: str


@dataclass(frozen=True)
class Transfers:
    """Microseconds of a transfer in each step of a validator, and what follows a second."""

    accounts: int
    transactions_a_block: int
    decode_us: float
    verify_us: float
    apply_and_root_us: float
    commit_us: float
    transfers_per_second: float
    transfers_per_second_verified_before: float


@dataclass(frozen=True)
class Report:
    """All that was measured."""

    machine: Machine
    verifications_per_second: float
    transfers: Transfers
    actions: list[ActionCost]


def main(arguments: Sequence[str]) -> int:
    """Measure, and print a table or one JSON object."""
    options = _options(arguments)
    with tempfile.TemporaryDirectory(prefix="aitbc-bench-", dir=options.folder) as folder:
        chain = BenchChain(options.accounts)
        store_path = Path(folder) / "chain.db"
        store = ChainStore.open(f"sqlite:///{store_path}")
        records = {key: encode(record) for key, record in chain.records.items()}
        store.initialise(chain.tags, Block(chain.view.header, ()), records)
        transfers = _transfers(chain, store, options)
        report = Report(
            machine=_machine(Path(folder), store_path),
            verifications_per_second=round(_raw_verifications(chain)),
            transfers=transfers,
            actions=action_costs(options.jobs),
        )
        store.close()
    print(json.dumps(asdict(report), indent=2) if options.json else _table(report))
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench ledger", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--accounts", type=int, default=10_000, help="accounts at genesis")
    parser.add_argument("--transactions", type=int, default=2_000, help="transfers in a block")
    parser.add_argument("--blocks", type=int, default=5, help="blocks of transfers")
    parser.add_argument("--jobs", type=int, default=300, help="jobs that take every action")
    parser.add_argument("--folder", type=Path, help="where the database is written")
    return parser.parse_args(list(arguments))


def _transfers(chain: BenchChain, store: ChainStore, options: argparse.Namespace) -> Transfers:
    """Carry blocks of transfers through all steps."""
    durations = [
        _validated(chain, store, _body(chain, number, options.transactions, options.accounts))
        for number in range(options.blocks)
    ]
    decode_us, verify_us, apply_us, commit_us = map(min, zip(*durations, strict=True))
    known_us = decode_us + apply_us + commit_us
    return Transfers(
        accounts=options.accounts,
        transactions_a_block=options.transactions,
        decode_us=round(decode_us, 2),
        verify_us=round(verify_us, 2),
        apply_and_root_us=round(apply_us, 2),
        commit_us=round(commit_us, 2),
        transfers_per_second=round(1e6 / (known_us + verify_us)),
        transfers_per_second_verified_before=round(1e6 / known_us),
    )


def _validated(
    chain: BenchChain, store: ChainStore, body: Sequence[SignedTransaction]
) -> tuple[float, float, float, float]:
    """Carry a block from its bytes to a durable commit; return microseconds of each step."""
    data = encode(chain.build(body).block)
    started = time.perf_counter()
    block = CODEC.decode(data)
    decoded = time.perf_counter()
    for signed in block.transactions:
        verify_signature(chain.tags, transaction_id(chain.tags, signed.transaction), signed)
    verified = time.perf_counter()
    result = apply_block(chain.view, block, verified=lambda *_: True)
    applied = time.perf_counter()
    store.commit(result.view.block_id, block, b"", result.outcomes, result.delta)
    committed = time.perf_counter()
    chain.extend(result.view)
    times = (started, decoded, verified, applied, committed)
    decode_us, verify_us, apply_us, commit_us = (
        (end - begin) / len(block.transactions) * 1e6 for begin, end in pairwise(times)
    )
    return decode_us, verify_us, apply_us, commit_us


def _body(
    chain: BenchChain, block_number: int, count: int, accounts: int
) -> list[SignedTransaction]:
    """Return signed transfers from the known senders to accounts all over the state."""
    receivers = max(1, accounts - len(chain.senders))
    return [
        chain.sign(
            chain.senders[number % len(chain.senders)],
            Transfer(address_of_number((block_number * count + number) * 7_919 % receivers), 1),
        )
        for number in range(count)
    ]


def _raw_verifications(chain: BenchChain) -> float:
    """Return Ed25519 verifications a second with libsodium alone, on one core."""
    key, message = chain.senders[0], bytes(64)
    signature = key.sign(message)
    rates = []
    for _ in range(5):
        started = time.perf_counter()
        for _ in range(500):
            verify(key.public_key, message, signature)
        rates.append(500 / (time.perf_counter() - started))
    return max(rates)


def _machine(folder: Path, store_path: Path) -> Machine:
    """Describe the machine, the cost of one fsync on it, and how SQLite is set up."""
    durations = []
    with (folder / "probe").open("wb") as probe:
        for _ in range(FSYNCS):
            probe.write(bytes(4_096))
            probe.flush()
            started = time.perf_counter()
            os.fsync(probe.fileno())
            durations.append(time.perf_counter() - started)
    engine = create_engine(f"sqlite:///{store_path}")
    with engine.connect() as connection:
        journal = connection.execute(text("PRAGMA journal_mode")).scalar_one()
    engine.dispose()
    return Machine(
        processor=platform.processor() or platform.machine(),
        cores=os.cpu_count() or 1,
        python=platform.python_version(),
        fsync_ms=round(median(durations) * 1e3, 3),
        sqlite_journal=str(journal),
        sqlite_synchronous="full",
    )


def _table(report: Report) -> str:
    machine, transfers = report.machine, report.transfers
    fsync = f"{machine.fsync_ms} ms (median of {FSYNCS})"
    sqlite = f"SQLite {machine.sqlite_journal}, synchronous={machine.sqlite_synchronous}"
    steps = "decode + verify + apply + root + durable commit"
    size = f"{transfers.transactions_a_block} a block, {transfers.accounts:,} accounts"
    known = f"{transfers.transfers_per_second_verified_before:,} a second"
    shares = (
        f"decode {transfers.decode_us}, verify {transfers.verify_us}, "
        f"apply and root {transfers.apply_and_root_us}, commit {transfers.commit_us}"
    )
    lines = [
        f"machine        {machine.processor}, {machine.cores} cores, Python {machine.python}",
        f"fsync          {fsync}; {sqlite}",
        f"signatures     {report.verifications_per_second:,} verifications a second on one core",
        f"transfers      {transfers.transfers_per_second:,} a second through {steps}; {size}",
        f"               {known} with signatures verified before",
        f"µs a transfer  {shares}",
        "",
        "action              measured µs   weight µs   (without the signature)",
    ]
    lines += [
        f"{cost.action:<20}{cost.measured_us:>11.1f}{cost.weight_us:>12}" for cost in report.actions
    ]
    return "\n".join(lines)
