"""Large blocks and floods of transactions leave the event loop to others in between."""

import asyncio
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import msgpack
import pytest

from consensus import BlockBuilt, BlockRef, Committee, Event, Notarize, Propose, Verdict, Verify
from consensus import Verified as Judged
from ledger.actions import Transfer
from ledger.fees import with_least_fee
from ledger.keys import KeyPair
from ledger.params import Parameters
from ledger.steps import UNITS_PER_STEP, Steps
from ledger.transaction import IdentifiedTransaction, Transaction, identify, sign
from node.application import Application
from node.block_tree import BlockTree
from node.pacing import paced
from node.ports import NoPeers
from tests.node.lone_node import CHAIN_ID, RICH, TAGS, VALIDATOR, StillClock, genesis
from tests.processes import NodeFolder, start_node
from tests.wallets import Wallet, chain_time_ms

PARAMETERS = Parameters(account_fee=0, epoch_ms=2**40)
BODY_SIZE = 1_500
LAG_COUNT = "aitbc_event_loop_lag_seconds_count "
CLOCK = StillClock()


class Ticker:
    """Counts the turns that others on the loop have while something is awaited."""

    def __init__(self) -> None:
        self.turns = 0

    async def while_awaiting(self, work: Any) -> Any:
        task = asyncio.ensure_future(work)
        while not task.done():
            self.turns += 1
            await asyncio.sleep(0)
        return await task


async def test_long_work_is_interrupted_after_few_units_and_short_work_is_not() -> None:
    def steps(units: int, count: int) -> Steps[str]:
        for _ in range(count):
            yield units
        return "done"

    ticker = Ticker()
    assert await ticker.while_awaiting(paced(steps(UNITS_PER_STEP // 4, 400))) == "done"
    assert ticker.turns >= 100
    short = paced(steps(1, UNITS_PER_STEP - 1))
    with pytest.raises(StopIteration, match="done"):
        short.send(None)


class Offering:
    """A pool that offers one body, and has verified all of it."""

    def __init__(self, body: list[IdentifiedTransaction]) -> None:
        self.body = body

    def candidates(self, limit: int, excluded: Collection[bytes]) -> list[IdentifiedTransaction]:
        return self.body[:limit]

    def doubt(self, refused: list[bytes]) -> None:
        assert not refused

    def is_verified(self, signed: IdentifiedTransaction) -> bool:
        return True


class Chain:
    def __init__(self, body: list[IdentifiedTransaction]) -> None:
        self.tree = BlockTree(genesis(PARAMETERS))
        self.pool = Offering(body)

    def application(self) -> Application:
        committee = Committee(TAGS, 0, (VALIDATOR.public_key,))
        return Application(self, committee, CLOCK, NoPeers())  # type: ignore[arg-type]


def transfer(number: int) -> IdentifiedTransaction:
    unsigned = Transaction(
        version=1,
        chain_id=CHAIN_ID,
        sender_public_key=RICH.public_key,
        action=Transfer(number.to_bytes(20, "big"), 1),
        fee=0,
        valid_until_ms=CLOCK.wall_ms() + 60_000,
        salt=number.to_bytes(16, "big"),
    )
    return identify(TAGS, sign(TAGS, with_least_fee(PARAMETERS, unsigned), RICH))


async def test_a_large_block_is_built_and_judged_with_turns_of_others_in_between() -> None:
    body = [transfer(number) for number in range(BODY_SIZE)]
    leader, voter, ticker = Chain(body), Chain([]), Ticker()
    root = BlockRef(0, leader.tree.final_view.block_id)
    built: Event = await ticker.while_awaiting(
        leader.application().build(Propose(1, root, empty=False))
    )
    assert isinstance(built, BlockBuilt)
    block = leader.tree.get(built.block_id)
    assert block is not None
    assert block.block.header.transaction_count == BODY_SIZE
    # Every transaction once, and each key that it changes at least once more.
    assert ticker.turns >= 2 * BODY_SIZE // UNITS_PER_STEP
    ticker.turns = 0
    voter.tree.offer(block.data)
    said: Event = await ticker.while_awaiting(
        voter.application().verify(Verify(Notarize(0, 1, 0, built.block_id), root))
    )
    assert isinstance(said, Judged)
    assert said.verdict is Verdict.VALID
    # To identify each, for the root over them, to carry them out, and for the keys.
    assert ticker.turns >= 4 * BODY_SIZE // UNITS_PER_STEP


async def test_nothing_moves_the_tree_while_a_block_is_executed() -> None:
    chain = Chain([transfer(number) for number in range(BODY_SIZE)])
    final, application = chain.tree.final_view, chain.application()
    first = await application.build(Propose(1, BlockRef(0, final.block_id), empty=True))
    assert isinstance(first, BlockBuilt)
    child = chain.tree.get(first.block_id)
    assert child is not None

    building = asyncio.ensure_future(
        application.build(Propose(2, BlockRef(1, first.block_id), empty=False))
    )
    await asyncio.sleep(0)
    assert not building.done()

    async def publish() -> None:
        async with chain.tree.turn:
            executed.append(len(chain.tree._blocks))
            chain.tree.advance(child)

    executed: list[int] = []
    publishing = asyncio.ensure_future(publish())
    second = await building
    assert isinstance(second, BlockBuilt)
    await publishing
    assert executed == [2], "both were there before the tree moved"
    assert chain.tree.final_view.block_id == first.block_id
    assert chain.tree.get(second.block_id) is not None


def test_under_a_flood_health_is_answered_the_pool_says_full_and_the_lag_is_measured(
    tmp_path: Path,
) -> None:
    keys = tuple(KeyPair(number.to_bytes(32, "big")) for number in range(1, 21))
    places = 100  # Half of what is judged without a pause.
    folder = NodeFolder(
        tmp_path / "n",
        accounts=keys,
        sections={
            "mempool": {"transactions_max": places},
            "http": {"listen": ["127.0.0.1:0"], "quotas": {"other": 1_000_000}},
        },
    )
    with start_node(folder) as node, node.client() as client:
        now_ms = chain_time_ms(client)
        wallets = [Wallet.on(client, key) for key in keys]
        signed = [
            wallet.transfer(keys[0].address, 1 + number, now_ms)
            for number in range(150)
            for wallet in wallets
        ]

        def flood(part: int) -> list[str]:
            body = msgpack.packb(signed[part::4])
            with node.client() as own:
                answer = own.post(
                    "/v1/chain/transactions",
                    content=body,
                    headers={"content-type": "application/msgpack"},
                )
            return [each["status"] for each in answer.raise_for_status().json()["transactions"]]

        with ThreadPoolExecutor(4) as clients:
            floods = [clients.submit(flood, part) for part in range(4)]
            answered = 0
            while not all(each.done() for each in floods):
                assert client.get("/health").status_code == httpx.codes.OK
                pool = client.get("/v1/chain/status").json()["pool"]
                assert pool["transactions"] <= places
                answered += 1
            outcomes = [status for each in floods for status in each.result()]
        assert answered
        assert set(outcomes) <= {"pooled", "full"}
        assert "full" in outcomes
        assert outcomes.count("pooled") >= places
        text = client.get("/metrics").text
        counted = [at for at in text.splitlines() if at.startswith(LAG_COUNT)]
        assert [float(at.removeprefix(LAG_COUNT)) > 0 for at in counted] == [True]
        assert node.stop() == 0, node.told("did not end well")
