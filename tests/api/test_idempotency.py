"""One effect for a request that is sent again, while it runs, afterwards, and after a death."""

import asyncio
import threading
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.config import Limits
from coordinator.database.idempotency_tables import idempotency_keys
from coordinator.http.repeats import KEY_LENGTH_MAX, read_key
from coordinator.idempotency import IdempotencyKeyInvalid, forget_answers_about
from coordinator.idempotency.model import RETENTION_MS
from tests.api.site import MINER, Site, running_site
from tests.coordinator.world import PATIENCE_S
from tests.processes import NodeFolder, start_node

PROMPT = {"prompt": "Why is the sky blue?"}


def fresh() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


async def jobs_of(site: Site) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await site.http.get("/v1/jobs")).json()
    return listed


async def test_a_repeated_submission_gets_the_same_answer_and_makes_no_second_job(
    site: Site,
) -> None:
    key = fresh()
    first = await site.http.post("/v1/jobs", json=PROMPT, headers=key)
    again = await site.http.post("/v1/jobs", json=PROMPT, headers=key)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    for name in ("location", "aitbc-version", "aitbc-version-source", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["x-request-id"] != first.headers["x-request-id"]
    assert len(await jobs_of(site)) == 1


async def test_of_fifty_at_once_one_has_an_effect(site: Site) -> None:
    key = fresh()
    answers = await asyncio.gather(
        *(site.http.post("/v1/jobs", json=PROMPT, headers=key) for _ in range(50))
    )
    assert {answer.status_code for answer in answers} <= {201, 409}
    bodies = {answer.content for answer in answers if answer.status_code == 201}
    assert len(bodies) == 1
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["error_code"] == "IDEMPOTENCY_KEY_IN_FLIGHT"
            assert int(answer.headers["retry-after"]) >= 1
    assert len(await jobs_of(site)) == 1


@pytest.mark.parametrize("part", ["body", "path", "version", "query"])
async def test_another_request_under_the_same_key_is_refused(site: Site, part: str) -> None:
    key = fresh()
    assert (await site.http.post("/v1/jobs", json=PROMPT, headers=key)).status_code == 201
    other = {
        "body": ("/v1/jobs", {"prompt": "Why is it not?"}, {}),
        "path": ("/v1/miners/register", PROMPT, {}),
        "version": ("/v1/jobs", PROMPT, {"AITBC-Version": "2026-01-24"}),
        "query": ("/v1/jobs?a=b", PROMPT, {}),
    }[part]
    answer = await site.http.post(other[0], json=other[1], headers=key | other[2])
    assert answer.status_code == 422
    assert answer.json()["error_code"] == "IDEMPOTENCY_KEY_REUSED"
    assert len(await jobs_of(site)) == 1


async def test_keys_belong_to_the_client_and_are_bound_to_the_rights_of_its_api_key(
    site: Site,
) -> None:
    key = fresh()
    full = await site.key()
    async with site.with_key(full, **key) as one, site.with_key(await site.key(), **key) as two:
        mine, other = [await http.post("/v1/jobs", json=PROMPT) for http in (one, two)]
        assert mine.json()["job_id"] != other.json()["job_id"]
        issued = await one.post("/v1/clients/me/keys", json={"scopes": ["client"]}, headers=fresh())
    async with site.with_key(issued.json()["api_key"], **key) as lesser:
        assert (await lesser.post("/v1/jobs", json=PROMPT)).status_code == 422


async def test_a_refusal_is_not_kept_so_that_the_same_request_may_succeed_later(
    folder: Path,
) -> None:
    async with running_site(folder, limits=Limits(open_jobs_per_client_max=1)) as site:
        first = await site.queued(PROMPT)
        key = fresh()
        refused = await site.http.post("/v1/jobs", json=PROMPT, headers=key)
        assert refused.status_code == 429
        assert (await site.http.post(f"/v1/jobs/{first}/cancel")).status_code == 200
        assert (await site.http.post("/v1/jobs", json=PROMPT, headers=key)).status_code == 201


async def test_a_key_is_remembered_for_a_day(site: Site) -> None:
    world, key = site.world, fresh()
    first = (await site.http.post("/v1/jobs", json=PROMPT, headers=key)).json()
    await world.pass_time(RETENTION_MS / 1_000)
    assert (await site.http.post("/v1/jobs", json=PROMPT, headers=key)).json() == first
    await world.pass_time(1)
    second = (await site.http.post("/v1/jobs", json=PROMPT, headers=key)).json()
    assert second["job_id"] != first["job_id"]
    await world.pass_time(RETENTION_MS / 1_000 + 61)
    assert await rows(site) == []


async def rows(site: Site) -> list[Any]:
    query = idempotency_keys.select()
    return list(await site.world.services.core.database.read(lambda c: c.execute(query).all()))


async def test_neither_key_nor_answer_can_be_read_in_the_database(site: Site) -> None:
    key = fresh()
    await site.http.post("/v1/jobs", json=PROMPT, headers=key)
    other = fresh()
    made = await site.http.post("/v1/clients", json={"label": "x"}, headers=other)
    again = await site.http.post("/v1/clients", json={"label": "x"}, headers=other)
    assert again.json()["api_key"] == made.json()["api_key"]
    stored = b"".join(bytes(str(row), "utf-8") + row.answer for row in await rows(site))
    for secret in (key["Idempotency-Key"], "blue", made.json()["api_key"]):
        assert secret.encode() not in stored


async def test_answers_about_a_job_go_with_its_content_and_its_key_stays_used(site: Site) -> None:
    key = fresh()
    await site.register()
    first = (await site.http.post("/v1/jobs", json=PROMPT, headers=key)).json()
    job_id = bytes.fromhex(first["job_id"].removeprefix("job_"))
    assert await site.world.chain.wait_final(job_id, PATIENCE_S) is not None
    assert (await site.claim(first["job_id"])).status_code == 200
    release, body = (
        f"/v1/jobs/{first['job_id']}/release",
        {"miner_id": MINER, "reason": "RUNNER_FAILED"},
    )
    released = await site.http.post(release, json=body, headers=fresh())
    assert released.status_code == 200, released.text
    database = site.world.services.core.database
    await database.write(lambda c: forget_answers_about(c, [job_id]))
    assert [row.answer for row in await rows(site)] == [None, None]
    again = await site.http.post("/v1/jobs", json=PROMPT, headers=key)
    assert again.json()["job_id"] == first["job_id"]
    assert "idempotency-replayed" not in again.headers


async def test_without_an_api_key_the_key_has_to_be_unguessable(site: Site) -> None:
    short = {"Idempotency-Key": "1"}
    answer = await site.http.post("/v1/clients", json={}, headers=short)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "IDEMPOTENCY_KEY_INVALID")
    assert (await site.http.post("/v1/jobs", json=PROMPT, headers=short)).status_code == 201


