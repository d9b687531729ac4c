"""What ballots do to a running node: voted in, voted out, and rules that it does not know."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ledger.actions import CastVote
from ledger.errors import ProtocolVersionUnknown
from ledger.keys import KeyPair
from ledger.motions import (
    AddAuthority,
    Motion,
    RemoveAuthority,
    SetProtocolVersion,
    prove_possession,
)
from node.driver import NodeFatal
from tests.node.lone_node import TAGS, VALIDATOR, LoneNode, StillClock, id_of
from tests.node.memory_peers import MemoryHub
from tests.node.test_network import SHORT, VALIDATORS, member, reported, signing, submitted

FIFTH = KeyPair(b"\x55" * 32)
PAYOUT = b"\x0a" * 20


def candidate(hub: MemoryHub, folder: Path) -> LoneNode:
    place = folder / "fifth"
    place.mkdir(exist_ok=True)
    return LoneNode(place, SHORT, StillClock(), validators=VALIDATORS, key=FIFTH, hub=hub)


async def decide(nodes: list[LoneNode], motion: Motion) -> None:
    """Have a quorum of the first validators pass a ballot."""
    opening = nodes[0].signed(CastVote(None, motion, support=True), VALIDATORS[0])
    await nodes[0].chain.submit([opening])
    await reported(nodes, opening)
    for number in (1, 2, 3):
        vote = nodes[number].signed(
            CastVote(id_of(opening), None, support=True), VALIDATORS[number]
        )
        await nodes[number].chain.submit([vote])
        if number < 3:  # The ballot may be closed by then.
            await reported(nodes, vote)


async def next_epoch(nodes: list[LoneNode]) -> None:
    """Let an epoch's time pass, until every node is in the next."""
    epoch = max(node.driver.status().epoch for node in nodes)
    while any(node.driver.status().epoch <= epoch for node in nodes):
        for node in nodes:
            node.clock.shift_ms += 2_500
        await reported(nodes, await submitted(nodes[0]))


async def test_a_key_that_is_voted_in_signs_and_one_that_is_voted_out_follows(
    tmp_path: Path,
) -> None:
    hub = MemoryHub()
    nodes = [member(hub, tmp_path, number, SHORT) for number in range(4)]
    fifth = candidate(hub, tmp_path)
    async with AsyncExitStack() as running:
        for node in (*nodes, fifth):
            await running.enter_async_context(node)
        await reported([*nodes, fifth], await submitted(fifth))
        assert (fifth.driver.status().signs, fifth.driver.status().silent_because) == (False, "")
        proof = prove_possession(TAGS, FIFTH, "fifth", PAYOUT)
        await decide(nodes, AddAuthority(FIFTH.public_key, "fifth", PAYOUT, proof))
        await next_epoch([*nodes, fifth])
        assert fifth.driver.status().validators == 5
        await signing(fifth)
        assert fifth.watch.report().is_member

        everybody = [*nodes, fifth]
        await decide(everybody, RemoveAuthority(VALIDATORS[0].public_key))
        await next_epoch(everybody)
        gone = nodes[0].driver.status()
        assert (gone.validators, gone.signs, gone.silent_because) == (4, False, "")
        signed = await submitted(nodes[0])
        await reported(everybody, signed)
        proposers = {block.header.proposer for block in await fifth.chain.blocks_after(0, 1_000)}
        assert FIFTH.public_key in proposers


async def test_a_node_stops_before_rules_that_it_does_not_know_and_keeps_what_it_has(
    tmp_path: Path,
) -> None:
    node = LoneNode(tmp_path, SHORT, StillClock())
    running = asyncio.create_task(node.driver.run())
    await node.finalize(node.signed(CastVote(None, SetProtocolVersion(2), support=True), VALIDATOR))
    node.clock.shift_ms += SHORT.epoch_ms
    await node.finalize(node.transfer(3))
    with pytest.raises(NodeFatal, match="protocol version 2"):
        await running
    assert node.tree.final_view.ends_epoch
    node.store.close()
    with pytest.raises(ProtocolVersionUnknown):
        LoneNode(tmp_path, SHORT, clock=node.clock)
