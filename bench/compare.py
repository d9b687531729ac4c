"""The same load through another development chain and through ours: ./dev bench compare anvil.

Pre-signed transfers in batches from one client on this machine, the same number in flight, one
chain after the other, again and again. Each is asked until a transfer is final by its own rules,
and those are not the same: ours is durable on disk, executed and certified by its validator; anvil
has it in a block in memory, with no consensus and no durability.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import httpx

from bench.anvil import Anvil, AnvilUnavailable, install, running_anvil, sign, version_of
from bench.cluster import Cluster, running_cluster, verifiers, wait_for
from bench.load import BATCH, CONNECTIONS, deliver, post_final
from bench.machine import store_mode
from bench.run import Run, benchmark_parser, positive, run_benchmark
from bench.wallets import Wallets, batches_of

INDEX_WAIT_S = 300.0
"""Limit of our index's catching up, which must not disturb the other chain's turn."""

ANVIL_MODES: dict[str, tuple[str, ...]] = {
    "at-once": ("--mixed-mining", "--block-time", "1"),
    "interval": ("--block-time", "0.1"),
}
"""When anvil makes blocks: as soon as something waits, or every tenth of a second.

As soon as something waits alone is its default, but with several senders it leaves the last ones
waiting now and then, so that it never ends: a block each second besides takes those.
"""

ACCOUNTS = 100
"""Accounts that send. Each of anvil's blocks costs time for each account that there is: with 10,000
of them it takes minutes for what it does in a second with these."""

ANVIL_RULES = {
    "at-once": "anvil, a block as soon as something waits, and each second, to block",
    "interval": "anvil, a block every 0.1 s, to block",
}


def main(arguments: Sequence[str]) -> int:
    """Run the comparison and print its report; `--json` prints one object."""
    parser = benchmark_parser("compare", __doc__)
    parser.add_argument("other", choices=["anvil"], help="the chain to compare with")
    parser.add_argument("--accounts", type=positive, default=ACCOUNTS, help="accounts that send")
    parser.add_argument("--transactions", type=positive, default=2_000, help="transfers a run")
    parser.add_argument("--batch", type=positive, default=BATCH, help="transfers in a request")
    parser.add_argument(
        "--connections", type=positive, default=CONNECTIONS, help="requests in flight"
    )
    parser.set_defaults(runs=3)
    try:
        program = install() if "anvil" in arguments else Path()
        return run_benchmark("compare", parser, arguments, lambda run: _measure(run, program))
    except AnvilUnavailable as reason:
        print(f"compare: {reason}", file=sys.stderr)
        return reason.exit_code


def _measure(run: Run, program: Path) -> None:
    options = run.options
    requests = -(-options.transactions // options.batch)
    transfers = requests * options.batch * (run.runs + 1)
    run.say(f"signing {transfers:,} transfers for anvil")
    signed = sign(options.accounts, transfers, verifiers(1))
    run.say("starting both chains")
    rates: dict[str, list[float]] = {}
    with ExitStack() as stack:
        wallets = Wallets(options.accounts, processes=verifiers(1))
        cluster = stack.enter_context(running_cluster(run.folder / "ours", 1, 0, wallets))
        anvils = {}
        for name, chosen in ANVIL_MODES.items():
            folder = run.folder / name
            folder.mkdir()
            anvils[name] = stack.enter_context(
                running_anvil(program, folder, signed, options.batch, chosen)
            )
        # The first turn of each warms it up and does not count.
        for turn in range(run.runs + 1):
            for name, rate in _turn(run, cluster, anvils, turn * requests, requests):
                run.say(f"{name}: {rate:,.0f}/s" + ("" if turn else ", warming up"))
                if turn:
                    rates.setdefault(name, []).append(rate)
        for anvil in anvils.values():
            _check_complete(anvil, cluster.client, transfers)
    database = next(run.folder.rglob("chain.db"))
    run.mode.update(store_mode(f"sqlite:///{database}"))
    _tell(run, program, rates)
    run.workload.update(
        other=options.other,
        accounts=options.accounts,
        transactions=options.transactions,
        batch=options.batch,
        connections=options.connections,
    )


def _turn(
    run: Run, cluster: Cluster, anvils: dict[str, Anvil], first: int, requests: int
) -> Iterator[tuple[str, float]]:
    """Give each chain its turn of the load: these requests of what was signed."""
    batch = run.options.batch
    batches = batches_of(cluster.transfers(requests * batch), batch)
    url = cluster.urls[0]

    def send_ours(client: httpx.Client, number: int) -> int:
        return post_final(client, url, batches[number])

    yield "ours", _rate(run, requests, send_ours)
    wait_for("our index's catching up", lambda: _is_indexed(cluster), INDEX_WAIT_S)
    for name, anvil in anvils.items():

        def send_theirs(client: httpx.Client, number: int, anvil: Anvil = anvil) -> int:
            return anvil.send(client, first + number)

        yield name, _rate(run, requests, send_theirs)


def _rate(run: Run, requests: int, send: Callable[[httpx.Client, int], int]) -> float:
    delivered = deliver(requests, run.options.connections, send)
    return sum(each.count for each in delivered) / delivered[-1].at_s


def _is_indexed(cluster: Cluster) -> bool:
    status = cluster.status(cluster.nodes[0])
    return bool(status["indexed_height"] >= status["height"])


def _check_complete(anvil: Anvil, client: httpx.Client, expected: int) -> None:
    """Check that everything that was sent is in its blocks: a lost transfer is no fast one.

    Raises:
        RuntimeError: something is missing.
    """
    found = anvil.count_in_blocks(client)
    if found != expected:
        raise RuntimeError(f"anvil has {found} of {expected} transfers in its blocks")


def _tell(run: Run, program: Path, rates: dict[str, list[float]]) -> None:
    ours = run.add(
        "compare.ours", "ours, to final and durable", "1/s", rates["ours"], run.limits.cores
    )
    for name in ANVIL_MODES:
        theirs = run.add(f"compare.anvil.{name}", ANVIL_RULES[name], "1/s", rates[name])
        ratios = [one / other for one, other in zip(rates["ours"], rates[name], strict=True)]
        assert ours.runs == theirs.runs
        run.add(f"compare.ratio.{name}", "  ours against it, turn by turn", "x", ratios)
    run.mode["ours"] = (
        f"one validator and {verifiers(1)} processes that verify Ed25519; MessagePack; a transfer "
        "counts when its block is certified, executed and synced to disk"
    )
    run.mode["anvil"] = (
        f"{version_of(program)}, from npm; JSON-RPC; a transfer counts when it has a receipt: it "
        "is in a block in memory, with no consensus and nothing on disk"
    )
