"""Signatures, transfers and every action through the ledger, with a durable commit.

One process, one thread: what a validator does with a block that it has not seen before. Every
figure is the median over blocks, with its spread.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path

from bench.actions import ActionCost, action_costs
from bench.chain import BenchChain, address_of_number
from bench.machine import (
    Figure,
    as_json,
    describe_machine,
    machine_lines,
    physical_limits,
    sqlite_mode,
)
from bench.state_root import root_figures
from ledger import apply_block
from ledger.actions import Transfer
from ledger.block import CODEC, Block
from ledger.codec import encode
from ledger.params import SIGNATURE_WEIGHT_US
from ledger.store import ChainStore
from ledger.transaction import SignedTransaction, transaction_id, verify_signature

STEPS = ("decode", "verify", "apply and state root", "durable commit")


def main(arguments: Sequence[str]) -> int:
    """Measure, and print a table or one JSON object."""
    options = _options(arguments)
    machine = describe_machine()
    with tempfile.TemporaryDirectory(prefix="aitbc-bench-", dir=options.folder) as folder:
        figures = physical_limits(Path(folder))
        url = f"sqlite:///{Path(folder) / 'chain.db'}"
        figures += _transfers(url, options)
        figures += root_figures(options.keys, options.blocks)
        mode = sqlite_mode(url)
    costs = action_costs(options.jobs)
    signature_us = 1e6 / figures[0].median
    workload = {"accounts": options.accounts, "transfers_a_block": options.transactions}
    if options.json:
        report = as_json(machine, figures) | {"sqlite": mode, "workload": workload}
        print(json.dumps(report | {"actions": [asdict(cost) for cost in costs]}, indent=2))
        return 0
    print(*machine_lines(machine), sep="\n")
    print(
        f"store     SQLite, journal {mode['journal_mode']}, synchronous {mode['synchronous']}; "
        f"{options.accounts:,} accounts, {options.transactions:,} transfers a block, one thread\n"
    )
    print(*(figure.line() for figure in figures), sep="\n")
    print(*_action_lines(costs, signature_us), sep="\n")
    return 0


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev bench ledger", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--accounts", type=int, default=10_000, help="accounts at genesis")
    parser.add_argument("--transactions", type=int, default=2_000, help="transfers in a block")
    parser.add_argument("--blocks", type=int, default=7, help="blocks of transfers")
    parser.add_argument("--jobs", type=int, default=300, help="jobs that take every action")
    parser.add_argument("--keys", type=int, default=100_000, help="keys under the state root")
    parser.add_argument("--folder", type=Path, help="where the database is written")
    return parser.parse_args(list(arguments))


def _transfers(url: str, options: argparse.Namespace) -> list[Figure]:
    """Carry blocks of transfers through all steps."""
    chain = BenchChain(options.accounts)
    store = ChainStore.open(url)
    records = {key: encode(record) for key, record in chain.records.items()}
    store.initialise(chain.tags, Block(chain.view.header, ()), records)
    blocks = [
        _validated(chain, store, _body(chain, number, options.transactions, options.accounts))
        for number in range(options.blocks)
    ]
    store.close()
    known = [sum(block) - block[STEPS.index("verify")] for block in blocks]
    return [
        Figure.of("transfers through all steps", "1/s", [1e6 / sum(block) for block in blocks]),
        Figure.of("the same, signatures verified before", "1/s", [1e6 / us for us in known]),
        *(
            Figure.of(f"  {step}", "µs", [block[at] for block in blocks])
            for at, step in enumerate(STEPS)
        ),
    ]


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


def _action_lines(costs: Sequence[ActionCost], signature_us: float) -> list[str]:
    """Return the table of actions.

    Weights are microseconds of a machine on which a signature takes `SIGNATURE_WEIGHT_US`; the
    scaled column says what was measured here in the same unit.
    """
    pace = SIGNATURE_WEIGHT_US / signature_us
    return [
        "",
        f"Without the signature; scaled to a machine that verifies it in {SIGNATURE_WEIGHT_US} µs.",
        "action              measured µs   scaled µs   weight µs",
        *(
            f"{cost.action:<20}{cost.measured_us:>11.1f}{cost.measured_us * pace:>12.1f}"
            f"{cost.weight_us:>12}"
            for cost in costs
        ),
    ]
