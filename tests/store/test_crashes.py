"""What was said to be final is there, whatever moment the power or the process was lost at."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import pytest

from ledger.store import ChainStore
from ledger.store.block_rows import transaction_ids
from ledger.types import Hash
from tests.crash import disklog
from tests.crash.disk import Chance, Disk, Image, Luck, NothingUnsynced, said
from tests.crash.disklog import Event, Kind
from tests.databases import Files, Place
from tests.store.chains import TAGS, Sealed, random_history
from tests.store.committer import GENESIS_RECORDS
from tests.store.indexes import Dump, dump, open_indexed
from tests.store.test_chain_store import apply_delta

NewFolder = Callable[[], Path]

SEED, BLOCKS = 4, 16
CHAIN = random_history(SEED, BLOCKS).builder.sealed


def states() -> list[dict[bytes, bytes]]:
    """The records after each block."""
    after = [dict(GENESIS_RECORDS)]
    for sealed in CHAIN[1:]:
        after.append(dict(after[-1]))
        apply_delta(after[-1], sealed)
    return after


STATES = states()


def ids_that_stand() -> list[set[tuple[Hash, int]]]:
    """What may not come again after each block."""
    after: list[set[tuple[Hash, int]]] = []
    for sealed in CHAIN:
        ids = {*(after[-1] if after else ()), *transaction_ids(TAGS, sealed.block)}
        after.append({pair for pair in ids if pair[1] >= sealed.block.header.timestamp_ms})
    return after


IDS_THAT_STAND = ids_that_stand()


class Damage(AssertionError):
    """What a crash must not do."""


def check_store(place: Place, promised: int) -> int:
    """Open what a crash left; assert that it is whole and goes on. Return its height."""
    with closing(ChainStore.open(place.url("chain"))) as store:
        height = check_whole(store, promised)
        store.initialise(TAGS, CHAIN[0].block, GENESIS_RECORDS)
        # Recovery commits again what may have been committed.
        for sealed in CHAIN[max(height, 0) : height + 3]:
            sealed.commit_to(store)
        store.checkpoint(keys=3, force=True)
        head, records = store.load_records()
        if records != STATES[head.height] or head.height < min(height + 2, BLOCKS - 1):
            raise Damage("the store does not go on")
    return height


def check_whole(store: ChainStore, promised: int) -> int:
    """Assert that what a crash left is a chain up to some block at least; return its height."""
    head = store.head()
    height = -1 if head is None else head.height
    if height < promised:
        raise Damage(f"block {promised} was reported, the head is {height}")
    if head is not None:
        if store.load_records() != (head, STATES[height]):
            raise Damage(f"the state is not that of block {height}")
        if set(store.recent_ids(head.header.timestamp_ms)) != IDS_THAT_STAND[height]:
            raise Damage(f"the ids are not those that a block after {height} may not repeat")
        check_blocks(store, CHAIN[: height + 1])
    return height


def check_blocks(store: ChainStore, expected: list[Sealed]) -> None:
    stored = store.final_blocks(-1, 10**6)
    found = [(block.block_id, block.transactions, block.outcomes) for block in stored]
    if found != [(each.block_id, each.block.transactions, each.outcomes) for each in expected]:
        raise Damage("the blocks are not those that were committed")


def promised_by(words: bytes) -> int:
    """The newest height that a process reported."""
    lines = words.decode().splitlines(keepends=True)
    heights = [int(line.split()[1]) for line in lines if line.endswith("\n")]
    return heights[-1] if heights else -1


@pytest.fixture(scope="module")
def library(c_compiler: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return disklog.build(c_compiler, tmp_path_factory.mktemp("disklog"))


@dataclass(frozen=True)
class Run:
    """What a process did to an empty folder."""

    disk: Disk
    events: list[Event]


def committer(place: Place, *options: str) -> list[str]:
    """The command line of a process that commits to a place."""
    command = [sys.executable, "-m", "tests.store.committer", place.url("chain")]
    return [*command, place.url("index"), str(SEED), str(BLOCKS), *options]


def record(library: Path, folder: Path, *options: str) -> Run:
    """Run the committer."""
    root = folder / "data"
    root.mkdir()
    disk = Disk(root)
    command = committer(Files(root), *options)
    events = disklog.run(library, root, folder / "disk.log", command, {})
    return Run(disk, events)


@pytest.fixture(scope="module")
def run(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that opens the store several times, checkpoints, and indexes beside."""
    folder = tmp_path_factory.mktemp("run")
    return record(library, folder, "--checkpoint", "--index", "--reopen", "6")