async def test_questions_do_not_look_at_the_key(site: Site) -> None:
    await site.register()
    key = fresh()
    for wait_s in (0, 1):
        body = {"miner_id": "my-miner-001", "wait_s": wait_s}
        assert (await site.http.post("/v1/miners/poll", json=body, headers=key)).status_code == 200
    assert await rows(site) == []


async def test_nothing_is_kept_of_what_is_the_same_when_done_twice(site: Site) -> None:
    await site.register()
    job_id = await site.queued(PROMPT)
    for path in ("claim", "complete"):
        body = {"miner_id": MINER} | ({"result": "Because."} if path == "complete" else {})
        answers = [
            await site.http.post(f"/v1/jobs/{job_id}/{path}", json=body, headers=fresh())
            for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert answers[0].json() == answers[1].json()
    other = await site.queued(PROMPT)
    for _ in range(3):
        cancelled = await site.http.post(f"/v1/jobs/{other}/cancel", headers=fresh())
        assert cancelled.status_code == 200
    assert await rows(site) == []


WITHOUT_KEY = {
    # Uploads by digest, transactions by id: sent twice they are there once.
    "/v1/artifacts",
    "/v1/chain/transactions",
    # Said again, it is still so.
    "/v1/jobs/{job_id}/accept",
    "/v1/jobs/{job_id}/cancel",
    "/v1/jobs/{job_id}/claim",
    "/v1/jobs/{job_id}/complete",
    "/v1/jobs/{job_id}/dispute",
    "/v1/jobs/{job_id}/heartbeat",
    "/v1/jobs/{job_id}/progress",
    "/v1/marketplace/offers/{offer_id}/withdraw",
    "/v1/miners/drain",
    "/v1/miners/heartbeat",
    # Questions.
    "/v1/jobs/quote",
    "/v1/miners/poll",
    "/v1/receipts/verify",
    "/v1/registry/services/validate",
    # Used up in a minute, and of no use to anybody else.
    "/v1/tickets",
}
"""Posts that a repetition does no harm to."""


async def test_every_other_post_takes_a_key_and_says_so_in_its_document(site: Site) -> None:
    document = (await site.http.get("/openapi.json")).json()
    posts = {path: item["post"] for path, item in document["paths"].items() if "post" in item}
    for path, operation in posts.items():
        names = {parameter.get("name") for parameter in operation["parameters"]}
        assert ("Idempotency-Key" in names) == (path not in WITHOUT_KEY), path
        assert ({"409", "422"} <= set(operation["responses"])) >= ("Idempotency-Key" in names)
    assert len(posts) > len(WITHOUT_KEY)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/jobs", {"payload": {"prompt": "Hello"}}),
        ("/v1/services/llm/inference", {"model": "llama3.2", "prompt": "Hello"}),
    ],
)
async def test_whatever_route_makes_a_job_makes_it_once(
    site: Site, path: str, body: dict[str, Any]
) -> None:
    key = fresh()
    answers = [await site.http.post(path, json=body, headers=key) for _ in range(3)]
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["job_id"] for answer in answers}) == 1
    assert len(await jobs_of(site)) == 1


