"""Keys: what they allow, how long, how much, and who follows them."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from coordinator.clients import Budget, BudgetPeriod, IssuedKey, KeyView, Principal, Scope
from coordinator.clients.budgets import span_of
from coordinator.clients.errors import KeyBudgetExceeded, KeyEnded, LastAdminKey
from coordinator.clients.key_ring import KeyWish
from coordinator.database.account_tables import key_spends
from coordinator.database.tables import jobs
from coordinator.errors import Conflict, CoordinatorError, Forbidden, InvalidApiKey
from coordinator.jobs import JobPhase
from coordinator.jobs.store import charge_fee
from tests.coordinator.world import AITBC, World, spec

PRICE = AITBC // 10


async def issued(world: World, owner: Principal, **wish: object) -> tuple[IssuedKey, Principal]:
    """Make a key and return it with its principal."""
    key = await world.services.clients.keys.issue(owner, KeyWish(**wish))  # type: ignore[arg-type]
    return key, await world.services.clients.authenticate(key.text)


async def operator(world: World) -> Principal:
    text = world.config.operator_key_path.read_text().strip()
    return await world.services.clients.authenticate(text)


def budget(jobs: int, fee: int, period: BudgetPeriod = BudgetPeriod.TOTAL) -> Budget:
    """Return a budget for so many jobs of `PRICE`, to the nait."""
    return Budget(jobs * (PRICE + fee), period)


async def fee_of(world: World) -> int:
    """Return the fee of a job as these tests order it."""
    job = await world.job()
    assert job.payment is not None
    await world.services.jobs.cancel(await world.services.clients.authenticate(None), job.job_id)
    return job.payment.fee


async def test_a_budget_is_exact_however_many_orders_come_at_once(world: World) -> None:
    fee = await fee_of(world)
    _, buyer = await issued(world, await world.client(), budget=budget(3, fee))
    orders = [world.services.jobs.create(buyer, spec()) for _ in range(8)]
    answers = await asyncio.gather(*orders, return_exceptions=True)
    refused = [a for a in answers if isinstance(a, CoordinatorError)]
    assert len(refused) == 5
    assert all(isinstance(answer, KeyBudgetExceeded) for answer in refused)
    use = await world.services.clients.keys.usage(buyer, buyer.key_id)
    assert use.standing is not None
    assert (use.standing.left, use.spend.jobs) == (0, 3)
    assert use.spend.committed == 3 * (PRICE + fee)


async def test_what_comes_back_can_be_spent_again(world: World) -> None:
    fee = await fee_of(world)
    await world.miner()
    _, buyer = await issued(world, await world.client(), budget=budget(2, fee))
    jobs = [await world.job(buyer) for _ in range(2)]
    with pytest.raises(KeyBudgetExceeded):
        await world.job(buyer)
    await world.services.jobs.cancel(buyer, jobs[0].job_id)
    use = await world.services.clients.keys.usage(buyer, buyer.key_id)
    assert use.spend.paid == fee
    with pytest.raises(KeyBudgetExceeded):
        # The fee of the cancelled job is gone.
        await world.job(buyer)
    cheaper = await world.job(buyer, max_price=PRICE - fee)
    assert cheaper.payment is not None


async def test_a_price_that_nobody_named_keeps_to_the_budget(world: World) -> None:
    standard = await world.job(max_price=None)
    assert standard.payment is not None
    most = standard.payment.amount + standard.payment.fee - 1_000
    _, buyer = await issued(world, await world.client(), budget=Budget(most, BudgetPeriod.TOTAL))
    job = await world.job(buyer, max_price=None)
    assert job.payment is not None
    assert most - 10_000 < job.payment.amount + job.payment.fee <= most
    with pytest.raises(KeyBudgetExceeded):
        await world.job(buyer, max_price=None)


async def test_a_daily_budget_is_whole_again_the_next_day(world: World) -> None:
    fee = await fee_of(world)
    _, buyer = await issued(world, await world.client(), budget=budget(1, fee, BudgetPeriod.DAY))
    job = await world.job(buyer)
    with pytest.raises(KeyBudgetExceeded, match="left for this day"):
        await world.job(buyer)
    await world.services.jobs.cancel(buyer, job.job_id)
    _, next_day_ms = span_of(BudgetPeriod.DAY, world.clock())
    assert next_day_ms is not None
    await world.pass_time((next_day_ms - world.clock()) / 1_000)
    await world.job(buyer)


async def test_an_order_under_way_at_midnight_counts_to_the_day_that_it_was_made(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fee = await fee_of(world)
    _, buyer = await issued(world, await world.client(), budget=budget(1, fee, BudgetPeriod.DAY))
    _, midnight_ms = span_of(BudgetPeriod.DAY, world.clock())
    assert midnight_ms is not None
    await world.pass_time((midnight_ms - world.clock()) / 1_000 - 1)
    await world.job(buyer)
    spendable = world.chain.spendable

    def a_second_later(address: bytes) -> int:
        world.clock.advance(1)
        return spendable(address)

    # Asked for once the job has its time, and before it is stored.
    with monkeypatch.context() as at_midnight:
        at_midnight.setattr(world.chain, "spendable", a_second_later)
        with pytest.raises(KeyBudgetExceeded):
            await world.services.jobs.create(buyer, spec())
    assert world.clock() == midnight_ms
    await world.job(buyer)
    with pytest.raises(KeyBudgetExceeded):
        await world.job(buyer)


async def test_a_job_that_the_chain_never_took_costs_no_budget(world: World) -> None:
    fee = await fee_of(world)
    _, buyer = await issued(world, await world.client(), budget=budget(1, fee))
    world.chain.is_paused = True
    lost = await world.services.jobs.create(buyer, spec())
    world.chain.drop_pool()
    world.clock.advance(300)
    world.chain.is_paused = False
    world.chain.make_block()
    await world.until(lost.job_id, JobPhase.FAILED, buyer)
    await world.job(buyer)


async def test_a_key_with_a_budget_makes_none_without(world: World) -> None:
    fee = await fee_of(world)
    _, buyer = await issued(world, await world.client(), budget=budget(1, fee))
    _, child = await issued(world, buyer)
    assert child.budget_id == buyer.budget_id
    await world.job(child)
    with pytest.raises(KeyBudgetExceeded):
        await world.job(buyer)
    with pytest.raises(Forbidden):
        await issued(world, buyer, budget=budget(9, fee))


async def test_a_rotated_key_works_for_the_overlap_and_leaves_its_budget(world: World) -> None:
    clients, fee = world.services.clients, await fee_of(world)
    owner = await world.client()
    old, buyer = await issued(world, owner, budget=budget(1, fee), label="ci")
    await world.job(buyer)
    new = await clients.keys.rotate(owner, buyer.key_id, 60)
    assert (new.key.label, new.key.scopes, new.key.budget) == (
        "ci",
        old.key.scopes,
        old.key.budget,
    )
    follower = await clients.authenticate(new.text)
    with pytest.raises(KeyBudgetExceeded):
        await world.job(follower)
    world.clock.advance(59)
    await clients.authenticate(old.text)
    world.clock.advance(1)
    with pytest.raises(InvalidApiKey):
        await clients.authenticate(old.text)
    with pytest.raises(KeyEnded):
        await clients.keys.rotate(owner, buyer.key_id, 60)
    await clients.authenticate(new.text)


async def test_a_key_neither_ends_nor_follows_one_that_allows_more(world: World) -> None:
    clients, owner = world.services.clients, await world.client()
    _, reader = await issued(world, owner, scopes=frozenset({Scope.READ}))
    _, passing = await issued(world, owner, expires_ms=world.clock() + 60_000)
    _, limited = await issued(world, owner, budget=Budget(AITBC, BudgetPeriod.TOTAL))
    for weaker in (reader, passing, limited):
        with pytest.raises(Forbidden):
            await clients.keys.rotate(weaker, owner.key_id, 0)
        with pytest.raises(Forbidden):
            await clients.keys.revoke(weaker, owner.key_id)
    _, child = await issued(world, passing)
    assert child.expires_ms == passing.expires_ms
    await clients.keys.revoke(reader, reader.key_id)


async def test_keys_that_ended_make_room_for_others(world: World) -> None:
    owner = await world.client()
    made = [(await issued(world, owner))[1] for _ in range(99)]
    with pytest.raises(Conflict):
        await issued(world, owner)
    await world.services.clients.keys.revoke(owner, made[0].key_id)
    await issued(world, owner)


async def test_every_key_is_listed_however_many_there_are_and_those_that_work_first(
    world: World,
) -> None:
    keys, owner = world.services.clients.keys, await world.client()
    for _ in range(4):
        _, short = await issued(world, owner)
        await keys.revoke(owner, short.key_id)
    _, passing = await issued(world, owner, expires_ms=world.clock() + 1_000)
    world.clock.advance(2)
    _, newest = await issued(world, owner)
    shown: list[KeyView] = []
    page, last = await keys.list(owner, 2)
    while last is not None:
        shown += page
        page, last = await keys.list(owner, 2, last)
    shown += page
    assert [key.key_id for key in shown[:2]] == [newest.key_id, owner.key_id]
    assert len({key.key_id for key in shown}) == len(shown) == 7
    assert passing.key_id in {key.key_id for key in shown[2:]}


async def test_a_rotated_key_keeps_the_limits_that_the_operator_gave_it(world: World) -> None:
    clients, owner = world.services.clients, await world.client()
    key, principal = await issued(world, owner)
    assert await clients.set_quotas(principal.key_id, {"submit": 5_000})
    successor = await clients.keys.rotate(owner, key.key.key_id, 0)
    assert (await clients.authenticate(successor.text)).quotas == {"submit": 5_000}


async def test_a_lost_operator_key_is_revoked_behind_any_number_of_younger_ones(
    world: World,
) -> None:
    keys, path = world.services.clients.keys, world.config.operator_key_path
    first, lost = await operator(world), path.read_text().strip()
    wish = KeyWish(scopes=frozenset({Scope.READ}))
    for _ in range(99):
        await keys.issue(first, wish)
    path.unlink()
    await world.restart()
    with pytest.raises(InvalidApiKey):
        await world.services.clients.authenticate(lost)
    assert (await operator(world)).scopes == {Scope.ADMIN, Scope.READ}


async def test_the_operators_key_is_in_a_file_that_others_cannot_read(world: World) -> None:
    path = world.config.operator_key_path
    assert path.stat().st_mode & 0o777 == 0o600
    first = await operator(world)
    assert first.scopes == {Scope.ADMIN, Scope.READ}
    await world.restart()
    assert await operator(world) == first
    lost = path.read_text().strip()
    path.unlink()
    await world.restart()
    assert (await operator(world)).key_id != first.key_id
    with pytest.raises(InvalidApiKey):
        await world.services.clients.authenticate(lost)


async def test_the_last_admin_key_cannot_lock_everybody_out(world: World) -> None:
    keys, first = world.services.clients.keys, await operator(world)
    with pytest.raises(LastAdminKey):
        await keys.revoke(first, first.key_id)
    passing = KeyWish(scopes=frozenset({Scope.ADMIN}), expires_ms=world.clock() + 1_000)
    await keys.issue(first, passing)
    with pytest.raises(LastAdminKey):
        await keys.revoke(first, first.key_id)
    await keys.issue(first, replace(passing, expires_ms=None))
    await keys.revoke(first, first.key_id)


async def test_requests_are_counted_by_key_and_survive_a_restart(world: World) -> None:
    key, principal = await issued(world, await world.client())
    for _ in range(4):
        await world.services.clients.authenticate(key.text)
    await world.restart()
    await world.services.clients.authenticate(key.text)
    use = await world.services.clients.keys.usage(principal, principal.key_id)
    assert (use.requests, use.last_used_ms) == (6, world.clock())


@pytest.mark.parametrize(
    ("period", "now", "start", "end"),
    [
        ("day", "2026-02-28T23:59:59", "2026-02-28", "2026-03-01"),
        ("month", "2026-02-28T23:59:59", "2026-02-01", "2026-03-01"),
        ("month", "2026-12-31T12:00:00", "2026-12-01", "2027-01-01"),
    ],
)
def test_periods_begin_at_midnight_utc(period: str, now: str, start: str, end: str) -> None:
    def ms(text: str) -> int:
        return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1_000)

    assert span_of(BudgetPeriod(period), ms(now)) == (ms(start), ms(end))


async def summed(world: World) -> dict[tuple[str, int], tuple[int, int]]:
    """Return count and cost of ended jobs by key and day, over all jobs."""
    query = select(jobs).where(jobs.c.key_id.is_not(None), jobs.c.end_kind.is_not(None))
    rows = await world.services.core.database.read(lambda c: c.execute(query).all())
    sums: dict[tuple[str, int], tuple[int, int]] = {}
    for row in rows:
        place = (row.key_id, row.requested_ms // 86_400_000)
        number, paid = sums.get(place, (0, 0))
        cost = row.paid_miner + row.paid_coordinator + row.fee
        sums[place] = (number + 1, paid + cost)
    return sums


async def kept(world: World) -> dict[tuple[str, int], tuple[int, int]]:
    """Return the same as it is kept."""
    query = select(key_spends)
    rows = await world.services.core.database.read(lambda c: c.execute(query).all())
    return {(row.key_id, row.day): (row.jobs, row.paid) for row in rows}


async def test_the_sums_of_ended_jobs_are_exact_whatever_ends_them_and_when_followed_anew(
    world: World,
) -> None:
    core = world.services.core
    await world.miner()
    _, buyer = await issued(world, await world.client())
    done = await world.job(buyer)
    await world.claim(done.job_id)
    await world.complete(done.job_id)
    await world.settled(done.job_id, buyer)
    for days in range(2):
        await world.pass_time(days * 86_400)
        cancelled = [await world.job(buyer) for _ in range(2)]
        for job in cancelled:
            await world.services.jobs.cancel(buyer, job.job_id)
    await world.job(buyer)
    assert len(await kept(world)) == 2
    assert await kept(world) == await summed(world)
    # The fee of an acceptance comes back after the end, when it cannot be included any more.
    await core.database.write(lambda c: charge_fee(c, done.job_id, -3))
    assert await kept(world) == await summed(world)
    before = await world.services.clients.keys.usage(buyer, buyer.key_id)
    await core.follower.forget()
    assert await kept(world) == {}
    await core.follower.catch_up()
    assert await kept(world) == await summed(world)
    after = await world.services.clients.keys.usage(buyer, buyer.key_id)
    assert (after.spend, after.spend.jobs) == (before.spend, 6)
