"""`aitbc node snapshot`: make, check and take snapshots of the chain."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import httpx
import typer

from cli.exits import CommandFailed, Exit, ends_with
from cli.group import AsJson, command_group
from genesis import Genesis, GenesisError, read_genesis
from ledger.store import ChainStore, StoreError
from ledger.store.adoption import Middle
from node.config import ConfigInvalid, NodeConfig, read_config
from node.databases import chain_url
from node.journal import JournalError
from node.locks import lock_folder
from node.snapshots import (
    Checkpoint,
    FolderSource,
    NodeSource,
    SnapshotError,
    SnapshotSource,
    SnapshotWriter,
    check_agreement,
    read_manifest,
    verify_snapshot,
)

app = command_group("Make, check and take snapshots, from which a node starts quickly.")

Config = Annotated[Path, typer.Option("--config", metavar="FILE", help="Configuration, TOML.")]
Sources = Annotated[
    list[str],
    typer.Option(
        "--from",
        metavar="FOLDER|URL",
        help="A folder, a node such as http://node:8011, or one snapshot of it. Given twice, "
        "both must be of one chain; the first is taken.",
    ),
]
Known = Annotated[
    str | None,
    typer.Option(
        "--checkpoint",
        metavar="HEIGHT:ID",
        help="A final block that you know from elsewhere; the snapshot must hold it.",
    ),
]


@app.callback()
def _group() -> None:
    """Hold the commands; has no options of its own."""


@app.command()
def export(
    config: Config,
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder to make.")],
    as_json: AsJson = False,
) -> None:
    """Write a snapshot of a stopped node's head into a new folder.

    A running node makes snapshots by itself and serves them; see [snapshots] in its configuration.
    """
    told, genesis = _node_of(config)
    if out.exists():
        raise CommandFailed(f"{out} exists already; name a folder to make")
    with _opened(told) as store, ends_with(Exit.REFUSED, SnapshotError, OSError):
        head, records = store.load_records()
        writer = SnapshotWriter(store, genesis.view.validators, genesis.spec.buckets)
        writer.write(head.height, records, out.absolute())
    answer = {"height": head.height, "block_id": head.block_id.hex(), "folder": str(out)}
    _say(answer, f"snapshot of block {head.height} is in {out}", as_json=as_json)


@app.command(name="import")
def take(
    config: Config, sources: Sources, checkpoint: Known = None, as_json: AsJson = False
) -> None:
    """Start a node's empty data folder from a snapshot, checked in full from the genesis."""
    told, genesis = _node_of(config)
    middle = _verified(genesis, sources, checkpoint)
    Path(told.data_directory).mkdir(mode=0o700, parents=True, exist_ok=True)
    with _opened(told) as store, ends_with(Exit.DATA_UNUSABLE, StoreError):
        store.adopt(middle)
    _say_middle(middle, f"the node starts at block {middle.block.header.height}", as_json=as_json)


@app.command()
def verify(
    genesis_file: Annotated[
        Path, typer.Option("--genesis", metavar="FILE", help="Built genesis of the chain.")
    ],
    sources: Sources,
    checkpoint: Known = None,
    as_json: AsJson = False,
) -> None:
    """Check a snapshot in full, and store nothing."""
    with ends_with(Exit.REFUSED, GenesisError):
        genesis = read_genesis(genesis_file)
    middle = _verified(genesis, sources, checkpoint)
    text = f"final and complete: block {middle.block.header.height}"
    _say_middle(middle, text, as_json=as_json)


def _node_of(config: Path) -> tuple[NodeConfig, Genesis]:
    with ends_with(Exit.REFUSED, ConfigInvalid, GenesisError):
        told = read_config(config)
        return told, read_genesis(Path(told.genesis))


@contextmanager
def _opened(config: NodeConfig) -> Iterator[ChainStore]:
    """Give the store of a node that does not run."""
    with ends_with(Exit.DATA_UNUSABLE, JournalError, StoreError), ExitStack() as opened:
        lock = lock_folder(Path(config.data_directory))
        opened.callback(lock.release)
        store = ChainStore.open(chain_url(config))
        opened.callback(store.close)
        yield store


def _verified(genesis: Genesis, places: list[str], known: str | None) -> Middle:
    checkpoint = _checkpoint(known)
    with ends_with(Exit.REFUSED, SnapshotError), httpx.Client() as client:
        sources = [_source(place, client) for place in places]
        manifests = [(source, read_manifest(source, genesis)) for source in sources]
        check_agreement(manifests)
        source, manifest = manifests[0]
        return verify_snapshot(source, manifest, genesis, checkpoint=checkpoint, progress=_progress)


def _source(place: str, client: httpx.Client) -> SnapshotSource:
    if not place.startswith(("http://", "https://")):
        return FolderSource(Path(place))
    if "/v1/chain/snapshots/" in place:
        return NodeSource(place, client)
    url = f"{place.rstrip('/')}/v1/chain/snapshots"
    try:
        reply = client.get(url)
        reply.raise_for_status()
        heights = [int(height) for height in reply.json()["heights"]]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError, KeyError) as error:
        raise CommandFailed(f"{url} does not answer: {error!r}", Exit.UNREACHABLE) from None
    if not heights:
        raise CommandFailed(f"{place} has no snapshot yet; ask another node", Exit.UNREACHABLE)
    return NodeSource(f"{url}/{max(heights)}", client)


def _checkpoint(text: str | None) -> Checkpoint | None:
    if text is None:
        return None
    height, _, identity = text.partition(":")
    try:
        block_id = bytes.fromhex(identity)
        if len(block_id) == 32:
            return Checkpoint(int(height), block_id)
    except ValueError:
        pass
    raise CommandFailed(f"--checkpoint: {text!r} is no HEIGHT:ID, with an id of 64 hex digits")


def _progress(what: str, done: int, of: int) -> None:
    """Show progress to a person."""
    if sys.stderr.isatty():
        end = "\n" if done == of else "\r"
        print(f"checking {what}: {done} of {of}", end=end, file=sys.stderr, flush=True)


def _say_middle(middle: Middle, text: str, *, as_json: bool) -> None:
    header = middle.block.header
    answer = {
        "chain_id": header.chain_id,
        "height": header.height,
        "block_id": middle.block_id.hex(),
        "epoch": header.epoch,
        "records": len(middle.records),
    }
    _say(
        answer, f"{text} ({middle.block_id.hex()}), {len(middle.records)} records", as_json=as_json
    )


def _say(answer: dict[str, object], text: str, *, as_json: bool) -> None:
    print(json.dumps(answer) if as_json else text)
