"""The JavaScript package against a coordinator that is served over real HTTP."""

from tests.api.site import Site
from tests.sdk_js.programs import WEBSOCKET, Program
from tests.sdk_js.working import working


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
