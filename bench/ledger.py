"""Signatures, transfers and every action through the ledger, with a durable commit.

What a validator does with a block that it has not seen before: first one step after the other on
one core, then with the signatures verified in processes of their own beside the rest.
"""

import os
from collections.abc import Sequence

from bench.actions import ActionCost, action_costs
from bench.chain import BenchChain
from bench.machine import store_mode
from bench.pipeline import (
    STEPS,
    blocks_of_transfers,
    overlapped_rates,
    step_times,
    store_for,
)
from bench.run import Run, benchmark_parser, positive, run_benchmark
from bench.state_root import root_figures
from ledger.params import SIGNATURE_WEIGHT_US


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark and print its report; `--json` prints one object."""
    parser = benchmark_parser("ledger", __doc__)
    parser.add_argument("--accounts", type=positive, default=10_000, help="accounts at genesis")
    parser.add_argument("--transactions", type=positive, default=2_000, help="transfers in a block")
    parser.add_argument("--blocks", type=positive, default=12, help="blocks of transfers")
    parser.add_argument("--jobs", type=int, default=300, help="jobs for every action; 0 for none")
    parser.add_argument(
        "--keys",
        type=positive,
        nargs="*",
        default=[100_000, 1_000_000],
        help="sizes of the state whose root is computed",
    )
    return run_benchmark("ledger", parser, arguments, _measure)


def _measure(run: Run) -> None:
    options = run.options
    run.say(f"signing {options.blocks} blocks of {options.transactions:,} transfers")
    blocks = blocks_of_transfers(options.accounts, options.blocks, options.transactions)
    _one_by_one(run, blocks)
    _overlapped(run, blocks)
    for keys in options.keys:
        run.say(f"state root of {keys:,} keys")
        root_figures(run, keys)
    if options.jobs:
        run.say("every action")
        _actions(run)
    run.workload.update(
        accounts=options.accounts, transactions=options.transactions, blocks=options.blocks
    )


def _one_by_one(run: Run, blocks: Sequence[bytes]) -> None:
    chain = BenchChain(run.options.accounts)
    url, store = store_for(chain, run.folder / "steps.db")
    times = [step_times(chain, store, data)[0] for data in blocks]
    store.close()
    run.mode.update(store_mode(url))
    totals = [1e6 / sum(steps) for steps in times]
    known = [1e6 / (sum(steps) - steps[STEPS.index("verify")]) for steps in times]
    name = "transfers, one step after the other, one core"
    run.add("ledger.steps", name, "1/s", totals, run.limits.core)
    run.add("ledger.known", "  the same, signatures verified before", "1/s", known)
    for at, step in enumerate(STEPS):
        values = [steps[at] for steps in times]
        run.add(f"ledger.step.{step.replace(' ', '-')}", f"  {step}, a transfer", "µs", values)
    commit = [steps[-1] * run.options.transactions / 1e3 for steps in times]
    run.add("ledger.commit", "durable commit, a block", "ms", commit, run.limits.block)


def _overlapped(run: Run, blocks: Sequence[bytes]) -> None:
    workers = len(os.sched_getaffinity(0))
    chain = BenchChain(run.options.accounts)
    _, store = store_for(chain, run.folder / "overlapped.db")
    rates = overlapped_rates(chain, store, blocks, workers)
    store.close()
    run.mode["processes"] = (
        f"one, and {workers} that verify in the figure with all steps overlapped"
    )
    name = "transfers through all steps, overlapped, all cores"
    run.add("ledger.rate", name, "1/s", rates, run.limits.cores)


def _actions(run: Run) -> None:
    costs = action_costs(run.options.jobs)
    for cost in costs:
        run.keep(f"ledger.action.{cost.action}", cost.action, "µs", [cost.measured_us])
    run.shown += _action_lines(costs, 1e6 / run.limits.core.median)


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
