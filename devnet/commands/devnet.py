"""`./dev devnet`: a local network that runs real jobs, then stays up until Ctrl-C."""

import json
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from aitbc import AitbcError
from devnet.commands import ROOT
from devnet.network.demo import run_demo
from devnet.network.directory import DevnetDirectory
from devnet.network.errors import DemoFailed, DevnetError
from devnet.network.network import Devnet
from devnet.network.ports import require_free
from devnet.network.provision import provision, write_node_config
from devnet.network.telling import Teller

app = typer.Typer(add_completion=False)

DEFAULT_PORTS = (8011, 8001)
"""Ports that the reference API documents name."""

INTERRUPTED = 130
"""Exit code after Ctrl-C before the demo was done, as shells have it."""

_ALIVE_CHECK_S = 2.0
"""Pause between looks at the processes; also what a miner that ends at once is restarted at."""


@app.command("devnet")
def run_devnet(
    demo: Annotated[bool, typer.Option("--demo", help="End after the jobs.")] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the outcome as one JSON object, the rest to stderr."),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin a new chain.")] = False,
    directory: Annotated[
        Path, typer.Option(help="Where the chain, keys and logs are.", show_default=".devnet")
    ] = ROOT / ".devnet",
    port: Annotated[
        list[int] | None,
        typer.Option(min=1, max=65535, help="Port of the API; repeat it for several."),
    ] = None,
) -> None:
    """Start a local network, run real paid jobs, and stay up until Ctrl-C.

    The node has the coordinator's API and the explorer; a CPU miner runs one prompt through a
    language model and one video through ffmpeg. A second start resumes the same chain.

    Exit codes: 0 done, 3 the machine lacks something, 4 another program is in the way,
    5 a process of the devnet ended, 6 a job did not end as it should, 130 interrupted.
    """
    teller = Teller(sys.stderr if as_json else sys.stdout)
    # A shell that starts this in the background ignores Ctrl-C for it; a person who sends the
    # signal means it all the same.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with DevnetDirectory(directory.absolute()) as held:
            options = _Options(tuple(port or DEFAULT_PORTS), fresh, demo, as_json)
            _run(held, options, teller)
    except DevnetError as error:
        teller.failure(str(error))
        raise typer.Exit(error.exit_code) from None
    except AitbcError as error:
        teller.failure(str(error))
        raise typer.Exit(DemoFailed.exit_code) from None
    except KeyboardInterrupt:
        teller.failure("interrupted; everything is stopped")
        raise typer.Exit(INTERRUPTED) from None


@dataclass(frozen=True, slots=True)
class _Options:
    ports: tuple[int, ...]
    fresh: bool
    demo: bool
    as_json: bool


def _run(directory: DevnetDirectory, options: _Options, teller: Teller) -> None:
    require_free(options.ports)
    if directory.root.exists() and (options.fresh or not directory.is_provisioned()):
        directory.clear()
    if directory.is_provisioned():
        teller.progress(f"resuming the chain in {directory.root}")
        write_node_config(directory, options.ports)
    else:
        teller.progress(f"making a new chain in {directory.root}")
        provision(directory, options.ports, time.time_ns() // 1_000_000)
    with Devnet(directory, options.ports[0], teller.progress) as network:
        network.start()
        outcome = run_demo(network.url, teller.step)
        if options.as_json:
            print(json.dumps(outcome.as_json()), flush=True)
        if not options.demo:
            teller.manual(network.url, options.ports, outcome)
            _stay_up(network, teller)


def _stay_up(network: Devnet, teller: Teller) -> None:
    try:
        while True:
            network.keep_up()
            time.sleep(_ALIVE_CHECK_S)
    except KeyboardInterrupt:
        teller.progress("stopping")


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
