"""Whole nodes in memory: whichever link or node is down, a transaction is included (E12)."""

from pathlib import Path

from coordinator.ports import TransactionStatus
from ledger.keys import KeyPair
from ledger.params import Parameters
from tests.node.lone_node import VALIDATOR, LoneNode, id_of
from tests.node.memory_peers import MemoryHub, MemoryPeers

VALIDATORS = (VALIDATOR, *(KeyPair(bytes([n]) * 32) for n in (21, 22, 23)))
PARAMETERS = Parameters(account_fee=0, epoch_ms=604_800_000)


def validator(hub: MemoryHub, folder: Path, number: int) -> LoneNode:
    place = folder / str(number)
    place.mkdir(exist_ok=True)
    return LoneNode(place, PARAMETERS, validators=VALIDATORS, key=VALIDATORS[number], hub=hub)


def transport(node: LoneNode) -> MemoryPeers:
    assert node.part is not None
    peers = node.part.peers
    assert isinstance(peers, MemoryPeers)
    return peers


async def submit(node: LoneNode) -> bytes:
    signed = node.transfer(1)
    (outcome,) = await node.chain.submit([signed])
    assert outcome.status is TransactionStatus.POOLED
    return signed


async def final_on(nodes: list[LoneNode], signed: bytes) -> None:
    for node in nodes:
        assert await node.chain.wait_final(id_of(signed), 40) is not None, node.driver.status()


async def test_any_link_of_the_node_that_took_a_transaction_may_be_down(tmp_path: Path) -> None:
    hub = MemoryHub()
    nodes = [validator(hub, tmp_path, number) for number in range(4)]
    async with nodes[0], nodes[1], nodes[2], nodes[3]:
        await final_on(nodes, await submit(nodes[0]))
        for other in nodes[1:]:
            hub.cut(transport(nodes[0]), transport(other))
            sent = []
            for _ in range(4):  # A turn of each leader.
                sent.append(await submit(nodes[0]))
                await final_on([node for node in nodes if node is not other], sent[-1])
            hub.join(transport(nodes[0]), transport(other))
            await final_on([other], sent[-1])


async def test_a_follower_loses_the_validator_that_it_told(tmp_path: Path) -> None:
    """It told one, which dies before it tells the others; the follower tells another."""
    hub = MemoryHub()
    nodes = [validator(hub, tmp_path, number) for number in range(4)]
    place = tmp_path / "follower"
    place.mkdir()
    follower = LoneNode(
        place, PARAMETERS, validators=VALIDATORS, key=KeyPair(b"\x77" * 32), hub=hub,
        is_follower=True,
    )  # fmt: skip
    async with nodes[0], nodes[1], nodes[2], follower:
        async with nodes[3]:
            await final_on([*nodes, follower], await submit(nodes[0]))
            deaf = transport(nodes[3]).wires[transport(follower).identity.keys.public_key]
            assert deaf.reading is not None
            deaf.reading.cancel()  # The connection stays, and nobody reads.
            signed = [await submit(follower) for _ in range(4)]
            for each in signed:
                await final_on([*nodes[:3], follower], each)
        for each in signed:
            (outcome,) = await nodes[1].chain.submit([each])
            assert outcome.status is TransactionStatus.DUPLICATE
