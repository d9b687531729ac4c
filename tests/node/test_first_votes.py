"""What members remember of each other's votes, for one that lost its disk (S10)."""

from pathlib import Path

from consensus import Vote
from node.p2p import Role, VoteMessage
from tests.node.lone_node import LoneNode
from tests.node.memory_peers import MemoryHub
from tests.node.test_network import VALIDATORS, member, reported, submitted
from tests.node.test_peering import Caller, handler_of


def shown_to(node: LoneNode, number: int) -> list[Vote]:
    """Return the votes that a node shows a member that connects."""
    peer = Caller(VALIDATORS[number].public_key, Role.VALIDATOR)
    handler_of(node).connected(peer)
    return [message.vote for message in peer.sent if isinstance(message, VoteMessage)]


async def test_members_that_all_restarted_show_a_member_its_earlier_votes(tmp_path: Path) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number) for number in range(4)]
    async with nodes[0], nodes[1], nodes[2], nodes[3]:
        await reported(nodes, await submitted(nodes[0]))
    again = member(MemoryHub(), tmp_path, 0)
    remembered = list(again.driver.engine.remembered_votes())
    others = {vote.signer for vote in remembered} - {0}
    assert len(others) >= 2, "a quorum of three made the transfer final"
    for number in sorted(others):
        votes = shown_to(again, number)
        assert [vote.signer for vote in votes] == [number]
        again.driver.committee.check_vote(votes[0])
        views = [vote.statement.view for vote in remembered if vote.signer == number]
        assert votes[0].statement.view == max(views)
    async with again:
        pass
