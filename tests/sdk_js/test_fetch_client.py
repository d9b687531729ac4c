"""The fetch client that document 004 prints, with nothing changed in it but the base URL."""

import json

import pytest

from tests.api.documents import printed
from tests.api.site import Site
from tests.sdk_js.programs import Program
from tests.sdk_js.working import ANSWER, working


@pytest.mark.row(
    "2026-01-24.004.sdk.fetch.construct",
    "2026-01-24.004.sdk.fetch.usage",
)
@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_the_usage_of_004_logs_the_answer(site: Site, program: Program, prefix: str) -> None:
    async with working(site):
        ran = await program.run(printed("fetch-client.js.txt", site.url + prefix), "")
    assert (ran.code, ran.out, ran.err) == (0, f"{ANSWER}\n", "")


@pytest.mark.row(
    "2026-01-24.004.sdk.fetch.submitJob",
    "2026-01-24.004.sdk.fetch.getJob",
    "2026-01-24.004.sdk.fetch.waitForJob",
)
async def test_the_client_of_004_submits_asks_and_waits_for_each_of_the_three_ends(
    site: Site, program: Program
) -> None:
    """`failed` is how a failed job ends, and an expired one."""
    completed = await site.done({"prompt": "Hello"}, ANSWER)
    failed = await site.failed({"prompt": "Hello"})
    cancelled = await site.queued({"prompt": "Hello"})
    await site.http.post(f"/v1/jobs/{cancelled}/cancel")
    expired = await site.queued({"prompt": "Hello", "ttl_seconds": 1})
    await site.world.pass_time(60)
    client, _, _ = printed("fetch-client.js.txt", site.url).partition("// Usage")
    use = f"""
        const client = new CoordinatorClient({json.dumps(site.url)}, 'your-api-key');
        const found = [await client.submitJob('Hi', 'llama3.2', {{ max_tokens: 5, seed: 7 }})];
        found.push(await client.getJob(found[0].job_id));
        for (const id of {json.dumps([completed, failed, expired, cancelled])}) {{
          found.push(await client.waitForJob(id));
        }}
        console.log(JSON.stringify(found));
    """
    ran = await program.run(client + use, "")
    assert (ran.code, ran.err) == (0, "")
    submitted, shown, *ended = json.loads(ran.out)
    assert submitted["job_id"].startswith("job_")
    assert (shown["job_id"], shown["status"]) == (submitted["job_id"], "pending")
    assert [job["status"] for job in ended] == ["completed", "failed", "failed", "cancelled"]
    assert ended[0]["result"] == ANSWER
    reached = await site.world.get(bytes.fromhex(submitted["job_id"].removeprefix("job_")))
    assert (reached.spec.params["max_tokens"], reached.spec.params["seed"]) == (5, 7)
