"""Balances and statements add up with the chain, to the nait."""

import csv
import io
from dataclasses import replace
from random import Random

import pytest
from sqlalchemy import Executable, delete, update

from coordinator.accounts import EntryKind, Statement
from coordinator.accounts.reading import Wanted
from coordinator.accounts.schemas import line_view
from coordinator.accounts.sheet import COLUMNS, sheet_of
from coordinator.clients import Principal
from coordinator.database.account_tables import account_entries
from coordinator.database.tables import jobs
from coordinator.errors import InvalidRequest, MinerNotFound
from coordinator.jobs import JobPhase
from coordinator.leases import GiveUp
from ledger.actions import Transfer
from tests.coordinator.world import AITBC, FAUCET, FUNDS, World, spec
from tests.wallets import Wallet

SOAK = (pytest.mark.soak, pytest.mark.timeout(1_800))

EVERYTHING = Wanted(0, 2**52, 1_000, None)


async def statement(world: World, owner: Principal, wanted: Wanted = EVERYTHING) -> Statement:
    return await world.services.accounts.statement(owner, wanted)


class History:
    """A client with a miner, what it did, and what it had after each step by the chain."""

    def __init__(self, world: World, owner: Principal, random: Random) -> None:
        self.world = world
        self.owner = owner
        self.random = random
        self.levels: list[tuple[int, int]] = []
        """Time after which the accounts held so much."""

    async def live(self, steps: int) -> None:
        await self.note()
        for _ in range(steps):
            step = self.random.choice([self.paid, self.cancelled, self.failed, self.expired])
            await step()
            await self.note()
            self.world.clock.advance(self.random.randint(1, 5))

    async def note(self) -> None:
        """Remember what the chain says that the client has now."""
        await self.world.quiet()
        found = await statement(self.world, self.owner)
        balances = [self.world.chain.balance(account.address) for account in found.accounts]
        self.levels.append((self.world.chain.head().timestamp_ms, sum(balances)))

    async def order(self, **changes: object) -> bytes:
        price = self.random.randint(AITBC // 100, AITBC)
        return (await self.world.job(self.owner, max_price=price, **changes)).job_id

    async def paid(self) -> None:
        job_id = await self.order()
        await self.world.claim(job_id, principal=self.owner)
        await self.world.complete(job_id, principal=self.owner)
        await self.world.settled(job_id, self.owner)

    async def cancelled(self) -> None:
        job_id = await self.order()
        if self.random.random() < 0.5:
            await self.world.claim(job_id, principal=self.owner)
        await self.world.services.jobs.cancel(self.owner, job_id)

    async def failed(self) -> None:
        job_id = await self.order()
        await self.world.claim(job_id, principal=self.owner)
        give_up = GiveUp(1, "BAD_INPUT")
        await self.world.services.leases.release(self.owner, "miner-1", job_id, give_up)

    async def expired(self) -> None:
        job_id = await self.order(ttl_s=5)
        await self.world.pass_time(10)
        await self.world.until(job_id, JobPhase.EXPIRED, self.owner)

    def level_before(self, time_ms: int) -> int:
        """Return what the client had before a time: nothing before its first step."""
        earlier = [amount for at_ms, amount in self.levels if at_ms < time_ms]
        return earlier[-1] if earlier else 0


@pytest.mark.parametrize(
    ("seed", "steps"),
    [(1, 8), *(pytest.param(seed, 60, marks=SOAK) for seed in range(2, 12))],
)
async def test_any_period_of_any_history_adds_up_with_the_chain(
    world: World, seed: int, steps: int
) -> None:
    random = Random(seed)
    owner = await world.client()
    await world.miner(principal=owner)
    history = History(world, owner, random)
    await history.live(steps)
    times = [at_ms + 1 for at_ms, _ in history.levels]
    for _ in range(2 * steps):
        begin, end = sorted(random.sample([0, *times], 2))
        wanted = Wanted(begin, end, random.randint(1, 7), None)
        found = await statement(world, owner, wanted)
        assert found.opening == history.level_before(begin)
        assert found.closing == history.level_before(end)
        balance, lines = found.opening, list(found.lines)
        while found.next_cursor is not None:
            found = await statement(world, owner, replace(wanted, cursor=found.next_cursor))
            lines += found.lines
        for line in lines:
            balance += line.amount - line.fee
            assert line.balance == balance
        assert balance == found.closing
        totals = found.totals
        came = totals.refunded + totals.earned + totals.received
        went = totals.escrowed + totals.sent + totals.fees
        assert found.opening + came - went == found.closing


async def test_every_line_names_what_proves_it(world: World) -> None:
    owner = await world.client()
    await world.miner(principal=owner)
    job_id = await History(world, owner, Random(1)).order(label="=cmd()")
    await world.claim(job_id, principal=owner)
    await world.complete(job_id, principal=owner)
    job = await world.settled(job_id, owner)
    found = await statement(world, owner)
    kinds = [line.kind for line in found.lines if line.job_id == job_id]
    assert kinds == [EntryKind.ESCROW, EntryKind.EARNING, EntryKind.REFUND]
    blocks = {b.header.height: b for b in world.chain.store.final_blocks(0, 1_000)}
    for line in found.lines:
        block = blocks[line.height]
        if line.transaction_id is not None:
            assert line.transaction_id in block.transaction_ids
        if line.outcome is not None:
            outcome = block.outcomes[line.outcome]
            place = outcome.parties.index(line.account.address)
            assert outcome.amounts[place] == line.amount
    assert {line.receipt_id for line in found.lines if line.job_id == job_id} == {job.receipt_id}
    earned = [line for line in found.lines if line.kind is EntryKind.EARNING]
    assert [line.account.miner for line in earned] == ["miner-1"]
    of_miner = await world.services.accounts.statement(owner, EVERYTHING, miner="MINER-1")
    assert of_miner.closing == world.chain.balance(earned[0].account.address)
    rows = list(
        csv.reader(io.StringIO(sheet_of(line_view(line, "") for line in found.lines).decode()))
    )
    assert tuple(rows[0]) == COLUMNS
    assert rows[-1][COLUMNS.index("label")] == "'=cmd()"
    assert len(rows) == len(found.lines) + 1


async def test_a_balance_tells_apart_what_is_pooled_and_what_is_in_escrow(world: World) -> None:
    owner, accounts = await world.client(), world.services.accounts
    job = await world.job(owner)
    assert job.payment is not None
    locked, fee = job.payment.amount, job.payment.fee
    found = await accounts.balance(owner)
    assert (found.available, found.pooled, found.escrowed) == (FUNDS - locked - fee, 0, locked)
    world.chain.is_paused = True
    await world.services.jobs.create(owner, spec())
    found = await accounts.balance(owner)
    assert (found.pooled, found.escrowed) == (locked + fee, locked)
    assert found.available == FUNDS - 2 * (locked + fee)
    assert found.reserved == 2 * locked + fee
    world.chain.is_paused = False
    world.chain.make_block()
    found = await accounts.balance(owner)
    assert (found.pooled, found.escrowed) == (0, 2 * locked)
    assert found.as_of_height == world.chain.head().height


async def test_a_transfer_from_outside_is_in_the_statement(world: World) -> None:
    owner = await world.client()
    address = (await world.services.clients.view(owner)).address
    faucet = Wallet(FAUCET, world.chain.tags, world.chain.chain_id)
    await world.chain.submit([faucet.sign(Transfer(to=address, amount=5 * AITBC), world.clock())])
    await world.quiet()
    world.chain.make_block()
    found = await statement(world, owner)
    assert found.lines[-1].kind is EntryKind.RECEIVED
    assert (found.lines[-1].amount, found.closing) == (5 * AITBC, FUNDS + 5 * AITBC)


async def test_a_statement_is_the_same_after_the_tables_are_made_again(world: World) -> None:
    owner = await world.client()
    await world.miner(principal=owner)
    history = History(world, owner, Random(5))
    await history.live(4)
    before = await statement(world, owner)
    await world.services.core.follower.forget()
    await world.services.core.follower.catch_up()
    assert replace(await statement(world, owner), lines=()) == replace(before, lines=())


async def test_nobody_reads_anothers_statement(world: World) -> None:
    owner, other = await world.client(), await world.client("other")
    await world.miner(principal=owner)
    with pytest.raises(MinerNotFound):
        await world.services.accounts.statement(other, EVERYTHING, miner="miner-1")
    found = await statement(world, other)
    assert [line.kind for line in found.lines] == [EntryKind.RECEIVED]
    for cursor in ("l0", "x", "l1 ", "l-1"):
        with pytest.raises(InvalidRequest):
            await statement(world, other, replace(EVERYTHING, cursor=cursor))
    with pytest.raises(InvalidRequest):
        await statement(world, other, Wanted(5, 5, 1, None))


async def test_invariants_show_what_was_tampered_with(world: World) -> None:
    job = await world.job()
    await world.services.core.follower.catch_up()
    database = world.services.core.database

    async def violated() -> set[str]:
        report = await world.services.invariants()
        assert report.is_current
        return {check.name for check in report.checks if check.count}

    assert await violated() == set()

    async def change(statement: Executable) -> None:
        await database.write(lambda c: c.execute(statement))

    mine = update(jobs).where(jobs.c.job_id == job.job_id)
    for values, names in (
        ({"max_price": 1}, {"escrow_total"}),
        ({"phase": "running"}, {"leases_match", "phases_agree"}),
        ({"phase": "expired"}, {"phases_agree", "terminal_released"}),
        ({"end_kind": 9}, {"ends_add_up", "terminal_released"}),
    ):
        await change(mine.values(**values))
        assert await violated() == names
        await change(mine.values(max_price=AITBC // 10, phase="queued", end_kind=None))
    escrows = account_entries.c.kind == EntryKind.ESCROW.value
    await change(update(account_entries).where(escrows).values(balance=1))
    assert await violated() == {"accounts_add_up"}
    await change(delete(account_entries).where(escrows))
    assert await violated() == {"accounts_add_up"}
    await world.services.core.follower.forget()
    assert await violated() == set()
