"""How long jobs of a kind usually take, from the newest of them and no more."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, insert

from coordinator.database import Database
from coordinator.database.tables import jobs, results
from coordinator.jobs.usual_times import LOOKED_AT_MAX, SAMPLE, UNKNOWN_MS, UsualTimes
from tests.databases import COORDINATOR, Place

SERVICE = "llm_inference"


@pytest.fixture
def database(place: Place) -> Iterator[Database]:
    """Return an empty database."""
    database = Database(place.url(COORDINATOR))
    yield database
    database.close()


def complete(connection: Connection, first: int, model: str, durations_ms: list[int]) -> None:
    """Store completed jobs of a model, numbered from `first`."""
    ids = [number.to_bytes(32, "big") for number in range(first, first + len(durations_ms))]
    job = {
        "client": bytes(20),
        "api_version": "2026-05-11",
        "service": SERVICE,
        "model": model,
        "shown_type": SERVICE,
        "spec": "{}",
        "payload_digest": bytes(32),
        "max_price": 1,
        "fee": 1,
        "requested_ms": 0,
        "deadline_ms": 1,
        "phase": "completed",
        "attempt": 1,
    }
    result = {
        "attempt": 1,
        "miner": bytes(20),
        "salt": bytes(32),
        "digest": bytes(32),
        "model": model,
        "started_ms": 1_000,
        "delivered_ms": 0,
        "expires_ms": 0,
    }
    connection.execute(insert(jobs), [{"job_id": id_, **job} for id_ in ids])
    connection.execute(
        insert(results),
        [
            {"job_id": id_, "completed_ms": 1_000 + taken_ms, **result}
            for id_, taken_ms in zip(ids, durations_ms, strict=True)
        ],
    )


async def test_the_usual_time_is_the_median_of_the_newest_of_the_kind(database: Database) -> None:
    await database.write(lambda c: complete(c, 0, "llama", [9_000_000] * SAMPLE))
    await database.write(lambda c: complete(c, SAMPLE, "llama", [2_000] * (SAMPLE - 20)))
    await database.write(lambda c: complete(c, 2 * SAMPLE, "llama", [4_000] * 20))
    await database.write(lambda c: complete(c, 3 * SAMPLE, "other", [7_000] * SAMPLE))
    times = UsualTimes()
    assert await database.read(lambda c: times.of(c, SERVICE, "llama")) == 2_000
    assert await database.read(lambda c: times.of(c, SERVICE, "other")) == 7_000
    assert await database.read(lambda c: times.of(c, SERVICE, "nobody's")) == UNKNOWN_MS
    assert await database.read(lambda c: times.of(c, "python", "llama")) == UNKNOWN_MS


async def test_a_kind_is_sought_among_the_newest_jobs_of_its_service_only(
    database: Database,
) -> None:
    await database.write(lambda c: complete(c, 0, "rare", [1_000, 2_000]))
    await database.write(lambda c: complete(c, 2, "usual", [5_000] * (LOOKED_AT_MAX - 1)))
    assert await database.read(lambda c: UsualTimes().of(c, SERVICE, "rare")) == 2_000
    await database.write(lambda c: complete(c, 2 + LOOKED_AT_MAX, "usual", [5_000]))
    assert await database.read(lambda c: UsualTimes().of(c, SERVICE, "rare")) == UNKNOWN_MS


async def test_what_is_remembered_is_known_for_a_number_of_reads(database: Database) -> None:
    await database.write(lambda c: complete(c, 0, "llama", [3_000]))
    times = UsualTimes()
    assert times.known(SERVICE, "llama") is None
    assert await database.read(lambda c: times.of(c, SERVICE, "llama")) == 3_000
    reads = 0
    while (known := times.known(SERVICE, "llama")) is not None:
        assert known == 3_000
        reads += 1
    assert 0 < reads < 1_000
