"""Four drivers with real ledgers, stores and journals, joined by links in memory."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from consensus import Certificate, Committee, Vote
from ledger.block import Block
from ledger.codec import encode
from ledger.keys import KeyPair
from ledger.params import Parameters
from ledger.store import ChainStore
from ledger.types import Hash, PublicKey, View
from node.ports import FoundWork
from tests.node.lone_node import PEER, VALIDATOR, LoneNode, StillClock, id_of

VALIDATORS = (VALIDATOR, *(KeyPair(bytes([n]) * 32) for n in (21, 22, 23)))


class Hub:
    """Delivers between the nodes that are up."""

    def __init__(self) -> None:
        self.nodes: dict[int, LoneNode] = {}

    def others(self, member: int) -> list[LoneNode]:
        return [node for number, node in self.nodes.items() if number != member]


class Link:
    """One node's `node.ports.Network`."""

    def __init__(self, hub: Hub, member: int) -> None:
        self._hub = hub
        self._member = member
        self.faults: list[str] = []

    def enter_epoch(self, committee: Committee) -> None:
        """The numbers of members never change here."""

    def broadcast(self, message: Vote | Certificate, block: bytes | None = None) -> None:
        for number in list(self._hub.nodes):
            if number != self._member:
                self._deliver(number, message, block)

    def send(self, member: int, message: Certificate) -> None:
        self._deliver(member, message, None)

    def _deliver(self, member: int, message: Vote | Certificate, block: bytes | None) -> None:
        node = self._hub.nodes.get(member)
        if node is None:
            return
        inbox, sender = node.driver.inbox, self._member
        loop = asyncio.get_running_loop()
        if isinstance(message, Vote):
            loop.call_soon(inbox.deliver_vote, message, sender, block)
        else:
            loop.call_soon(inbox.deliver_certificate, message, sender)

    def fetch_certificates(self, views: Sequence[View], ask: int | None) -> None:
        for number, node in self._hub.nodes.items():
            if number != self._member and ask in (None, number):
                asyncio.get_running_loop().call_soon(
                    node.driver.inbox.deliver_request, tuple(views), self._member
                )

    def fetch_block(self, block_id: Hash) -> None:
        me = self._hub.nodes.get(self._member)
        for node in self._hub.others(self._member):
            above, final = node.tree.get(block_id), node.store.block_by_id(block_id)
            data = above.data if above else None
            if final:
                data = encode(Block(final.header, final.transactions))
            if me and data:
                asyncio.get_running_loop().call_soon(me.driver.inbox.deliver_block, data)
                return

    def share_work(self, leader: PublicKey, found: FoundWork) -> None:
        """Every test submits to all nodes."""

    def report_fault(self, sender: int | None, code: str) -> None:
        self.faults.append(f"{sender}: {code}")


def member_of(hub: Hub, folder: Path, number: int, parameters: Parameters) -> LoneNode:
    place = folder / str(number)
    place.mkdir(exist_ok=True)
    return LoneNode(
        place,
        parameters,
        StillClock(),
        never_voted_in_epoch=0,
        validators=VALIDATORS,
        key=VALIDATORS[number],
        network=Link(hub, number),
    )


async def come_up(hub: Hub, folder: Path, number: int, parameters: Parameters) -> None:
    node = member_of(hub, folder, number, parameters)
    hub.nodes[number] = await node.__aenter__()


async def go_down(hub: Hub, number: int) -> None:
    await hub.nodes.pop(number).__aexit__(None, None, None)


async def finalize_on(hub: Hub, numbers: Sequence[int]) -> None:
    """Submit a transfer to every node, and wait until some of them report it final."""
    signed = hub.nodes[0].transfer(1)
    for node in hub.nodes.values():
        await node.chain.submit([signed])
    for number in numbers:
        assert await hub.nodes[number].chain.wait_final(id_of(signed), 20) is not None


def chain_of(folder: Path, number: int) -> list[Hash]:
    store = ChainStore.open(f"sqlite:///{folder / str(number)}/chain.db")
    try:
        return [block.block_id for block in store.final_blocks(0, 1_000)]
    finally:
        store.close()


async def test_four_validators_make_one_chain_through_changes_of_the_epoch(tmp_path: Path) -> None:
    parameters = Parameters(account_fee=0, epoch_ms=10_000)
    hub = Hub()
    for number in range(4):
        await come_up(hub, tmp_path, number, parameters)
    while hub.nodes[0].driver.status().epoch < 4:
        await finalize_on(hub, range(4))
        for node in hub.nodes.values():
            node.clock.shift_ms += 5_000
    heights = [node.chain.head().height for node in hub.nodes.values()]
    assert not any(node.network.faults for node in hub.nodes.values())
    for number in range(4):
        await go_down(hub, number)
    chains = [chain_of(tmp_path, number) for number in range(4)]
    assert min(map(len, chains)) >= min(heights)
    for chain in chains:
        shortest = min(len(chain), len(chains[0]))
        assert chain[:shortest] == chains[0][:shortest]


async def test_a_validator_that_was_down_catches_up_and_takes_part_again(tmp_path: Path) -> None:
    parameters = Parameters(account_fee=0, epoch_ms=604_800_000)
    hub = Hub()
    for number in range(4):
        await come_up(hub, tmp_path, number, parameters)
    await finalize_on(hub, range(4))
    await go_down(hub, 3)
    for _ in range(5):
        await finalize_on(hub, range(3))
    await come_up(hub, tmp_path, 3, parameters)
    await go_down(hub, 2)  # From here on nothing is final without the one that was down.
    for _ in range(4):
        await finalize_on(hub, (0, 1, 3))
    assert hub.nodes[3].chain.balance(PEER.address) == 10
    for number in (0, 1, 3):
        await go_down(hub, number)
