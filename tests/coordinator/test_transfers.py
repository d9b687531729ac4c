"""Units leave the wallets kept here: once, by the rules of the ledger, or not at all."""

import asyncio
import shutil
from itertools import count
from pathlib import Path

import pytest

from coordinator.accounts import EntryKind
from coordinator.accounts.reading import Wanted
from coordinator.clients import Principal, Scope
from coordinator.clients.errors import KeyBudgetExceeded
from coordinator.clients.key_ring import USUAL_SCOPES, KeyWish
from coordinator.clients.model import Budget, BudgetPeriod
from coordinator.errors import Forbidden, InsufficientBalance, InvalidRequest, MinerNotFound
from coordinator.transfers import (
    MinerKeepsItsKey,
    Transfer,
    TransferNotFound,
    TransferStatus,
    TransferWish,
)
from tests.coordinator.crashes import live_through
from tests.coordinator.lives import LIVES, OWNER, RECEIVER
from tests.coordinator.own_miner import OwnMiner
from tests.coordinator.world import AITBC, CLIENT, FUNDS, PATIENCE_S, World

POINTS_MAX = 60


async def send(
    world: World,
    principal: Principal,
    amount: int = AITBC,
    *,
    to: bytes = RECEIVER,
    miner: str | None = None,
    wait_s: float = PATIENCE_S,
) -> Transfer:
    wish = TransferWish(to, amount, miner)
    return await world.services.transfers.send(principal, wish, wait_s=wait_s, once=None)


async def with_key(world: World, principal: Principal, **wish: object) -> Principal:
    """Return the client as another key of it identifies it."""
    keys = world.services.clients.keys
    issued = await keys.issue(principal, KeyWish(**wish))  # type: ignore[arg-type]
    return await world.services.clients.authenticate(issued.text)


async def test_what_is_sent_arrives_and_is_on_the_statement(world: World) -> None:
    client = await world.client()
    first = await send(world, client)
    assert first.status is TransferStatus.FINAL
    assert world.chain.balance(RECEIVER) == AITBC
    # The receiver's account was made by the first, which costs more.
    second = await send(world, client)
    assert second.fee < first.fee
    assert world.chain.balance(first.sender) == FUNDS - 2 * AITBC - first.fee - second.fee
    statement = await world.services.accounts.statement(
        client, Wanted(0, 2**47, limit=100, cursor=None)
    )
    sent = [line for line in statement.lines if line.kind is EntryKind.SENT]
    assert [(line.transaction_id, line.amount, line.fee) for line in sent] == [
        (each.transaction_id, -AITBC, each.fee) for each in (first, second)
    ]
    assert statement.totals.sent == 2 * AITBC


async def test_transfers_are_listed_newest_first_and_only_to_their_client(world: World) -> None:
    client, other = await world.client(), await world.client()
    sent = [await send(world, client, number * AITBC) for number in (1, 2, 3)]
    transfers = world.services.transfers
    page = await transfers.list(client, 2, None)
    assert page.transfers == (sent[2], sent[1])
    rest = await transfers.list(client, 2, page.next_seq)
    assert (rest.transfers, rest.next_seq) == ((sent[0],), None)
    assert await transfers.get(client, sent[0].transaction_id) == sent[0]
    assert (await transfers.list(other, 2, None)).transfers == ()
    with pytest.raises(TransferNotFound):
        await transfers.get(other, sent[0].transaction_id)


