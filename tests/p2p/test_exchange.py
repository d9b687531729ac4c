"""Validators find each other by the addresses that peers pass on."""

from node.p2p import Role
from tests.p2p.conftest import StartNode
from tests.p2p.meeting import Node, eventually, key_pair, make_node


async def free_address() -> str:
    """Return an address that nobody listens at."""
    probe = make_node(99)
    await probe.network.start()
    address = probe.address
    await probe.network.stop()
    return address


async def start_validators(start: StartNode, count: int) -> list[Node]:
    """Start validators that know the first one's address only."""
    keys = frozenset(key_pair(number).public_key for number in range(1, count + 1))
    nodes: list[Node] = []
    for number in range(1, count + 1):
        address = await free_address()
        peers = [nodes[0].address] if nodes else []
        node = await start(
            number, role=Role.VALIDATOR, listen=(address,), advertise=address, peers=peers
        )
        node.network.set_validators(keys)
        nodes.append(node)
    return nodes


async def test_validators_that_know_one_of_them_find_all_and_keep_one_connection_each(
    start: StartNode,
):
    nodes = await start_validators(start, 4)
    await eventually(
        lambda: all(node.sees(*(other for other in nodes if other is not node)) for node in nodes)
    )
    assert all(peer.role is Role.VALIDATOR for node in nodes for peer in node.network.peers())


async def test_a_validator_that_moved_is_found_at_its_new_address(start: StartNode):
    first, second, third = await start_validators(start, 3)
    await eventually(lambda: second.sees(first, third) and third.sees(first, second))
    await third.network.stop()
    address = await free_address()
    moved = await start(
        3, role=Role.VALIDATOR, listen=(address,), advertise=address, peers=[first.address]
    )
    moved.network.set_validators(frozenset({first.key, second.key, third.key}))
    await eventually(lambda: second.sees(first, moved) and moved.sees(first, second))


async def test_a_follower_learns_where_validators_are(start: StartNode):
    validators = await start_validators(start, 3)
    follower = await start(9, listen=(), peers=[validators[0].address])
    follower.network.set_validators(frozenset(node.key for node in validators))
    await eventually(lambda: follower.sees(*validators))


async def test_records_of_others_than_validators_are_neither_kept_nor_dialled(start: StartNode):
    first, second = await start_validators(start, 2)
    outsider = await start(
        8,
        role=Role.VALIDATOR,
        advertise="127.0.0.1:9",
        peers=[first.address],
    )
    await eventually(lambda: first.sees(second, outsider))
    received = {"direction": "received", "kind": "peer_records"}
    await eventually(lambda: first.measured("aitbc_p2p_frames_total", **received) >= 2)
    assert all(place.key != outsider.key for place in first.network._exchange.places())
    assert first.peer(outsider).role is Role.FOLLOWER
