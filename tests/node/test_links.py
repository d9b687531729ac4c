"""What members owe a node: answers to questions, and no more."""

from ledger.keys import KeyPair
from node.p2p import NodeIdentity, Peer, Role
from node.peering import MemberLinks, Peering
from node.peering.links import OWED_MAX
from tests.node.memory_peers import MemoryHub, MemoryPeers, Wire
from tests.node.pooled_chain import ManualClock


def test_questions_that_are_never_answered_do_not_add_up() -> None:
    own, other = (
        MemoryPeers(MemoryHub(), NodeIdentity(KeyPair(bytes([n]) * 32), Role.FOLLOWER), Peering())
        for n in (1, 2)
    )
    peer: Peer = Wire(own, other)
    own.wires[peer.key] = Wire(own, other)
    links = MemberLinks(own, ManualClock())
    assert not links.owes_block(peer)
    for number in range(10 * OWED_MAX):
        links.fetch_block(number.to_bytes(32, "big"))
    assert [links.owes_block(peer) for _ in range(OWED_MAX + 1)] == [True] * OWED_MAX + [False]
