"""What a peer says again and again: looked at now and then, and nothing new is lost."""

import asyncio

from consensus import Finalize, Notarize, Vote
from node.p2p import Message, Role, StatusMessage
from node.peering.repetitions import PAUSE_MS, REMEMBERED_MAX, Repetitions
from node.peering.statuses import Statuses
from tests.p2p.meeting import eventually


class Talker:
    """A peer that says where it is."""

    key = b"\x01" * 32
    role = Role.FOLLOWER
    is_outbound = False
    address = "memory:1"

    def send(self, message: Message) -> bool:
        raise AssertionError(message)


def status(height: int) -> StatusMessage:
    return StatusMessage(0, 1, height, bytes(32))


def vote(view: int, signer: int = 1) -> Vote:
    return Vote(Notarize(0, view, 0, b"\x05" * 32), signer, bytes(64))


async def test_of_many_statuses_the_first_and_the_last_are_looked_at() -> None:
    seen: list[int] = []
    statuses, peer = Statuses(lambda _peer, said: seen.append(said.final_height)), Talker()
    for height in range(1_000):
        statuses.came(peer, status(height))
    assert seen == [0]
    await eventually(lambda: len(seen) == 2)
    assert seen == [0, 999]
    await eventually(lambda: peer not in statuses._waiting)
    statuses.came(peer, status(1_000))
    assert seen == [0, 999, 1_000]


async def test_a_flood_of_statuses_is_looked_at_fifty_times_a_second() -> None:
    seen: list[int] = []
    statuses, peer = Statuses(lambda _peer, said: seen.append(said.final_height)), Talker()
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() < began + 0.3:
        statuses.came(peer, status(1))
        await asyncio.sleep(0)
    assert 2 <= len(seen) <= (loop.time() - began) * 50 + 2


async def test_every_peer_has_its_own_pause_and_leaves_nothing_behind() -> None:
    seen: list[object] = []
    statuses = Statuses(lambda peer, _said: seen.append(peer))
    one, other = Talker(), Talker()
    for peer in (one, other, one, other):
        statuses.came(peer, status(1))
    assert seen == [one, other]
    statuses.forget(one)
    await eventually(lambda: len(seen) == 3)
    assert seen == [one, other, other]


def test_the_same_vote_is_new_again_only_after_a_while() -> None:
    repetitions = Repetitions()
    assert repetitions.is_new(vote(1), 0, has_block=False)
    assert not repetitions.is_new(vote(1), PAUSE_MS - 1, has_block=False)
    assert repetitions.is_new(vote(1), PAUSE_MS, has_block=False)
    assert not repetitions.is_new(vote(1), PAUSE_MS + 1, has_block=False)


def test_whatever_differs_from_an_earlier_vote_is_new() -> None:
    repetitions = Repetitions()
    assert repetitions.is_new(vote(1), 0, has_block=False)
    assert repetitions.is_new(vote(1), 0, has_block=True), "the same with its block"
    assert repetitions.is_new(vote(2), 0, has_block=False)
    assert repetitions.is_new(vote(1, signer=2), 0, has_block=False)
    signed_again = Vote(vote(1).statement, 1, b"\x01" * 64)
    assert repetitions.is_new(signed_again, 0, has_block=False)
    finalize = Vote(Finalize(0, 1, 0, b"\x05" * 32), 1, bytes(64))
    assert repetitions.is_new(finalize, 0, has_block=False)


def test_a_member_makes_this_node_remember_no_more_than_a_few_votes() -> None:
    repetitions = Repetitions()
    for view in range(10 * REMEMBERED_MAX):
        assert repetitions.is_new(vote(view), 0, has_block=False)
    assert sum(map(len, repetitions._came_ms.values())) == REMEMBERED_MAX
