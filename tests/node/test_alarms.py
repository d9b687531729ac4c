"""When the driver hears of work, and the leader before it (E12, S3)."""

import asyncio
from pathlib import Path

from consensus import AwaitWork, BlockRef, Event, WorkPending
from ledger.steps import at_once
from ledger.types import View
from node.alarms import Alarms
from node.ports import FoundWork
from node.references import reference_of
from tests.node.lone_node import START_MS, VALIDATOR, LoneNode


class Ears:
    """An alarm on a node that does not run, and all that it says, in order."""

    def __init__(self, node: LoneNode) -> None:
        self.said: list[object] = []
        self.parent = BlockRef(0, node.tree.final_view.block_id)
        self.alarms = Alarms(node.chain, node.clock, self._post, self._share)
        self.alarms.listen()

    def _post(self, event: Event) -> None:
        self.said.append((WorkPending, event.view) if isinstance(event, WorkPending) else event)

    def _share(self, view: View, found: FoundWork) -> None:
        self.said.append((view, found.reference))

    def wait(self, view: View, *, leading: bool) -> None:
        self.alarms.await_work(AwaitWork(view, self.parent, leading))


async def test_the_leader_is_told_of_a_transaction_before_its_time_runs(tmp_path: Path) -> None:
    node = LoneNode(tmp_path)
    ears = Ears(node)
    ears.wait(3, leading=False)
    assert not ears.said
    signed = node.transfer()
    await node.chain.submit([signed])
    assert ears.said == [(3, reference_of(signed)), (WorkPending, 3)]
    ears.wait(4, leading=False)
    assert ears.said[2:] == [(4, reference_of(signed)), (WorkPending, 4)]
    async with node:
        pass


async def test_a_leader_tells_nobody_of_its_own_work(tmp_path: Path) -> None:
    node = LoneNode(tmp_path)
    ears = Ears(node)
    await node.chain.submit([node.transfer()])
    ears.wait(3, leading=True)
    assert ears.said == [(WorkPending, 3)]
    async with node:
        pass


async def test_a_view_hears_of_work_once_and_a_cancelled_alarm_is_silent(tmp_path: Path) -> None:
    node = LoneNode(tmp_path)
    ears = Ears(node)
    ears.wait(3, leading=True)
    ears.alarms.cancel()
    await node.chain.submit([node.transfer()])
    assert not ears.said
    ears.wait(3, leading=True)
    await node.chain.submit([node.transfer()])
    await asyncio.sleep(0)
    assert ears.said == [(WorkPending, 3)]
    async with node:
        pass


async def test_a_parent_that_is_executed_after_it_is_final_is_looked_at_again(
    tmp_path: Path,
) -> None:
    for name in ("ahead", "behind"):
        (tmp_path / name).mkdir()
    ahead, behind = LoneNode(tmp_path / "ahead"), LoneNode(tmp_path / "behind")
    final = ahead.tree.final_view
    built, _ = at_once(ahead.tree.build(final.block_id, 1, VALIDATOR.public_key, START_MS + 1, []))
    ears = Ears(behind)
    ears.parent = BlockRef(1, built.view.block_id)
    signed = behind.transfer()
    await behind.chain.submit([signed])
    ears.wait(2, leading=True)
    assert not ears.said
    behind.tree.offer(built.data)
    at_once(behind.tree.certify(ears.parent, behind.chain.pool.is_verified))
    (block,) = behind.tree.path_to(built.view.block_id)
    at_once(behind.chain.publish(block))
    assert ears.said == [(WorkPending, 2)]
    for node in (ahead, behind):
        node.driver.stop()
        await node.driver.run()
        node.store.close()
