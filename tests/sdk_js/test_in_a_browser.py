"""The JavaScript package in a real Chromium, on a page of another origin than the API's."""

import asyncio
import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from tests.api.site import Site
from tests.sdk_js.working import ANSWER, working

PAGE = """<!doctype html>
<title>A page that uses the client</title>
<script type="importmap">
{"imports": {"@aitbc/client": "./node_modules/@aitbc/client/src/index.js"}}
</script>
"""

SCRIPT = """
async ({ baseUrl, chain, version }) => {
  const { AITBCClient, verifyReceipt } = await import('@aitbc/client');
  const client = new AITBCClient({ baseUrl, version });
  const { jobId } = await client.jobs.create({ payload: { prompt: 'Hello' } });
  const { result } = await client.jobs.getResult(jobId);
  const states = [];
  for await (const { type, data } of client.jobs.events(jobId)) {
    if (type === 'state') states.push(data.state);
  }
  // Taken up again, as after a break: the header for it passes the preflight.
  const again = [];
  for await (const { data } of client.jobs.events(jobId, { since: '0' })) again.push(data.state);
  const watched = [];
  for await (const { state } of client.jobs.watch(jobId)) watched.push(state);
  const heard = [];
  for await (const { type } of client.listen()) {
    heard.push(type);
    break;
  }
  const verdict = await client.receipts.check(jobId, { chain });
  const { transaction } = await client.receipts.transaction(jobId);
  const forged = transaction.replace(/^(.{40})./, '$1' + (transaction[40] === '0' ? '1' : '0'));
  const lie = await verifyReceipt({ transaction: forged, chain });
  const refused = await client.jobs.get('job_unknown').catch((error) => error);
  return {
    output: result.output, states, again, watched, heard, verdict: verdict.valid, lie: lie.valid,
    refused: [refused.name, refused.status, refused.errorCode, refused.requestId !== ''],
  };
}
"""

WITH_KEY = """
async ({ baseUrl, apiKey }) => {
  const { AITBCClient } = await import('@aitbc/client');
  const client = new AITBCClient({ baseUrl, apiKey });
  for await (const { type } of client.listen()) return type;
}
"""


class _Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder, and says nothing."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        """Say nothing."""


@pytest.fixture
def page_url(installed: Path) -> Iterator[str]:
    """Serve a page with the package, at an origin of its own."""
    (installed / "index.html").write_text(PAGE)
    handler = functools.partial(_Quiet, directory=str(installed))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/index.html"
        server.shutdown()
        thread.join()


@pytest.mark.browser
async def test_a_page_orders_a_job_hears_of_it_and_checks_its_receipt(
    site: Site, page_url: str, chromium: str
) -> None:
    chain = site.world.chain
    given = {
        "baseUrl": site.url,
        "version": "2026-05-11",
        "chain": {
            "chainId": chain.chain_id,
            "genesisDigest": chain.tags.genesis_digest.hex(),
        },
    }
    async with working(site), async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page()
        await page.goto(page_url)
        async with asyncio.timeout(90):
            found = await page.evaluate(SCRIPT, given)
            key = {"baseUrl": site.url, "apiKey": await site.key()}
            assert await page.evaluate(WITH_KEY, key) == "connected"
        await browser.close()
    assert found["output"] == ANSWER
    assert found["states"][-1] == found["watched"][-1] == "COMPLETED"
    assert found["again"][-1] == "COMPLETED"
    assert found["heard"] == ["connected"]
    assert (found["verdict"], found["lie"]) == (True, False)
    assert found["refused"] == ["ApiError", 404, "JOB_NOT_FOUND", True]
