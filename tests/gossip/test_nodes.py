"""Whole nodes on real sockets: transactions of any node in blocks of all, with few bytes."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from coordinator.ports import TransactionStatus
from ledger.actions import Custody, RegisterMiner
from ledger.keys import KeyPair
from ledger.params import Parameters
from node.config import P2PSection
from node.metrics import NodeMetrics
from node.network_part import Links, build_links
from node.p2p import NodeIdentity, Role
from tests.node.lone_node import PEER, TAGS, VALIDATOR, LoneNode, id_of
from tests.p2p.meeting import eventually

VALIDATORS = (VALIDATOR, *(KeyPair(bytes([n]) * 32) for n in (21, 22, 23)))
PARAMETERS = Parameters(account_fee=0, epoch_ms=604_800_000)
FOLLOWER = KeyPair(b"\x77" * 32)


@dataclass
class SocketNode(LoneNode):
    """A node with everything, sockets and TLS included."""

    dials: tuple[str, ...] = ()
    """Addresses of peers."""

    def _links(self) -> Links:
        self.metrics = NodeMetrics()
        role = Role.FOLLOWER if self.is_follower else Role.VALIDATOR
        section = P2PSection(listen=("127.0.0.1:0",), peers=self.dials)
        identity = NodeIdentity(self.key, role)
        return build_links(section, identity, TAGS.genesis_digest, self.clock, self.metrics)

    def counted(self, name: str, **labels: str) -> float:
        """Return a metric of gossip, or of the transport."""
        assert self.part is not None
        for registry in (self.part._base.metrics.registry, self.metrics.registry):
            value = registry.get_sample_value(name, labels)
            if value is not None:
                return value
        return 0.0

    @property
    def addresses(self) -> tuple[str, ...]:
        assert self.part is not None
        return self.part.peers.addresses


def node_on(
    folder: Path, number: int, others: Sequence[SocketNode], *, is_follower: bool = False
) -> SocketNode:
    place = folder / f"{number}{'f' * is_follower}"
    place.mkdir(exist_ok=True)
    return SocketNode(
        place,
        PARAMETERS,
        validators=VALIDATORS,
        key=FOLLOWER if is_follower else VALIDATORS[number],
        is_follower=is_follower,
        dials=tuple(address for other in others for address in other.addresses),
    )


@asynccontextmanager
async def running(folder: Path, validators: int = 4) -> AsyncIterator[list[SocketNode]]:
    """Run validators, each dialling those before it; yield once a transfer is final on all."""
    nodes: list[SocketNode] = []
    try:
        for number in range(validators):
            nodes.append(await node_on(folder, number, nodes).__aenter__())
        await final_on(nodes, await given(nodes[0], 1))
        yield nodes
    finally:
        for node in nodes:  # Also those that a test put in the place of others.
            await node.__aexit__(None, None, None)


async def given(node: SocketNode, count: int) -> list[bytes]:
    """Submit transfers of one unit to a node."""
    signed = [node.transfer(1) for _ in range(count)]
    outcomes = await node.chain.submit(signed)
    assert {outcome.status for outcome in outcomes} == {TransactionStatus.POOLED}
    return signed


async def final_on(nodes: Sequence[SocketNode], signed: Sequence[bytes]) -> None:
    for node in nodes:
        for each in signed:
            assert await node.chain.wait_final(id_of(each), 40) is not None, node.driver.status()


async def test_what_any_node_takes_is_final_on_all_and_travels_once(tmp_path: Path) -> None:
    async with running(tmp_path) as nodes:
        follower = node_on(tmp_path, 0, nodes[:2], is_follower=True)
        async with follower:
            everybody = [*nodes, follower]
            batches = await asyncio.gather(*(given(node, 40) for node in everybody))
            signed = [each for batch in batches for each in batch]
            await final_on(everybody, signed)
            for node in everybody:
                assert node.chain.balance(PEER.address) == len(signed) + 1
                assert {await node.chain.status(id_of(each)) for each in signed} == {"final"}
                assert node.counted("aitbc_gossip_dropped_transactions_total") == 0
            rebuilt = [
                node.counted("aitbc_proposals_received_total", result="rebuilt") for node in nodes
            ]
            assert sum(rebuilt) > 0
            again = await nodes[2].chain.submit(signed)
            assert {outcome.status for outcome in again} == {TransactionStatus.DUPLICATE}


async def test_transactions_are_included_while_any_one_validator_is_down(tmp_path: Path) -> None:
    async with running(tmp_path) as nodes:
        for down in (1, 3):
            await nodes[down].__aexit__(None, None, None)
            others = [node for at, node in enumerate(nodes) if at != down]
            batches = [await given(node, 10) for node in others]
            signed = [each for batch in batches for each in batch]
            await final_on(others, signed)
            nodes[down] = await node_on(tmp_path, down, others).__aenter__()
            await final_on([nodes[down]], signed)


async def test_what_another_made_impossible_is_dropped_by_every_node(tmp_path: Path) -> None:
    """Work that no block can contain must not hold leaders to a time (E12)."""
    async with running(tmp_path) as nodes:
        claims = [
            nodes[at].signed(RegisterMiner(f"rig-{at}", bytes(32), 0, 0, Custody.OWN))
            for at in (0, 1)
        ]
        await asyncio.gather(*(nodes[at].chain.submit([claims[at]]) for at in (0, 1)))

        # The pool holds what is in a block until it is final.
        await eventually(
            lambda: (
                not any(
                    node.chain.pool.contains(id_of(claim)) for node in nodes for claim in claims
                )
            )
        )
        results = [[await node.chain.status(id_of(claim)) for claim in claims] for node in nodes]
        assert sorted(results[0]) == [TransactionStatus.FINAL, TransactionStatus.UNKNOWN]
        assert results == [results[0]] * 4
        await final_on(nodes, await given(nodes[2], 1))
