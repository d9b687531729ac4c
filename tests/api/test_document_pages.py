"""Swagger UI, ReDoc and the documents themselves, as a browser sees them."""

import re

import pytest
from playwright.async_api import Page, async_playwright

from coordinator.presenters import SERVED
from tests.api.node_site import NodeSite
from tests.api.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def site(site_of_module: Site) -> Site:
    """Return the module's site: its tests leave nothing behind that another one minds."""
    return site_of_module


async def shown(page: Page, url: str, text: str) -> str:
    """Open a page, wait until its document shows a text, and return all that it shows."""
    await page.goto(url)
    await page.locator("main").get_by_text(text).locator("visible=true").first.wait_for()
    return await page.locator("body").inner_text()


@pytest.mark.browser
async def test_both_viewers_show_the_document_and_ask_nobody_else(
    site: Site, chromium: str
) -> None:
    prefix = "/api"  # the harder case: nothing may be asked of the root
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = await browser.new_page()
        asked: list[str] = []
        problems: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on(
            "console",
            lambda message: problems.append(message.text) if message.type == "error" else None,
        )

        text = await shown(page, f"{site.url}{prefix}/docs", "/v1/jobs/{job_id}/result")
        assert "AITBC Coordinator API" in text
        assert "Submit a new job" in text
        await page.get_by_text("Get network statistics").first.click()
        await page.get_by_role("button", name="Try it out").first.click()
        await page.get_by_role("button", name="Execute").first.click()
        # The answer, from the same prefix as the page.
        await page.get_by_text('"total_jobs": 0').first.wait_for()
        assert [url for url in asked if url.startswith(f"{site.url}{prefix}/v1/stats")] or [
            url for url in asked if url.startswith(f"{site.url}{prefix}/explorer/stats")
        ]

        older = f"{site.url}{prefix}/docs?version=2026-01-24"
        assert "version 2026-01-24" in await shown(page, older, "/v1/jobs/{job_id}/result")

        text = await shown(page, f"{site.url}{prefix}/redoc", "Submit a new job")
        assert "AITBC Coordinator API" in text

        # ReDoc shows its maker's logo from elsewhere; the page's policy forbids it.
        assert all(
            url.startswith((f"{site.url}{prefix}/", "data:", "blob:")) or "redoc" in url
            for url in asked
        ), asked
        assert [text for text in problems if "redoc" not in text.lower()] == []
        await browser.close()


@pytest.mark.row("2026-01-24.002.docs.swagger", "2026-01-24.002.docs.redoc")
@pytest.mark.parametrize("page", ["docs", "redoc"])
@pytest.mark.parametrize("prefix", ["", "/api"])
async def test_every_address_in_a_page_is_relative_and_answers(
    node_site: NodeSite, page: str, prefix: str
) -> None:
    response = await node_site.http.get(f"{prefix}/{page}")
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert all(f'href="{page}?version={version}"' in response.text for version in SERVED)
    addresses = re.findall(r'(?:href|src)="([^"]+)"', response.text)
    assert len(addresses) > 4
    for address in addresses:
        if address == "data:,":
            continue
        assert not re.match(r"[a-z]+:|/", address), address
        assert (await node_site.http.get(f"{prefix}/{address}")).status_code == 200, address


async def test_the_documents_are_there_by_version(site: Site) -> None:
    newest = (await site.http.get("/openapi.json")).json()
    assert newest["openapi"] == "3.1.0"
    assert newest["servers"][0]["url"] == "."
    by_date = (await site.http.get("/openapi/2026-05-11.json")).json()
    assert by_date["servers"][0]["url"] == ".."
    assert by_date["paths"] == newest["paths"]
    older = (await site.http.get("/api/openapi/2026-01-24.json")).json()
    assert older["components"]["schemas"].keys() >= {"JobRequest", "Job", "JobResult", "Receipt"}
    unknown = await site.http.get("/openapi/2025-01-01.json")
    assert (unknown.status_code, unknown.json()["error_code"]) == (404, "NOT_FOUND")
