"""The JavaScript that documents print, and the package, against a node in a process of its own."""

import json
from collections.abc import Iterator

import pytest

from tests.api.documents import FOLDER, printed
from tests.api.node_site import NodeSite, contract_of_declarations, keyless_site_on, running_node
from tests.processes import NodeProcess
from tests.sdk_js.programs import Program
from tests.sdk_js.working import ANSWER, RESULTS, working


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    with running_node(tmp_path_factory.mktemp("js") / "node") as node:
        yield node


@pytest.fixture
def site(node: NodeProcess) -> NodeSite:
    """Return the demo identity, which all printed programs are."""
    return keyless_site_on(node, contract_of_declarations())


async def test_units_are_sent_and_the_chain_is_followed(
    program: Program, node: NodeProcess
) -> None:
    assert await program.test("transfers.test.mjs", node.url) == 3


def fill_dots(program: str) -> str:
    """Return document 000's program with its dots replaced by what its example has besides."""
    example = json.loads((FOLDER / "create-job-2024-01-01.json").read_text())
    rest = {name: example[name] for name in example if name not in {"name", "type"}}
    assert program.count("  ...\n") == 1
    return program.replace("  ...\n", f"  ...{json.dumps(rest)},\n")


@pytest.mark.row(
    "2024-01-01.000.sdk.js.construct",
    "2024-01-01.000.sdk.js.jobs.create",
    "2024-01-01.000.sdk.js.jobs.getResults",
)
async def test_the_program_of_000_creates_a_job_and_gets_its_results(
    site: NodeSite, program: Program
) -> None:
    printed = fill_dots((FOLDER / "aitbc-client.js.txt").read_text())
    async with working(site):
        ran = await program.run(
            f"{printed}\nconsole.log(JSON.stringify([job, results]));", site.url
        )
    assert (ran.code, ran.err) == (0, "")
    job, results = json.loads(ran.out)
    assert set(job) == {"jobId", "status", "createdAt", "estimatedCompletion"}
    assert (results["jobId"], results["status"]) == (job["jobId"], "completed")
    assert results["results"] == RESULTS


@pytest.mark.row(
    "2026-01-24.004.sdk.fetch.construct",
    "2026-01-24.004.sdk.fetch.usage",
)
@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_the_usage_of_004_logs_the_answer(
    site: NodeSite, program: Program, prefix: str
) -> None:
    async with working(site):
        ran = await program.run(printed("fetch-client.js.txt", site.url + prefix), "")
    assert (ran.code, ran.out, ran.err) == (0, f"{ANSWER}\n", "")


@pytest.mark.row(
    "2026-01-24.004.sdk.fetch.submitJob",
    "2026-01-24.004.sdk.fetch.getJob",
    "2026-01-24.004.sdk.fetch.waitForJob",
)
async def test_the_client_of_004_submits_asks_and_waits_for_each_of_the_three_ends(
    site: NodeSite, program: Program
) -> None:
    """`failed` is how a failed job ends, and an expired one."""
    expired = await site.queued({"prompt": "Hello", "ttl_seconds": 2})
    await site.register()
    completed = await site.done({"prompt": "Hello"}, ANSWER)
    failed = await site.failed({"prompt": "Hello"})
    cancelled = await site.queued({"prompt": "Hello"})
    await site.http.post(f"/v1/jobs/{cancelled}/cancel")
    await site.refunded(expired)
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
    await site.escrowed(submitted["job_id"])
    lease = (await site.claim(submitted["job_id"])).json()
    assert (lease["params"]["max_tokens"], lease["params"]["seed"]) == (5, 7)
