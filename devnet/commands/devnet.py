"""`./dev devnet`: a local network that runs real jobs, then stays up until Ctrl-C."""

import json
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn

import typer

from aitbc import AitbcError
from devnet.commands import ROOT
from devnet.commands.needs import POSTGRES
from devnet.network.configuration import Extras, direct_wiring, write_config
from devnet.network.demo import run_demo
from devnet.network.directory import DevnetDirectory
from devnet.network.errors import (
    DatabaseServerUnusable,
    DemoFailed,
    DevnetError,
    ShapeFixed,
)
from devnet.network.network import Devnet
from devnet.network.plan import (
    COORDINATORS_MAX,
    FOLLOWERS_MAX,
    VALIDATORS_DEFAULT,
    NodePlan,
    Shape,
    Store,
    plan_nodes,
)
from devnet.network.ports import require_free
from devnet.network.provision import ChainWish, provision
from devnet.network.telling import Teller
from ledger.params import VALIDATORS_MAX

app = typer.Typer(add_completion=False)

DEFAULT_PORTS = (8011, 8001)
"""Ports that the reference API documents name."""

INTERRUPTED = 130
"""Exit code after Ctrl-C before the demo was done, as shells have it."""

_ALIVE_CHECK_S = 1.0
"""Pause between looks at the processes; also what a miner that ends at once is restarted at."""


@app.command("devnet")
def run_devnet(
    *,
    demo: Annotated[bool, typer.Option("--demo", help="End after the jobs.")] = False,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print the outcome as one JSON object, the rest to stderr."),
    ] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Begin a new chain.")] = False,
    validators: Annotated[
        int | None,
        typer.Option(min=1, max=VALIDATORS_MAX, help="Nodes that vote.", show_default="4"),
    ] = None,
    followers: Annotated[
        int | None,
        typer.Option(min=0, max=FOLLOWERS_MAX, help="Nodes that follow.", show_default="0"),
    ] = None,
    coordinators: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=COORDINATORS_MAX,
            help="Validators with a coordinator and a miner of their own.",
            show_default="1",
        ),
    ] = None,
    store: Annotated[
        Store | None,
        typer.Option(help="Where nodes keep their databases.", show_default="sqlite"),
    ] = None,
    directory: Annotated[
        Path, typer.Option(help="Where the chain, keys and logs are.", show_default=".devnet")
    ] = ROOT / ".devnet",
    port: Annotated[
        list[int] | None,
        typer.Option(min=1, max=65535, help="Port of the first API; repeat it for several."),
    ] = None,
) -> None:
    """Start a local network, run real paid jobs, and stay up until Ctrl-C.

    Every node is a process of its own, with a data folder and a log. The first has the
    coordinator's API; each has the explorer. A CPU miner runs one prompt through a language model
    and one video through ffmpeg. A node that dies is started again. A second start resumes the
    same chain.

    With --store postgresql the databases are in a PostgreSQL server of the devnet's own, which
    runs while the devnet does; the system's programs for it have to be installed.

    Exit codes: 0 done, 3 the machine lacks something, 4 another program is in the way,
    5 the processes of the devnet ended, 6 a job did not end as it should, 130 interrupted.
    """
    teller = Teller(sys.stderr if as_json else sys.stdout)
    # A shell that starts this in the background ignores Ctrl-C for it; a person who sends the
    # signal means it all the same.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        with DevnetDirectory(directory.absolute()) as held:
            wish = _Wish(validators, followers, coordinators, store)
            options = _Options(tuple(port or DEFAULT_PORTS), fresh, demo, as_json)
            _run(held, wish, options, teller)
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