def images(run: Run, seed: int, lucky: int) -> Iterator[tuple[Image, int]]:
    """Yield what power losses leave, with the height that had been reported by then.

    Every moment with nothing left of what was not synced, and some with what chance leaves.
    """
    disk, promised, chance = deepcopy(run.disk), -1, random.Random(seed)
    luckily = set(chance.sample(range(len(run.events)), min(lucky, len(run.events))))
    seen: set[bytes] = set()
    for number, event in enumerate(run.events):
        disk.follow(event)
        promised = max(promised, promised_by(said([event])))
        chances: list[Chance] = [NothingUnsynced()]
        if number in luckily:
            chances.append(Luck(chance.randrange(2**32)))
        for each in chances:
            image = disk.after_crash(each)
            key = image.digest + promised.to_bytes(4, "big", signed=True)
            if key not in seen:
                seen.add(key)
                yield image, promised


def laid_out(image: Image, folder: Path) -> Path:
    image.write_to(folder)
    return folder


def test_a_power_loss_at_any_moment_keeps_every_reported_block(
    run: Run, unsynced_folder: NewFolder
):
    assert promised_by(said(run.events)) == BLOCKS - 1
    # Losses happen at every stage of the run, from before genesis to the end.
    assert check_all(run, unsynced_folder, lucky=100) == set(range(-1, BLOCKS))


def check_all(run: Run, new_folder: NewFolder, lucky: int) -> set[int]:
    """Check what each loss leaves; return the heights of what was found."""
    return {
        check_store(Files(laid_out(image, new_folder())), promised)
        for image, promised in images(run, seed=1, lucky=lucky)
    }


def test_an_index_after_a_power_loss_catches_up_to_the_same_rows(
    run: Run, unsynced_folder: NewFolder
):
    expected = dump_of_all(unsynced_folder())
    chosen = random.Random(9)
    behind = set()
    for image, _ in images(run, seed=2, lucky=100):
        if chosen.random() < 0.2:
            folder = laid_out(image, unsynced_folder())
            with open_indexed(Files(folder)) as indexed:
                behind.add(indexed.indexer.indexed_height())
            assert dump_of_all(folder) == expected
    assert len(behind) > 3


def dump_of_all(folder: Path) -> Dump:
    """Store what is missing of the chain, index it, and return all rows."""
    with open_indexed(Files(folder)) as indexed:
        indexed.store.initialise(TAGS, CHAIN[0].block, GENESIS_RECORDS)
        for sealed in CHAIN:
            sealed.commit_to(indexed.store)
        indexed.catch_up()
        return dump(indexed)


def test_a_store_that_does_not_sync_is_found_out(
    library: Path, tmp_path: Path, unsynced_folder: NewFolder
):
    run = record(library, tmp_path, "--unsafe")
    with pytest.raises(Damage, match="was reported"):
        check_all(run, unsynced_folder, lucky=0)


def test_nothing_is_reported_while_a_write_to_the_chains_log_is_not_synced(run: Run):
    unsynced: set[str] = set()
    reports = 0
    for event in run.events:
        if event.kind is Kind.WRITE and event.path.endswith("chain.db-wal"):
            unsynced.add(event.path)
        elif event.kind is Kind.SYNC_FILE:
            unsynced.discard(event.path)
        elif event.kind is Kind.SAID:
            reports += 1
            assert not unsynced
    assert reports >= BLOCKS


def test_a_process_killed_at_random_moments_loses_nothing_that_it_reported(file_place: Place):
    place = file_place
    chance = random.Random(12)
    promised = -1
    for _ in range(4):
        with subprocess.Popen(
            committer(place, "--checkpoint", "--index"), stdout=subprocess.PIPE
        ) as child:
            words = b"".join(child.stdout.readline() for _ in range(chance.randrange(1, 7)))
            child.kill()
            words += child.stdout.read()
        promised = max(promised, promised_by(words))
        with closing(ChainStore.open(place.url("chain"))) as store:
            promised = check_whole(store, promised)
    assert promised > 3
