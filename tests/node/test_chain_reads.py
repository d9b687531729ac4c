"""What the coordinator reads of a running chain."""

import asyncio
from pathlib import Path

from coordinator.ports import TransactionStatus
from ledger.actions import Custody, RegisterMiner, SubmitJob, Verification
from ledger.admission import decode_transaction
from ledger.params import TIMESTAMP_DRIFT_MS
from ledger.steps import at_once
from ledger.transaction import identify
from node.block_tree import TreeBlock
from node.chain import ChainNode, Work
from node.newest_blocks import KEPT_BLOCKS_MAX, KEPT_TRANSACTIONS_MAX, NewestBlocks
from node.references import reference_of
from tests.node.lone_node import CHAIN_ID, COORDINATOR, PEER, RICH, RICHES, TAGS, LoneNode, id_of


async def test_the_chain_says_which_it_is_and_its_parameters(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node:
        assert node.chain.chain_id == CHAIN_ID
        assert node.chain.tags is TAGS or node.chain.tags.genesis_digest == TAGS.genesis_digest
        assert node.chain.parameters() == node.parameters


async def test_pooled_spends_lower_what_is_spendable_until_they_are_final(tmp_path: Path) -> None:
    node = LoneNode(tmp_path)
    signed = node.transfer(5)
    (outcome,) = await node.chain.submit([signed])
    assert await node.chain.status(outcome.transaction_id) is TransactionStatus.POOLED
    spent = RICHES - node.chain.spendable(RICH.address)
    assert spent > 5
    assert node.chain.balance(RICH.address) == RICHES
    async with node:
        await node.chain.wait_final(outcome.transaction_id, 10)
        assert node.chain.spendable(RICH.address) == node.chain.balance(RICH.address)
        assert node.chain.spendable(PEER.address) == 5


async def test_a_miner_is_found_by_its_name_without_regard_to_case(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node:
        register = RegisterMiner(
            name="Rig-7",
            capabilities_digest=bytes(32),
            price_floor=0,
            bond=0,
            custody=Custody.OWN,
        )
        await node.finalize(node.signed(register))
        assert node.chain.miner_address("rIG-7") == RICH.address
        assert node.chain.miner_address("rig-8") is None
        assert node.chain.miner_address("rïg-7") is None
        miner = node.chain.miner(RICH.address)
        assert miner is not None
        assert miner.name == "Rig-7"
        assert node.chain.miner(PEER.address) is None
        assert node.chain.job(bytes(32)) is None


async def test_a_transaction_is_included_while_its_block_is_not_final(tmp_path: Path) -> None:
    node = LoneNode(tmp_path)
    signed = node.transfer()
    await node.chain.submit([signed])
    root = node.tree.final_view.block_id
    proposer = node.key.public_key
    candidates = node.chain.pool.candidates(10, ())
    block, _ = at_once(node.tree.build(root, 1, proposer, node.clock.wall_ms(), candidates))
    node.tree.set_head(block.view.block_id)
    assert await node.chain.status(id_of(signed)) is TransactionStatus.INCLUDED
    now_ms = node.clock.wall_ms()
    work = node.chain.work_at(root, now_ms, leading=True)
    assert work is not None
    assert work.due_ms == now_ms
    assert work.found.reference == reference_of(signed)
    assert node.chain.work_at(block.view.block_id, now_ms, leading=True) is None
    async with node:
        pass


async def test_everybody_who_waits_for_a_transaction_is_told(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node:
        signed = node.transfer()
        waiting = [asyncio.create_task(node.chain.wait_final(id_of(signed), 10)) for _ in range(5)]
        gone = asyncio.create_task(node.chain.wait_final(id_of(signed), 10))
        await asyncio.sleep(0)
        gone.cancel()
        height = await node.finalize(signed)
        assert await asyncio.gather(*waiting) == [height] * 5


async def test_due_work_is_others_only_after_the_clocks_may_have_differed(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node:
        start_by_ms = node.clock.wall_ms() + 60_000
        job = SubmitJob(
            coordinator=COORDINATOR.address,
            service="llm_inference",
            payload_digest=bytes(32),
            max_price=1_000,
            start_by_ms=start_by_ms,
            deadline_ms=start_by_ms,
            dispute_ms=0,
            streamed=False,
            verification=Verification.NONE,
        )
        await node.finalize(node.signed(job))
        final = node.tree.final_view.block_id
        leaders = node.chain.work_at(final, 0, leading=True)
        others = node.chain.work_at(final, 0, leading=False)
        assert leaders == Work(-(-start_by_ms // 1_000) * 1_000 + 1)
        assert others == Work(leaders.due_ms + TIMESTAMP_DRIFT_MS)
        assert node.chain.work_at(bytes(32), 0, leading=True) is None


async def test_followers_get_the_same_blocks_from_memory_and_from_the_store(tmp_path: Path) -> None:
    async with LoneNode(tmp_path) as node:
        for count in (1, 3, 2):
            signed = [node.transfer() for _ in range(count)]
            for outcome in await node.chain.submit(signed):
                await node.chain.wait_final(outcome.transaction_id, 10)
        head = node.chain.head().height
        # Without what is kept in memory.
        reading = ChainNode(node.tree, node.chain.pool, node.store, lambda _ids: {})
        stored = await reading.blocks_after(0, 1_000)
        assert [block.header.height for block in stored] == list(range(1, head + 1))
        for height in range(head + 2):
            for limit in (0, 1, 2, 1_000):
                given = await node.chain.blocks_after(height, limit)
                assert list(given) == list(stored[height : height + limit])


async def test_few_blocks_and_transactions_are_kept_in_memory(tmp_path: Path) -> None:
    node, newest = LoneNode(tmp_path), NewestBlocks()

    def grow(*signed: bytes) -> TreeBlock:
        head, proposer = node.tree.head_view, node.key.public_key
        body = [identify(head.tags, decode_transaction(each)) for each in signed]
        view = head.header.view + 1
        steps = node.tree.build(head.block_id, view, proposer, node.clock.wall_ms(), body)
        block = at_once(steps)[0]
        node.tree.set_head(block.view.block_id)
        newest.add(block)
        return block

    assert newest.after(0, 10) == ()
    for _ in range(KEPT_BLOCKS_MAX + 3):
        grow()
    assert newest.after(2, 10) == ()
    kept = newest.after(3, 1_000)
    assert [block.header.height for block in kept] == list(range(4, KEPT_BLOCKS_MAX + 4))
    full = grow(*[node.transfer() for _ in range(KEPT_TRANSACTIONS_MAX)]).view.header.height
    assert [block.header.height for block in newest.after(full - 1, 10)] == [full]
    grow(node.transfer())
    assert newest.after(full - 1, 10) == ()
    assert [block.header.height for block in newest.after(full, 10)] == [full + 1]
    grow(*[node.transfer() for _ in range(KEPT_TRANSACTIONS_MAX + 1)])
    assert newest.after(full + 1, 10) == ()
    async with node:
        pass


async def test_a_block_that_is_durable_and_not_published_is_given_to_nobody(tmp_path: Path) -> None:
    """K1: whoever follows blocks reads the final state beside them, and is never ahead of it."""
    node = LoneNode(tmp_path)
    made: list[TreeBlock] = []
    for number in (1, 2):
        parent, proposer = node.tree.head_view.block_id, node.key.public_key
        steps = node.tree.build(parent, number, proposer, node.clock.wall_ms(), [])
        made.append(at_once(steps)[0])
        node.tree.set_head(made[-1].view.block_id)
    for at in made:
        node.store.commit(at.view.block_id, at.block, b"", at.outcomes, at.delta)
    heights: list[list[int]] = []
    for block in made:
        heights.append([at.header.height for at in await node.chain.blocks_after(0, 10)])
        at_once(node.chain.publish(block))
    heights.append([at.header.height for at in await node.chain.blocks_after(0, 10)])
    assert heights == [[], [1], [1, 2]]
    assert await node.chain.blocks_after(2, 10) == ()
    assert await node.chain.blocks_after(7, 10) == ()
    async with node:
        pass
