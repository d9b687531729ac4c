"""The light client against honest nodes and liars: it believes proofs, names nodes, keeps state."""

import json
import socket
from typing import Any

import pytest

from aitbc.light import (
    FaultKind,
    LightAnswer,
    NodeFault,
    NoProof,
)
from ledger.keys import format_address
from tests.sdk.light_world import World, kinds
from tests.sdk.proving_nodes import Lie
from tests.sdk.scripted_server import Reply, ScriptedServer
from tests.vectors.proof_chain import STRANGER
from tests.vectors.world import CLIENT

NOBODY = "http://127.0.0.1:1"
OWNER = format_address(CLIENT.address)
HASTE_S = 0.5
"""Limit of a question to a node that will not answer."""


# ---------------------------------------------------------------- honest nodes


def test_a_balance_is_proved_with_its_height_and_age(world: World) -> None:
    (server,) = world.serve(world.node())
    client = world.light(server.url)
    answer = client.balance(OWNER)
    account = world.chain.blocks[world.tip].view.state.get(b"\x03" + CLIENT.address)
    assert answer.proof.balance == account.balance
    assert (answer.proof.block.height, answer.url) == (world.tip, server.url)
    assert answer.age_s == pytest.approx(1.0)
    assert (answer.is_fresh, answer.faults) == (True, ())
    nothing = client.balance(format_address(bytes(20)))
    assert (nothing.proof.balance, nothing.proof.is_live) == (0, False)


def test_what_was_verified_is_not_proved_again(world: World) -> None:
    (server,) = world.serve(world.node())
    client = world.light(server.url)
    client.balance(OWNER)
    client.balance(OWNER)
    assert ["since=2" in asked.path for asked in server.asked] == [False, True]
    # A node may start with the genesis all the same.
    forgetful = world.node()
    forgetful.keeps_since = False
    (other,) = world.serve(forgetful)
    assert world.light(other.url).balance(OWNER).is_fresh


def test_old_receipts_and_new_ones_are_proved(world: World) -> None:
    (server,) = world.serve(world.node())
    client = world.light(server.url)
    client.newest()
    for receipt_id, height in world.receipts.items():
        answer = client.receipt(receipt_id)
        assert answer.proof.receipt.receipt_id == receipt_id
        assert answer.proof.block.height == height
        assert answer.is_fresh
    assert client.head is not None
    assert client.head.height == world.tip, "an older block does not move the head back"


def test_it_follows_over_the_ends_of_epochs(world: World) -> None:
    ends = world.chain.ends()
    node = world.node(tip=ends[0] - 1)
    (server,) = world.serve(node)
    client = world.light(server.url, max_age_s=1_000)
    heights = []
    tips = iter([ends[0] - 1, ends[0], ends[0] + 1, ends[1], ends[1] + 1, world.tip])

    def next_tip(_seconds: float) -> None:
        node.tip = next(tips, world.tip)

    for event in client.follow(pause=next_tip):
        assert isinstance(event, LightAnswer)
        block = event.proof.block
        heights.append(block.height)
        assert block.block_id == world.chain.blocks[block.height].view.block_id
        if block.height == world.tip:
            assert len(block.validators.members) == 6
            break
    assert heights == [ends[0] - 1, ends[0], ends[0] + 1, ends[1], ends[1] + 1, world.tip]


def test_a_chain_of_sets_that_is_too_long_for_a_bundle_is_walked_in_stages(world: World) -> None:
    node = world.node()
    node.boundaries_max = 1
    (server,) = world.serve(node)
    answer = world.light(server.url).balance(OWNER)
    assert answer.proof.block.height == world.tip
    assert queries(server) == ["", "epoch=1", "since=1"]


def test_a_node_that_does_not_say_how_far_a_bundle_leads_is_asked_for_nearer_epochs(
    world: World,
) -> None:
    node = world.node()
    node.boundaries_max, node.says_reach = 1, False
    (server,) = world.serve(node)
    assert world.light(server.url).balance(OWNER).proof.block.height == world.tip
    tried = [f"epoch={1_024 >> step}" for step in range(11)]
    assert queries(server) == ["", *tried, "since=1"]