@given(st.text(max_size=2 * KEY_LENGTH_MAX))
def test_a_key_is_short_printable_ascii_or_refused(text: str) -> None:
    try:
        key = read_key([text])
    except IdempotencyKeyInvalid:
        return
    assert key is not None
    assert 1 <= len(key) <= KEY_LENGTH_MAX
    assert key.isascii()
    assert key.isprintable()


def test_a_key_may_stand_in_quotes_as_the_draft_has_it() -> None:
    assert read_key(['"a \\"b\\" c"']) == 'a "b" c'
    assert read_key(['"8e03978e"']) == read_key([" 8e03978e "]) == "8e03978e"
    assert read_key([]) is None
    for wrong in (["a", "b"], ['"'], ["a,b"], ["ä"], [""], ["x" * 129]):
        with pytest.raises(IdempotencyKeyInvalid):
            read_key(wrong)


def test_a_node_killed_between_effect_and_answer_answers_the_repetition_with_the_same_job(
    tmp_path: Path,
) -> None:
    folder = NodeFolder(tmp_path / "n", with_coordinator=True)
    key = fresh()
    with start_node(folder) as node, node.client() as http:
        seen = wait_for_the_effect(http, key)
        node.kill()
    with start_node(folder) as node, node.client() as http:
        again = http.post("/v1/jobs", json=PROMPT, headers=key)
        assert again.status_code == 201, again.text
        assert again.json()["job_id"] == seen["job_id"]
        repeated = http.post("/v1/jobs", json=PROMPT, headers=key)
        assert repeated.content == again.content
        assert repeated.headers["idempotency-replayed"] == "true"
        assert [job["job_id"] for job in http.get("/v1/jobs").json()] == [seen["job_id"]]


def wait_for_the_effect(http: httpx.Client, key: dict[str, str]) -> dict[str, Any]:
    """Send a submission whose answer waits for an end that does not come; return its job."""
    request = threading.Thread(
        target=lambda: try_to_post(str(http.base_url), key | {"Prefer": "wait=30"}), daemon=True
    )
    request.start()
    while True:
        jobs: list[dict[str, Any]] = http.get("/v1/jobs").json()
        if jobs:
            return jobs[0]


def try_to_post(url: str, headers: dict[str, str]) -> None:
    try:
        httpx.post(f"{url}/v1/jobs", json=PROMPT, headers=headers, timeout=40)
    except httpx.HTTPError:
        return
    raise AssertionError("answered before the end of the process")
