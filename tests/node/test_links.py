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
    assert not links.owes_blocks(peer)
    asked = [number.to_bytes(32, "big") for number in range(10 * OWED_MAX)]
    for block_id in asked:
        links.fetch_block(block_id)
    assert not links.settle_block(peer, b"\xff" * 32), "nobody asked for it"
    assert [each for each in asked if links.settle_block(peer, each)] == asked[-OWED_MAX:]
    assert not links.owes_blocks(peer), "an answer is owed once"
