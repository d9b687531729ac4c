"""`aitbc node run`: run a node."""

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from cli.exits import Exit, ends_with
from cli.group import AsJson, command_group
from cli.passphrases import PassphraseFd, PassphraseFile, read_passphrase
from coordinator.database import DatabaseError
from coordinator.wallets import VaultError
from genesis import GenesisError
from ledger import StateRootMismatch
from ledger.errors import ProtocolVersionUnknown
from ledger.store import StoreError
from node.app import Node, build_node
from node.config import ConfigInvalid, NodeConfig, read_config
from node.disturbances import DisturbancesInvalid, disturbed
from node.driver import NodeFatal
from node.failpoints import FailpointInvalid, Failpoints, NoFailpoints, failpoints_from
from node.garbage import settle_garbage
from node.http.listeners import AddressUnavailable
from node.journal import JournalError
from node.keyfile import KeyFileError
from node.keyring import Keyring, unlock_keys
from node.logs import configure_logs
from node.ports import Clock, SystemClock

app = command_group("Run a node.")


@app.command()
def run(
    config: Annotated[Path, typer.Option(metavar="FILE", help="Configuration, TOML.")],
    passphrase_file: PassphraseFile = None,
    passphrase_fd: PassphraseFd = None,
    never_voted_in_epoch: Annotated[
        int | None,
        typer.Option(
            metavar="E", help="Only after a lost journal: this key never voted in epoch E."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Run until SIGTERM or Ctrl-C. One line on standard output says when it is ready.

    The passphrase options serve key files for which the configuration names no passphrase file.
    """
    with ends_with(
        Exit.REFUSED,
        ConfigInvalid,
        KeyFileError,
        GenesisError,
        FailpointInvalid,
        DisturbancesInvalid,
    ):
        told = read_config(config)
        configure_logs(told.log)
        keys = unlock_keys(
            told, lambda what: read_passphrase(passphrase_file, passphrase_fd, what, new=False)
        )
        with (
            ends_with(Exit.ADDRESS_UNAVAILABLE, AddressUnavailable),
            ends_with(
                Exit.DATA_UNUSABLE,
                JournalError,
                StoreError,
                StateRootMismatch,
                ProtocolVersionUnknown,
                DatabaseError,
                VaultError,
            ),
            ends_with(Exit.INTERNAL, NodeFatal),
        ):
            asyncio.run(_run(told, keys, never_voted_in_epoch, as_json=as_json))


async def _run(
    config: NodeConfig, keys: Keyring, never_voted_in_epoch: int | None, *, as_json: bool
) -> None:
    failpoints, clock = _surroundings(config)
    node = build_node(
        config, keys, failpoints, clock=clock, never_voted_in_epoch=never_voted_in_epoch
    )
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await node.start()
        settle_garbage()
        _say_ready(node, as_json=as_json)
        await node.run_until(stop)
    finally:
        await node.stop()


def _surroundings(config: NodeConfig) -> tuple[Failpoints, Clock]:
    """Return failpoints and clock: the machine's own, unless the configuration is a test's."""
    if not config.failpoints:
        return NoFailpoints(), SystemClock()
    return disturbed(os.environ, failpoints_from(os.environ), SystemClock())


def _say_ready(node: Node, *, as_json: bool) -> None:
    urls = [f"http://{address}" for address in node.addresses]
    if as_json:
        head = node.chain.head()
        ready = {"ready": True, "urls": urls, "chain_id": node.chain.chain_id}
        ready["p2p"] = list(node.peer_addresses)
        print(json.dumps({**ready, "height": head.height, "pid": os.getpid()}), flush=True)
    else:
        print(f"ready: {' '.join(urls)}", flush=True)
