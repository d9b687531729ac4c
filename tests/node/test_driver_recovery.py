"""Restarts: store and journal continue each other, and copies of different age are refused."""

import shutil
from pathlib import Path

import pytest

from ledger.keys import KeyPair
from ledger.params import Parameters
from ledger.steps import at_once
from node.journal import Journal, JournalCorrupt
from node.journal_folder import JournalLocked
from node.journal_format import FORMAT_VERSION, SALT_BYTES, JournalIdentity
from node.recovery_errors import JournalBehindStore, JournalLost, StoreBehindJournal
from tests.node.lone_node import PEER, START_MS, TAGS, VALIDATOR, LoneNode

LONG_EPOCH = Parameters(account_fee=0, epoch_ms=604_800_000)
"""One epoch: all blocks of these tests are in epoch 0."""

OTHERS = tuple(KeyPair(bytes([n]) * 32) for n in (21, 22, 23))


def node_at(
    folder: Path,
    validators: tuple[KeyPair, ...] = (VALIDATOR,),
    never_voted_in_epoch: int | None = None,
) -> LoneNode:
    return LoneNode(
        folder, LONG_EPOCH, validators=validators, never_voted_in_epoch=never_voted_in_epoch
    )


async def run_blocks(folder: Path, count: int) -> list[bytes]:
    async with node_at(folder) as node:
        batch = [node.transfer(1) for _ in range(count)]
        for signed in batch:
            await node.finalize(signed)
    return batch


def copy_of(folder: Path, name: str) -> Path:
    """Copy a stopped node's store or journal."""
    copies = folder / "copies"
    copies.mkdir(exist_ok=True)
    source = folder / name
    if source.is_dir():
        shutil.copytree(source, copies / name)
    else:
        for file in folder.glob(name + "*"):
            shutil.copy(file, copies / file.name)
    return copies


def put_back(folder: Path, name: str) -> None:
    source = folder / "copies" / name
    if source.is_dir():
        shutil.rmtree(folder / name)
        shutil.copytree(source, folder / name)
    else:
        for file in folder.glob(name + "*"):
            file.unlink()
        for file in (folder / "copies").glob(name + "*"):
            shutil.copy(file, folder / file.name)


async def test_a_restart_continues_with_the_same_state(tmp_path: Path) -> None:
    await run_blocks(tmp_path, 3)
    async with node_at(tmp_path) as node:
        assert node.chain.head().height == 3
        assert node.chain.balance(PEER.address) == 3
        assert await node.finalize(node.transfer()) == 4


async def test_a_transaction_of_before_the_restart_is_not_taken_again(tmp_path: Path) -> None:
    (signed,) = await run_blocks(tmp_path, 1)
    async with node_at(tmp_path) as node:
        (outcome,) = await node.chain.submit([signed])
        assert outcome.status == "duplicate"


async def test_a_journal_that_is_ahead_of_the_store_is_committed_again(tmp_path: Path) -> None:
    await run_blocks(tmp_path, 2)
    copy_of(tmp_path, "chain.db")
    await run_blocks(tmp_path, 3)
    put_back(tmp_path, "chain.db")
    async with node_at(tmp_path) as node:
        await node.reach(5)
        assert node.chain.balance(PEER.address) == 5
        assert await node.finalize(node.transfer()) == 6


async def test_a_store_that_is_ahead_of_the_journal_is_refused(tmp_path: Path) -> None:
    await run_blocks(tmp_path, 2)
    copy_of(tmp_path, "journal")
    await run_blocks(tmp_path, 2)
    put_back(tmp_path, "journal")
    with pytest.raises(JournalBehindStore):
        node_at(tmp_path)


async def test_a_store_older_than_what_the_journal_forgot_is_refused(tmp_path: Path) -> None:
    await run_blocks(tmp_path, 2)
    copy_of(tmp_path, "chain.db")
    await run_blocks(tmp_path, 2)
    journal = open_journal(tmp_path)
    journal.forget(4)
    journal.compact()
    journal.close()
    async with node_at(tmp_path) as node:
        assert node.chain.head().height == 4
    put_back(tmp_path, "chain.db")
    with pytest.raises(StoreBehindJournal):
        node_at(tmp_path)


def open_journal(folder: Path) -> Journal:
    identity = JournalIdentity(
        FORMAT_VERSION, TAGS.genesis_digest, 0, VALIDATOR.public_key, bytes(SALT_BYTES)
    )
    return Journal(folder / "journal" / "epoch-0.journal", identity)


async def test_a_store_of_before_the_journals_epoch_is_refused(tmp_path: Path) -> None:
    await run_blocks(tmp_path, 1)
    shutil.move(tmp_path / "journal" / "epoch-0.journal", tmp_path / "journal" / "epoch-5.journal")
    with pytest.raises(StoreBehindJournal):
        node_at(tmp_path)


async def test_damage_in_the_journal_is_refused(tmp_path: Path) -> None:
    await run_blocks(tmp_path, 3)
    path = tmp_path / "journal" / "epoch-0.journal"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))
    with pytest.raises(JournalCorrupt):
        node_at(tmp_path)


async def test_a_torn_tail_of_the_journal_is_cut_and_the_node_goes_on(tmp_path: Path) -> None:
    await run_blocks(tmp_path, 2)
    path = tmp_path / "journal" / "epoch-0.journal"
    path.write_bytes(path.read_bytes() + b"AJr1 half a frame")
    async with node_at(tmp_path) as node:
        assert await node.finalize(node.transfer()) == 3


async def test_a_second_node_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    async with node_at(tmp_path):
        with pytest.raises(JournalLocked):
            node_at(tmp_path)


# A lost journal (S10) -----------------------------------------------------------------------


async def test_a_lone_validator_without_its_journal_says_what_to_do(tmp_path: Path) -> None:
    await run_blocks(tmp_path, 1)
    shutil.rmtree(tmp_path / "journal")
    with pytest.raises(JournalLost, match="--never-voted-in-epoch 0"):
        node_at(tmp_path)
    with pytest.raises(JournalLost):
        node_at(tmp_path, never_voted_in_epoch=1)


async def test_the_operators_word_lets_a_lone_validator_sign_again(tmp_path: Path) -> None:
    await run_blocks(tmp_path, 1)
    shutil.rmtree(tmp_path / "journal")
    async with node_at(tmp_path, never_voted_in_epoch=0) as node:
        assert await node.finalize(node.transfer()) == 2
    async with node_at(tmp_path) as node:
        assert await node.finalize(node.transfer()) == 3


async def test_one_of_several_validators_stays_silent_without_its_journal(tmp_path: Path) -> None:
    validators = (VALIDATOR, *OTHERS)
    node = node_at(tmp_path, validators, never_voted_in_epoch=0)
    assert node.driver.status().signs
    root = node.tree.final_view.block_id
    block, _ = at_once(node.tree.build(root, 1, VALIDATOR.public_key, START_MS + 1, []))
    node.store.commit(block.view.block_id, block.block, b"", block.outcomes, block.delta)
    async with node:
        pass
    shutil.rmtree(tmp_path / "journal")
    async with node_at(tmp_path, validators) as silent:
        status = silent.driver.status()
        assert not status.signs
        assert "no journal of epoch 0" in status.silent_because
    assert not list((tmp_path / "journal").glob("*.journal"))