@pytest.mark.parametrize("reachable", [0, -5, 1.5, "1", None, True, 2**63])
def test_what_a_node_says_of_how_far_a_bundle_leads_is_not_trusted(
    world: World, reachable: object
) -> None:
    node = world.node()
    error = {"error_code": "PROOF_TOO_LONG", "detail": "walk", "reachable_epoch": reachable}
    node.reply = Reply(400, error)
    misleading, honest = world.serve(node, world.node())
    answer = world.light(misleading.url, honest.url).balance(OWNER)
    assert (answer.url, answer.is_fresh) == (honest.url, True)
    is_lie = reachable in (0, -5) and reachable is not False
    assert kinds(answer.faults) == [FaultKind.LIES if is_lie else FaultKind.REFUSES]
    assert len(misleading.asked) <= 13


def queries(server: ScriptedServer) -> list[str]:
    """Return what follows the paths of the questions."""
    return [asked.path.partition("?")[2] for asked in server.asked]


def test_a_node_that_leads_nowhere_in_stages_is_left(world: World) -> None:
    node = world.node(tip=world.chain.ends()[0])
    node.boundaries_max = -1
    (server,) = world.serve(node)
    with pytest.raises(NoProof):
        world.light(server.url).balance(OWNER)


# ---------------------------------------------------------------- nodes of no use


def flip(*way: str | int) -> Lie:
    """Return a lie: the last digit of one text is another one."""

    def lie(bundle: Any) -> None:
        *ways, last = way
        for part in ways:
            bundle = bundle[part]
        text = bundle[last]
        bundle[last] = text[:-1] + ("0" if text[-1] != "0" else "1")

    return lie


@pytest.mark.parametrize(
    ("lie", "step"),
    [
        (flip("account", "record"), "state: STATE_MISMATCH"),
        (flip("account", "siblings", 0), "state: STATE_MISMATCH"),
        (flip("finality", "certificate"), "certificate: SIGNATURE_INVALID"),
        (flip("finality", "headers", 0), "certificate: CERTIFICATE_OTHER_BLOCK"),
        (flip("boundaries", 0, "next_set"), "boundaries"),
        (flip("genesis", "digest"), "genesis: GENESIS_OTHER"),
        (flip("account", "address"), "state"),
        (lambda bundle: bundle.pop("finality"), "document: DOCUMENT_MALFORMED"),
    ],
)
def test_a_node_that_lies_is_named_and_another_one_is_used(
    world: World, lie: Lie, step: str
) -> None:
    liar = world.node()
    liar.lie = lie
    lying, honest = world.serve(liar, world.node())
    client = world.light(lying.url, honest.url)
    answer = client.balance(OWNER)
    assert (answer.url, answer.is_fresh) == (honest.url, True)
    (fault,) = answer.faults
    assert (fault.url, fault.kind) == (lying.url, FaultKind.LIES)
    assert step in fault.detail
    # From now on the honest one is asked first.
    assert client.balance(OWNER).faults == ()


def test_a_proof_of_another_account_or_kind_is_a_lie(world: World) -> None:
    def other_account(bundle: dict[str, Any]) -> None:
        bundle["account"] = json.loads(
            world.node()._document("account", [format_address(STRANGER)], None) or b""
        )["account"]

    liar = world.node()
    liar.lie = other_account
    swapped = world.node()
    swapped.reply = Reply(200, world.node()._document("validators", [], None) or b"")
    servers = world.serve(liar, swapped)
    with pytest.raises(NoProof) as refusal:
        world.light(*(server.url for server in servers)).balance(OWNER)
    assert kinds(refusal.value.faults) == [FaultKind.LIES, FaultKind.LIES]


