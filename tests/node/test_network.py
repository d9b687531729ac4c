"""Nodes with everything but sockets: finality, lost disks, catching up, followers, epochs."""

from pathlib import Path

from ledger.keys import KeyPair
from ledger.params import Parameters
from node.failpoints import Failpoints, NoFailpoints
from tests.node.lone_node import PEER, VALIDATOR, LoneNode, StillClock, TestClock, id_of
from tests.node.memory_peers import MemoryHub

VALIDATORS = (VALIDATOR, *(KeyPair(bytes([n]) * 32) for n in (21, 22, 23)))
LONG = Parameters(account_fee=0, epoch_ms=604_800_000)
SHORT = Parameters(account_fee=0, epoch_ms=10_000)
"""Epochs that a test ends by moving the clocks, which stand still otherwise."""


def clock_for(parameters: Parameters) -> TestClock:
    """Return a node's clock; all of one test start at the same time."""
    return StillClock() if parameters is SHORT else TestClock()


def member(
    hub: MemoryHub,
    folder: Path,
    number: int,
    parameters: Parameters = LONG,
    failpoints: Failpoints | None = None,
) -> LoneNode:
    place = folder / str(number)
    place.mkdir(exist_ok=True)
    return LoneNode(
        place,
        parameters,
        clock_for(parameters),
        failpoints=failpoints or NoFailpoints(),
        validators=VALIDATORS,
        key=VALIDATORS[number],
        hub=hub,
    )


def follower(hub: MemoryHub, folder: Path, parameters: Parameters = LONG) -> LoneNode:
    place = folder / "follower"
    place.mkdir(exist_ok=True)
    key = KeyPair(b"\x77" * 32)
    return LoneNode(
        place,
        parameters,
        clock_for(parameters),
        validators=VALIDATORS,
        key=key,
        hub=hub,
        is_follower=True,
    )


async def reported(nodes: list[LoneNode], signed: bytes) -> None:
    for node in nodes:
        assert await node.chain.wait_final(id_of(signed), 20) is not None, node.driver.status()


async def signing(node: LoneNode) -> None:
    """Keep the chain busy until a node signs."""
    for _ in range(50):
        if node.driver.status().signs:
            return
        await node.chain.wait_final(id_of(await submitted(node)), 0.3)
    raise AssertionError(node.driver.status())


async def test_a_transfer_that_any_node_takes_is_final_on_all(tmp_path: Path) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number) for number in range(4)]
    async with nodes[0], nodes[1], nodes[2], nodes[3]:
        for node in nodes:
            signed = node.transfer(1)
            await node.chain.submit([signed])
            await reported(nodes, signed)
        assert [node.chain.balance(PEER.address) for node in nodes] == [4] * 4
        assert all(node.driver.status().signs for node in nodes)


async def test_a_follower_learns_of_final_blocks_and_verifies_them(tmp_path: Path) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number) for number in range(4)]
    async with nodes[0], nodes[1], nodes[2], nodes[3]:
        for _ in range(9):
            await reported(nodes, await submitted(nodes[0]))
        signed = await submitted(nodes[0])
        await reported(nodes, signed)
        async with follower(hub, tmp_path) as behind:
            await reported([behind], signed)
            signed = behind.transfer(5)
            await behind.chain.submit([signed])
            await reported([behind, *nodes], signed)
            assert behind.chain.balance(PEER.address) == 15
            assert not behind.driver.status().signs
            assert not behind.driver.status().silent_because


async def test_nodes_catch_up_over_the_ends_of_epochs(tmp_path: Path) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number, SHORT) for number in range(4)]
    async with nodes[0], nodes[1], nodes[2]:
        async with nodes[3]:
            await reported(nodes, await submitted(nodes[0]))
        while nodes[0].driver.status().epoch < 3:
            await reported(nodes[:3], await submitted(nodes[0]))
            for node in nodes:
                node.clock.shift_ms += 5_000
        signed = await submitted(nodes[0])
        await reported(nodes[:3], signed)
        again = member(hub, tmp_path, 3, SHORT)
        again.clock.shift_ms = nodes[0].clock.shift_ms
        async with again, follower(hub, tmp_path, SHORT) as behind:
            await reported([again, behind], signed)
            signed = await submitted(behind)
            await reported([again, behind, *nodes[:3]], signed)
            assert again.driver.status().signs
            assert again.driver.status().epoch >= 3


async def submitted(node: LoneNode) -> bytes:
    signed = node.transfer(1)
    await node.chain.submit([signed])
    return signed


async def test_a_validator_that_lost_its_disk_in_the_first_epoch_stays_silent(
    tmp_path: Path,
) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number) for number in range(4)]
    async with nodes[0], nodes[1], nodes[2]:
        async with nodes[3]:
            for _ in range(3):
                await reported(nodes, await submitted(nodes[0]))
            signed = await submitted(nodes[0])
            await reported(nodes, signed)
        (tmp_path / "3").rename(tmp_path / "lost")
        async with member(hub, tmp_path, 3) as emptied:
            await reported([emptied], signed)
            signed = await submitted(emptied)
            await reported([emptied, *nodes[:3]], signed)
            assert not emptied.driver.status().signs
            assert "no journal" in emptied.driver.status().silent_because
