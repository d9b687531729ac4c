"""The same load through another development chain and through ours: ./dev bench compare anvil.

Pre-signed transfers in batches from one client on this machine, the same number in flight, one
chain after the other, again and again. Each is asked until a transfer is final by its own rules,
and those are not the same: ours is durable on disk, executed and certified by its validator; anvil
has it in a block in memory, with no consensus and no durability.
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path

import httpx

from bench.anvil import NO_MINING, AnvilUnavailable, install, running_anvil, sign, version_of
from bench.cluster import Cluster, running_cluster, verifiers, wait_for
from bench.load import BATCH, CONNECTIONS, deliver, plain_client, post_final
from bench.machine import store_mode
from bench.run import Run, benchmark_parser, positive, run_benchmark
from bench.wallets import Wallets, batches_of

INDEX_WAIT_S = 300.0
"""Limit of our index's catching up, which must not disturb the other chain's turn."""

ANVIL_MODES: dict[str, tuple[str, ...]] = {
    "interval": ("--block-time", "0.1"),
    "asked": (NO_MINING,),
}
"""When anvil makes blocks: every tenth of a second, or as soon as a sender asks for one.

Its default, a block as soon as something waits, does not end here: with several senders it makes a
few blocks, and no more while thousands of transfers are ready.
"""

ACCOUNTS = BATCH * CONNECTIONS
"""Accounts that send: each has one transfer in flight, since anvil wants those of one in order."""

ANVIL_RULES = {
    "interval": "anvil, a block every 0.1 s, to block",
    "asked": "anvil, a block for each request, to block",
}


def main(arguments: Sequence[str]) -> int:
    """Run the comparison and print its report; `--json` prints one object."""
    parser = benchmark_parser("compare", __doc__)
    parser.add_argument("other", choices=["anvil"], help="the chain to compare with")
    parser.add_argument("--accounts", type=positive, default=ACCOUNTS, help="accounts that send")
    parser.add_argument("--transactions", type=positive, default=20_000, help="transfers a run")
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
    if options.accounts < options.connections:
        raise AnvilUnavailable("each connection has accounts of its own: use more --accounts", 2)
    requests = -(-options.transactions // options.batch)
    run.say(f"signing {requests * options.batch:,} transfers for anvil")
    signed = sign(
        options.accounts,
        requests * options.batch,
        options.batch,
        options.connections,
        verifiers(1),
    )
    run.say("starting our chain")
    rates: dict[str, list[float]] = {}
    wallets = Wallets(options.accounts, processes=verifiers(1))
    with running_cluster(run.folder / "ours", 1, 0, wallets) as cluster:
        # The first turn of each warms it up and does not count.
        for turn in range(run.runs + 1):
            for name in ("ours", *ANVIL_MODES):
                if name == "ours":
                    rate = _our_turn(run, cluster, requests)
                else:
                    rate = _their_turn(run, program, signed, name)
                run.say(f"{name}: {rate:,.0f}/s" + ("" if turn else ", warming up"))
                if turn:
                    rates.setdefault(name, []).append(rate)
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


def _our_turn(run: Run, cluster: Cluster, requests: int) -> float:
    """Give our chain this many new requests; return transfers a second."""
    batch = run.options.batch
    batches = batches_of(cluster.transfers(requests * batch), batch)
    url = cluster.urls[0]

    def send(client: httpx.Client, number: int) -> int:
        return post_final(client, url, batches[number])

    delivered = deliver(requests, run.options.connections, send)
    wait_for("our index's catching up", lambda: _is_indexed(cluster), INDEX_WAIT_S)
    return sum(each.count for each in delivered) / delivered[-1].at_s


def _their_turn(run: Run, program: Path, signed: tuple[list[str], list[str]], name: str) -> float:
    """Give what was signed to a new chain of theirs, in a mode; return transfers a second.

    It is new each time, since the cost of a block grows with the number of those before, and
    nothing else of theirs runs meanwhile.
    """
    options = run.options
    folder = run.folder / name
    folder.mkdir(exist_ok=True)
    count = len(signed[1])
    with (
        running_anvil(program, folder, signed, options.batch, ANVIL_MODES[name]) as anvil,
        plain_client() as client,
    ):
        began = time.perf_counter()
        deliver(count // options.batch, options.connections, anvil.send)
        anvil.wait_for_all(client)
        return count / (time.perf_counter() - began)


def _is_indexed(cluster: Cluster) -> bool:
    status = cluster.status(cluster.nodes[0])
    return bool(status["indexed_height"] >= status["height"])


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