def test_another_receipt_than_the_asked_one_is_a_lie(world: World) -> None:
    first, second = world.receipts
    liar = world.node()
    liar.receipts = {first: world.receipts[second]}
    (server,) = world.serve(liar)
    with pytest.raises(NoProof, match="instead"):
        world.light(server.url).receipt(first)


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, b"<html>"), FaultKind.LIES),
        (Reply(404, {"error_code": "RECEIPT_NOT_FOUND"}), FaultKind.REFUSES),
        (Reply(500), FaultKind.REFUSES),
        (Reply(hangs_up=True), FaultKind.UNREACHABLE),
        (Reply(302, headers={"Location": "http://127.0.0.1:1/"}), FaultKind.REFUSES),
    ],
)
def test_a_node_without_a_proof_is_named_for_what_it_did(
    world: World, reply: Reply, kind: FaultKind
) -> None:
    useless = world.node()
    useless.reply = reply
    failing, honest = world.serve(useless, world.node())
    answer = world.light(failing.url, NOBODY, honest.url).newest()
    assert answer.url == honest.url
    assert kinds(answer.faults) == [kind, FaultKind.UNREACHABLE]
    with pytest.raises(NoProof, match="no node proves"):
        world.light(failing.url).newest()


def test_a_node_that_does_not_answer_in_time_stalls(world: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # Connections wait there for ever.
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(NoProof) as refusal:
            world.light(url, timeout_s=HASTE_S).newest()
    assert kinds(refusal.value.faults) == [FaultKind.STALLS]


def test_a_node_whose_newest_block_is_old_stalls_and_what_it_proves_is_told_as_old(
    world: World,
) -> None:
    stale, fresh = world.serve(world.node(tip=world.tip - 3), world.node())
    client = world.light(stale.url, fresh.url, max_age_s=1.2)
    answer = client.balance(OWNER)
    assert (answer.url, answer.is_fresh, kinds(answer.faults)) == (
        fresh.url,
        True,
        [FaultKind.STALLS],
    )
    alone = world.light(stale.url, max_age_s=1.2).balance(OWNER)
    assert (alone.is_fresh, alone.proof.block.height) == (False, world.tip - 3)
    assert alone.age_s > 1.2


def test_a_node_that_shows_an_older_state_than_was_verified_is_named(world: World) -> None:
    node = world.node()
    (server,) = world.serve(node)
    client = world.light(server.url)
    client.balance(OWNER)
    node.tip -= 2
    answer = client.balance(OWNER)
    assert (answer.is_fresh, kinds(answer.faults)) == (False, [FaultKind.OLDER])
    assert f"block {world.tip} was verified before" in answer.faults[0].detail


def test_each_node_is_seen_where_it_is(world: World) -> None:
    servers = world.serve(world.node(), world.node(tip=world.tip - 5))
    client = world.light(servers[0].url, servers[1].url, NOBODY, max_age_s=1.2)
    first, second, third = client.sightings()
    assert (first.head, first.fault) == (client.head, None)
    assert second.head is not None
    assert second.fault is not None
    assert (second.head.height, second.fault.kind) == (world.tip - 5, FaultKind.OLDER)
    assert third.head is None
    assert third.fault is not None
    assert third.fault.kind == FaultKind.UNREACHABLE


def test_following_tells_each_fault_once_and_goes_on_with_another_node(world: World) -> None:
    node, other = world.node(tip=world.tip - 2), world.node()
    servers = world.serve(node, other)
    client = world.light(*(server.url for server in servers), max_age_s=1_000)
    pauses = 0

    def worse(_seconds: float) -> None:
        nonlocal pauses
        pauses += 1
        if pauses == 1:
            node.reply = Reply(hangs_up=True)
            other.reply = Reply(200, b"{}")
        if pauses == 3:
            other.reply = None

    seen = []
    for event in client.follow(pause=worse):
        seen.append(event)
        if len(seen) == 4:
            break
    first, *faults, last = seen
    assert isinstance(first, LightAnswer)
    assert {(fault.url, fault.kind) for fault in faults if isinstance(fault, NodeFault)} == {
        (servers[0].url, FaultKind.UNREACHABLE),
        (servers[1].url, FaultKind.LIES),
    }
    assert isinstance(last, LightAnswer)
    assert (last.proof.block.height, last.url, pauses) == (world.tip, servers[1].url, 3)
