"""The JavaScript package against a coordinator that is served over real HTTP."""

import json

import pytest

from tests.api.documents import FOLDER
from tests.api.site import Site
from tests.sdk_js.programs import WEBSOCKET, Program
from tests.sdk_js.working import RESULTS, working


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
    site: Site, program: Program
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


async def test_everything_that_a_client_asks_for(closed_site: Site, program: Program) -> None:
    site = closed_site
    chain = site.world.chain
    assert await program.test(
        "site.test.mjs",
        site.url,
        API_KEY=await site.key(),
        CHAIN_ID=chain.chain_id,
        GENESIS_DIGEST=chain.tags.genesis_digest.hex(),
    )


async def test_a_job_is_done_watched_and_checked(site: Site, program: Program) -> None:
    chain = site.world.chain
    has_flag = await program.has_websocket_flag()
    async with working(site):
        assert await program.test(
            "jobs.test.mjs",
            site.url,
            WEBSOCKET if has_flag else (),
            CHAIN_ID=chain.chain_id,
            GENESIS_DIGEST=chain.tags.genesis_digest.hex(),
        )