async def test_a_managed_miners_pay_is_paid_out_and_anothers_is_not(world: World) -> None:
    client, other = await world.client(), await world.client()
    await world.miner("paid", client)
    job = await world.job(OWNER)
    await world.claim(job.job_id, "paid", client)
    await world.complete(job.job_id, name="paid", principal=client)
    await world.settled(job.job_id, OWNER)
    miner = world.chain.miner_address("paid")
    assert miner is not None
    earned = world.chain.balance(miner)
    sent = await send(world, client, earned // 2, miner="PAID")
    assert (sent.sender, sent.status) == (miner, TransferStatus.FINAL)
    assert world.chain.balance(miner) == earned - earned // 2 - sent.fee
    with pytest.raises(Forbidden):
        await send(world, other, 1, miner="paid")
    with pytest.raises(MinerNotFound):
        await send(world, client, 1, miner="nobody")


async def test_a_miner_with_its_own_key_sends_for_itself(world: World) -> None:
    await OwnMiner(world).register()
    with pytest.raises(MinerKeepsItsKey, match="aitbc tx send"):
        await send(world, OWNER, 1, miner="own-1")


async def test_what_is_in_escrow_or_pooled_cannot_be_sent(world: World) -> None:
    client = await world.client()
    await world.job(client, max_price=FUNDS // 2)
    with pytest.raises(InsufficientBalance):
        await send(world, client, FUNDS // 2)
    world.chain.is_paused = True
    pooled = await send(world, client, FUNDS // 4, wait_s=0)
    assert pooled.status is TransferStatus.POOLED
    with pytest.raises(InsufficientBalance):
        await send(world, client, FUNDS // 4)
    world.chain.is_paused = False
    world.chain.make_block()
    assert (
        await world.services.transfers.get(client, pooled.transaction_id, PATIENCE_S)
    ).status is TransferStatus.FINAL
    # What was refused left nothing behind.
    assert len((await world.services.transfers.list(client, 10, None)).transfers) == 1


async def test_only_a_key_with_the_right_sends_and_gives_it_on(world: World) -> None:
    client = await world.client()
    usual = await with_key(world, client)
    assert usual.scopes == USUAL_SCOPES
    for caller in (usual, CLIENT):
        with pytest.raises(Forbidden):
            await send(world, caller)
    with pytest.raises(Forbidden):
        await with_key(world, usual, scopes=frozenset({Scope.WALLET}))
    sender = await with_key(world, client, scopes=frozenset({Scope.WALLET}))
    sent = await send(world, sender)
    assert await world.services.transfers.get(usual, sent.transaction_id) == sent
    assert (await world.services.accounts.balance(sender)).available == FUNDS - AITBC - sent.fee


async def test_a_transfer_is_judged_by_the_budget_of_its_key(world: World) -> None:
    budget = Budget(2 * AITBC, BudgetPeriod.DAY)
    scopes = frozenset({Scope.WALLET, Scope.CLIENT})
    client = await with_key(world, await world.client(), scopes=scopes, budget=budget)
    sent = await send(world, client)
    with pytest.raises(KeyBudgetExceeded):
        await send(world, client)
    usage = await world.services.clients.keys.usage(client, client.key_id)
    assert usage.standing is not None
    assert usage.standing.left == AITBC - sent.fee
    assert (usage.spend.jobs, usage.spend.paid) == (0, AITBC + sent.fee)
    await world.pass_time(86_400)
    assert (await send(world, client)).status is TransferStatus.FINAL


async def test_what_the_wallet_does_not_cover_takes_no_budget_meanwhile(world: World) -> None:
    budget = Budget(2 * FUNDS, BudgetPeriod.TOTAL)
    scopes = frozenset({Scope.WALLET})
    client = await with_key(world, await world.client(), scopes=scopes, budget=budget)
    refused, sent = await asyncio.gather(
        send(world, client, 2 * FUNDS - AITBC), send(world, client), return_exceptions=True
    )
    assert isinstance(refused, InsufficientBalance)
    assert isinstance(sent, Transfer)
    assert refused.needed > 2 * FUNDS - AITBC
    assert refused.available == FUNDS


async def test_a_transfer_that_makes_no_sense_is_refused(world: World) -> None:
    client = await world.client()
    own = (await world.services.clients.view(client)).address
    with pytest.raises(InvalidRequest, match="more than 0"):
        await send(world, client, 0)
    with pytest.raises(InvalidRequest, match="account that pays"):
        await send(world, client, to=own)


async def test_one_that_no_block_took_in_time_expired_and_moved_nothing(world: World) -> None:
    client = await world.client()
    world.chain.is_paused = True
    sent = await send(world, client, wait_s=0)
    budgeted = await with_key(world, client, budget=Budget(AITBC, BudgetPeriod.TOTAL))
    world.clock.advance(world.config.timings.transaction_validity_ms / 1_000 + 1)
    world.chain.is_paused = False
    world.chain.make_block()
    ended = await world.services.transfers.get(client, sent.transaction_id, PATIENCE_S)
    assert ended.status is TransferStatus.EXPIRED
    assert world.chain.balance(RECEIVER) == 0
    usage = await world.services.clients.keys.usage(client, client.key_id)
    assert (usage.spend.paid, usage.spend.committed) == (0, 0)
    assert budgeted.budget_id is not None


async def test_a_transfer_survives_a_crash_at_any_point_and_is_sent_once(folder: Path) -> None:
    life = LIVES["sent"]
    for at in count(1):
        assert at < POINTS_MAX
        world = World(Path(shutil.copytree(folder, folder.with_name(f"life-{at}"))))
        await world.start()
        crashed = await live_through(world, at, life.live)
        await life.check(world)
        await world.finish()
        if not crashed:
            assert at > 4, "a transfer has more points than that"
            return
