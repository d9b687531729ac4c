"""What members say of the next epoch before a node is in it: bounded for each, replayed in full."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from consensus import Committee, Nullify
from ledger.steps import at_once
from ledger.types import View
from node.inbox import Inbox
from node.p2p import CertificatesRequest, VoteMessage
from node.peering.peering import EARLY_MAX
from tests.node.lone_node import TAGS, LoneNode
from tests.node.memory_peers import MemoryHub, MemoryPeers
from tests.node.test_network import VALIDATORS, member
from tests.node.test_peering import STRANGER, caller, handler_of, vote_of


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[LoneNode]:
    node = member(MemoryHub(), tmp_path, 0)
    yield node
    node.driver.stop()
    await node.driver.run()
    node.store.close()


def enter(node: LoneNode, epoch: int) -> None:
    committee = Committee(TAGS, epoch, tuple(key.public_key for key in VALIDATORS))
    node.driver._network.enter_epoch(committee)
    node.driver.inbox.open_epoch(committee, node.driver._engine.core)


async def replayed(node: LoneNode) -> None:
    """Wait until everything that was kept is handled."""
    tasks = handler_of(node)._replaying
    await asyncio.gather(*tasks)


async def test_a_member_that_says_much_too_early_displaces_its_own_messages_only(
    node: LoneNode,
) -> None:
    handler = handler_of(node)
    await handler.received(caller(node, 1), VoteMessage(vote_of(1, Nullify(1, 1))))
    loud = caller(node, 2)
    for _ in range(10 * EARLY_MAX):
        await handler.received(loud, CertificatesRequest(1, (1,)))
    enter(node, 1)
    await replayed(node)
    assert len(node.driver.inbox) == 1 + EARLY_MAX


class FailingInbox(Inbox):
    """An inbox that fails on questions."""

    def deliver_request(self, views: Sequence[View], sender: int) -> None:
        raise RuntimeError("a defect of this program")


async def test_a_message_on_which_the_program_fails_does_not_end_the_replay(node: LoneNode) -> None:
    handler = handler_of(node)
    failing = FailingInbox(node.tree, node.clock)
    handler.attach(replace(handler._parts, inbox=failing))
    await handler.received(caller(node, 2), CertificatesRequest(1, (1,)))
    await handler.received(caller(node, 1), VoteMessage(vote_of(1, Nullify(1, 1))))
    enter(node, 1)
    failing.open_epoch(node.driver._network.committee, node.driver._engine.core)  # type: ignore[attr-defined]
    with capture_logs() as logs:
        await replayed(node)
    assert [each["event"] for each in logs] == ["early_message_failed"]
    assert len(failing) == 1


async def test_a_replay_that_another_epoch_interrupts_is_kept_until_it_ends(node: LoneNode) -> None:
    handler = handler_of(node)
    for epoch in (1, 2):
        await handler.received(caller(node, 1), VoteMessage(vote_of(1, Nullify(epoch, 1))))
        enter(node, epoch)
    assert len(handler._replaying) == 2
    await replayed(node)
    assert not handler._replaying


async def test_members_of_the_next_epoch_are_known_once_the_block_that_ends_this_one_is_executed(
    tmp_path: Path,
) -> None:
    node = member(MemoryHub(), tmp_path, 0)
    assert node.part is not None
    transport, parent = node.part.peers, node.tree.final_view
    assert isinstance(transport, MemoryPeers)
    first = transport.validators
    now_ms = parent.header.timestamp_ms + parent.parameters.epoch_ms
    built, _ = at_once(node.tree.build(parent.block_id, 1, VALIDATORS[1].public_key, now_ms, []))
    assert built.view.ends_epoch
    links = handler_of(node)._parts.links
    assert links.next_members() == frozenset()
    node.tree.set_head(built.view.block_id)
    assert links.next_members() == first
    links.next_members = lambda: frozenset({STRANGER.public_key})
    await handler_of(node).received(caller(node, None), CertificatesRequest(1, (1,)))
    assert transport.validators == first | {STRANGER.public_key}
    enter(node, 1)
    assert transport.validators == first
    async with node:
        pass
