"""A node of one validator: finality, restarts, and what stops it."""

from pathlib import Path

from coordinator.ports import TransactionStatus
from ledger.params import Parameters
from tests.node.lone_node import PEER, LoneNode, id_of


async def test_a_transaction_is_final_in_the_block_that_follows_it(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node:
        signed = node.transfer(7)
        assert await node.finalize(signed) == 1
        assert node.chain.balance(PEER.address) == 7
        assert node.chain.status(id_of(signed)) is TransactionStatus.FINAL
        head = node.store.head()
        assert head is not None
        assert head.block_id == node.chain.head().block_id
