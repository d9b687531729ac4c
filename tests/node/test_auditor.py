"""The invariant checker beside a node: what it does not agree with is not committed."""

from dataclasses import replace
from pathlib import Path

import pytest

from ledger.codec import encode
from ledger.records import Account, Table, state_key
from node.block_tree import TreeBlock
from node.driver import NodeFatal
from tests.node.lone_node import PEER, LoneNode


async def test_a_node_stops_before_it_commits_a_block_that_makes_money(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = LoneNode(tmp_path)
    assert node.auditor is not None
    check = node.auditor.check

    def check_with_a_fault_of_the_ledger(block: TreeBlock) -> None:
        richer = {state_key(Table.ACCOUNT, PEER.address): encode(Account(8))}
        check(replace(block, delta={**block.delta, **richer}))

    monkeypatch.setattr(node.auditor, "check", check_with_a_fault_of_the_ledger)
    await node.__aenter__()
    await node.chain.submit([node.transfer(7)])
    with pytest.raises(NodeFatal, match="invariant"):
        await node.running
    head = node.store.head()
    node.store.close()
    assert head is not None
    assert head.header.height == 0

    # The journal had finality, and an honest run of the block is committed after all.
    async with LoneNode(tmp_path) as again:
        await again.reach(1)
        assert again.chain.balance(PEER.address) == 7
