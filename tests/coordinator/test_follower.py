"""Following the chain: once, in order, rebuildable, and foreign jobs."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Connection, Table, select, update

from coordinator.database import DatabaseOfAnotherChain
from coordinator.database.tables import CHAIN_DERIVED, attestations, chain, jobs, receipts
from coordinator.leases import GiveUp
from coordinator.services import build_services
from tests.chains import InProcessChain
from tests.coordinator.own_miner import OwnMiner
from tests.coordinator.strangers import submit, take
from tests.coordinator.test_marketplace import PRICE, post
from tests.coordinator.world import AITBC, CLIENT, COORDINATOR, LEASE_S, STRANGER, World

Snapshot = Mapping[str, list[tuple[object, ...]]]


async def _rich_history(world: World) -> None:
    """Let every kind of thing happen once."""
    await world.miner()
    own = OwnMiner(world)
    await own.register()
    await world.done((await world.job()).job_id)
    await world.services.jobs.cancel(CLIENT, (await world.job()).job_id)
    running = await world.job()
    await world.claim(running.job_id)
    await world.services.jobs.cancel(CLIENT, running.job_id)
    bad = await world.job()
    await world.claim(bad.job_id)
    await world.services.leases.release(CLIENT, "miner-1", bad.job_id, GiveUp(1, "BAD_INPUT"))
    lost = await world.job(ttl_s=3_600)
    await world.claim(lost.job_id)
    await world.pass_time(LEASE_S + 1)
    undelivered = await world.job()
    lease = await own.claim(undelivered.job_id)
    transaction = own.completion(lease).transaction
    assert transaction is not None
    await world.chain.submit([transaction])
    await world.receipt_final(undelivered.job_id)
    await world.pass_time(61)
    expiring = await world.job(ttl_s=5)
    await world.pass_time(7)
    await world.settled(expiring.job_id)
    await submit(world)
    stranger = await take(world, await post(world, miner="miner-1"), PRICE)
    assert world.chain.job(stranger) is None, "its miner gave it back"
    held = await world.job()
    await world.claim(held.job_id)


def _snapshot(connection: Connection) -> Snapshot:
    """Return all that is derived from the chain, in a stable order."""
    tables: dict[Table, tuple[str, ...]] = {t: tuple(c) for t, c in CHAIN_DERIVED.items()}
    tables |= {t: tuple(t.c.keys()) for t in (receipts, attestations, chain)}
    found = {}
    for table, columns in tables.items():
        key = [c.name for c in table.primary_key]
        if table is jobs:
            key = ["job_id"]
        query = select(*(table.c[name] for name in (*key, *columns))).order_by(
            *(table.c[k] for k in key)
        )
        found[table.name] = [tuple(row) for row in connection.execute(query)]
    return found


async def test_emptied_columns_are_rebuilt_the_same_from_the_chain(world: World) -> None:
    await _rich_history(world)
    await world.quiet()
    database = world.services.core.database
    before = await database.read(_snapshot)
    assert len(before["jobs"]) == 10
    await world.services.core.follower.forget()
    assert await database.read(_snapshot) != before
    await world.services.core.follower.catch_up()
    assert await database.read(_snapshot) == before


async def test_an_unknown_block_leads_to_a_rebuild(world: World) -> None:
    await _rich_history(world)
    await world.quiet()
    database = world.services.core.database
    before = await database.read(_snapshot)
    await database.write(lambda c: c.execute(update(chain).values(block_id=b"\xee" * 32)))
    world.chain.make_block()
    await world.services.core.follower.catch_up()
    after = await database.read(_snapshot)
    assert {k: v for k, v in after.items() if k != "chain"} == {
        k: v for k, v in before.items() if k != "chain"
    }


async def test_a_migrated_database_is_rebuilt_before_anybody_is_served(world: World) -> None:
    """K2: a migration zeroes the block's id; no new block has to come for the rebuild."""
    await _rich_history(world)
    await world.quiet()
    database = world.services.core.database
    before = await database.read(_snapshot)
    stale = update(chain).values(block_id=bytes(32))
    lost = update(jobs).where(jobs.c.end_kind.is_not(None)).values(paid_miner=0, refunded=0)
    await database.write(lambda c: (c.execute(stale), c.execute(lost)))
    await world.restart()
    assert await world.services.core.database.read(_snapshot) == before


async def test_a_database_ahead_of_its_node_is_left_alone(world: World) -> None:
    """A node that was set up anew is behind for a while, and may have the same past."""
    await _rich_history(world)
    await world.quiet()
    database = world.services.core.database
    before = await database.read(_snapshot)
    ahead = world.chain.head().height + 5
    await database.write(lambda c: c.execute(update(chain).values(height=ahead)))
    await world.services.core.follower.attach()
    await database.write(lambda c: c.execute(update(chain).values(height=ahead - 5)))
    assert await database.read(_snapshot) == before


async def test_a_database_of_another_chain_is_refused(world: World, tmp_path: Path) -> None:
    await world.services.stop()
    other = InProcessChain(
        tmp_path / "other",
        world.clock,
        coordinators=[COORDINATOR.address],
        balances={COORDINATOR.address: AITBC},
        name="other",
    )
    services = build_services(world.config, other, other.reader, clock=world.clock)
    with pytest.raises(DatabaseOfAnotherChain, match="another database"):
        await services.start()
    await services.stop()
    other.close()
    world.services = world.build()
    await world.start()


async def test_a_job_whose_input_never_comes_is_failed_and_refunded(world: World) -> None:
    before = world.chain.balance(STRANGER.address)
    job_id = await submit(world)
    assert world.chain.job(job_id) is not None
    await world.pass_time(world.config.timings.payload_grace_ms / 1_000 - 1)
    assert world.chain.job(job_id) is not None
    await world.pass_time(2)
    assert world.chain.job(job_id) is None
    row = await world.services.core.database.read(
        lambda c: c.execute(select(jobs).where(jobs.c.job_id == job_id)).one()
    )
    assert (row.phase, row.error_code) == ("failed", "NO_PAYLOAD")
    assert before - world.chain.balance(STRANGER.address) < AITBC // 100


async def test_a_job_without_input_is_not_offered(world: World) -> None:
    await world.miner()
    await submit(world)
    assert await world.services.leases.available(CLIENT, "miner-1") is None


async def test_jobs_of_another_coordinator_are_none_of_this_ones_business(
    world: World, tmp_path: Path
) -> None:
    other = World(
        tmp_path / "second",
        chain=InProcessChain(
            tmp_path / "second" / "chain",
            world.clock,
            coordinators=[COORDINATOR.address, STRANGER.address],
            balances={k.address: AITBC * 10 for k in (COORDINATOR, STRANGER)},
            name="second",
        ),
    )
    other.config = replace(other.config, account_key=STRANGER, is_devnet=False)
    await other.services.stop()
    other.services = other.build()
    await other.start()
    await submit(other)
    count = select(jobs.c.job_id)
    assert await other.services.core.database.read(lambda c: c.execute(count).all()) == []
    await other.services.stop()
    other.chain.close()


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"phase": "queued"}, "RUNNING on the chain"),
        ({"max_price": 1}, ": 1 here, 100000000 in escrow"),
        ({"phase": "failed"}, "its escrow is not released"),
    ],
)
async def test_invariants_see_what_does_not_hold(
    world: World, change: dict[str, object], complaint: str
) -> None:
    await world.miner()
    job = await world.job()
    await world.claim(job.job_id)
    assert (await world.services.invariants()).violations == ()
    row = jobs.c.job_id == job.job_id
    database = world.services.core.database
    original = await database.read(lambda c: c.execute(select(jobs).where(row)).one())
    await database.write(lambda c: c.execute(update(jobs).where(row).values(**change)))
    report = await world.services.invariants()
    assert any(complaint in violation for violation in report.violations)
    kept = {name: getattr(original, name) for name in change}
    await database.write(lambda c: c.execute(update(jobs).where(row).values(**kept)))
