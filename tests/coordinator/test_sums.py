"""Sums that the same units reach by moving again and again: they end at the greatest number."""

from sqlalchemy import Connection, insert, select, update

from coordinator.database.account_tables import key_spends
from coordinator.database.marketplace_tables import market_totals, miner_records
from coordinator.database.tables import jobs
from coordinator.jobs.spends import charge_ended
from coordinator.stats.tally import VOLUME, WorkTally
from tests.coordinator.world import World

GREATEST = 2**63 - 1
RICHES = 2**61
MINER = b"\x07" * 20
NOW_MS = 1_770_000_000_000


async def test_what_miners_earned_and_what_was_paid_stop_no_following(world: World) -> None:
    def pay(connection: Connection) -> tuple[int, int]:
        for number in range(6):
            tally = WorkTally(NOW_MS)
            tally.begin(bytes([number]) * 32, "llm_inference", NOW_MS, MINER, NOW_MS)
            tally.paid(bytes([number]) * 32, RICHES, RICHES)
            tally.save(connection)
        volume = select(market_totals.c.value).where(market_totals.c.name == VOLUME)
        earned = select(miner_records.c.earned).where(miner_records.c.miner == MINER)
        return connection.execute(volume).scalar_one(), connection.execute(earned).scalar_one()

    assert await world.services.core.database.write(pay) == (GREATEST, GREATEST)


async def test_neither_does_what_a_key_spent_in_a_day(world: World) -> None:
    job = await world.job()

    def spend(connection: Connection) -> int:
        before = connection.execute(select(jobs.c.key_id, jobs.c.requested_ms)).one()
        connection.execute(update(jobs).values(end_kind=1, key_id="key", requested_ms=0))
        connection.execute(insert(key_spends).values(key_id="key", day=0, jobs=1, paid=RICHES))
        for _ in range(6):
            charge_ended(connection, job.job_id, RICHES)
        paid = connection.execute(select(key_spends.c.paid)).scalar_one()
        connection.execute(update(jobs).values(end_kind=None, **before._mapping))
        return int(paid)

    assert await world.services.core.database.write(spend) == GREATEST