@dataclass(frozen=True, slots=True)
class _Wish:
    """A network as it was asked for, None where nothing was said."""

    validators: int | None
    followers: int | None
    coordinators: int | None
    store: Store | None

    def shape_of_new(self) -> Shape:
        """Return the shape of a new network."""
        validators = self.validators or VALIDATORS_DEFAULT
        coordinators = self.coordinators or 1
        if coordinators > validators:
            raise ShapeFixed(f"{coordinators} coordinators need as many validators")
        return Shape(validators, self.followers or 0, coordinators, self.store or Store.SQLITE)

    def shape_of(self, made: Shape) -> Shape:
        """Return the shape of a network that resumes; followers may differ at every start."""
        if (self.validators or made.validators, self.coordinators or made.coordinators) != (
            made.validators,
            made.coordinators,
        ):
            raise ShapeFixed(
                f"this chain began with {made.validators} validators and {made.coordinators} "
                "coordinators, and its genesis names them; --fresh begins a new one"
            )
        if self.store not in {None, made.store}:
            raise ShapeFixed(
                f"this chain is kept in {made.store}, and its nodes have nothing elsewhere; "
                "--fresh begins a new one"
            )
        followers = made.followers if self.followers is None else self.followers
        return Shape(made.validators, followers, made.coordinators, made.store)


def _run(directory: DevnetDirectory, wish: _Wish, options: _Options, teller: Teller) -> None:
    require_free(options.ports)
    if directory.root.exists() and (options.fresh or not directory.is_provisioned()):
        directory.clear()
    with ExitStack() as running:
        plans = _prepare(directory, wish, options, teller, running)
        network = running.enter_context(Devnet(directory, plans, teller.progress))
        network.start()
        outcome = run_demo(network.url, teller.step)
        if options.as_json:
            print(json.dumps(outcome.as_json() | {"nodes": network.as_json()}), flush=True)
        if not options.demo:
            teller.nodes(network.nodes)
            teller.manual(network, outcome)
            _stay_up(network, teller)


def _prepare(
    directory: DevnetDirectory,
    wish: _Wish,
    options: _Options,
    teller: Teller,
    running: ExitStack,
) -> tuple[NodePlan, ...]:
    """Return the nodes of a network that is ready to start, made now or before.

    What they need while they run is started, and `running` stops it.
    """
    if directory.is_provisioned():
        shape = wish.shape_of(directory.read_shape())
        teller.progress(f"resuming the chain in {directory.root}")
    else:
        shape = wish.shape_of_new()
        teller.progress(f"making a new chain in {directory.root}")
        provision(directory, ChainWish(shape, time.time_ns() // 1_000_000))
    plans = plan_nodes(shape, options.ports)
    urls = _start_server(directory, plans, teller, running) if shape.store != Store.SQLITE else {}
    for plan in plans:
        own = {"store": {"url": urls[plan.name]}} if urls else {}
        write_config(directory, plan, direct_wiring(plan, plans), Extras(own))
    directory.mark_provisioned(shape)
    return plans


def _start_server(
    directory: DevnetDirectory, plans: Sequence[NodePlan], teller: Teller, running: ExitStack
) -> dict[str, str]:
    """Start the network's server, and return the URL of each node's database.

    Raises:
        DatabaseServerUnusable: its programs are missing, or it does not start.
    """
    # Its driver takes a moment, which other networks need not wait for.
    from devnet.network.postgresql import PostgresqlServer  # noqa: PLC0415

    program = POSTGRES.find()
    if program is None:
        raise DatabaseServerUnusable(f"PostgreSQL is missing. On Debian: {POSTGRES.remedy}")
    teller.progress(f"starting a PostgreSQL server in {directory.server}")
    server = running.enter_context(PostgresqlServer(program, directory.server))
    for plan in plans:
        server.make_database(plan.database)
    return {plan.name: server.url(plan.database) for plan in plans}


def _stay_up(network: Devnet, teller: Teller) -> None:
    try:
        while True:
            network.keep_up()
            time.sleep(_ALIVE_CHECK_S)
    except KeyboardInterrupt:
        teller.progress("stopping")


def _interrupt(_signal: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt
