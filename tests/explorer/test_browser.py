"""The pages in a real Chromium: with and without JavaScript, wide and narrow."""

import hashlib
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.explorer.browsing import AXE, PATIENCE_MS, PHONE, reading
from tests.explorer.chains import IndexedChain
from tests.explorer.paths import distinct_paths, page_paths
from tests.explorer.serving import Served

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A Chromium for all tests of this file; each test has tabs and storage of its own."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


def test_every_page_keeps_the_policy_raises_no_error_and_fits_a_phone(
    browser: Browser, site: Served, chain: IndexedChain
) -> None:
    with reading(browser, site.url, viewport=PHONE) as reader:
        for name, path in page_paths(chain).items():
            reader.open(path)
            assert reader.policy_violations() == [], name
            wide = reader.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"], name


def test_every_page_reads_the_same_without_javascript(
    browser: Browser, site: Served, chain: IndexedChain
) -> None:
    with reading(browser, site.url, java_script_enabled=False) as reader:
        for name, path in distinct_paths(chain).items():
            reader.open(path)
            expect(reader.page.locator("h1"), name).to_have_count(1)
            expect(reader.page.locator("#strip"), name).to_contain_text("live")
            expect(reader.page.locator("button.copy"), name).to_have_count(0)


def test_a_reader_without_javascript_gets_from_a_search_to_a_payment(
    browser: Browser, site: Served, chain: IndexedChain
) -> None:
    with reading(browser, site.url, java_script_enabled=False) as reader:
        page = reader.page
        reader.open("/")
        page.get_by_role("searchbox").fill(f"job_{chain.jobs['settled'].hex()}")
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Job "))
        page.locator("dt:has-text('Receipt') + dd a").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Receipt "))
        page.locator(".timeline li", has_text="Settled").locator("a").first.click()
        expect(page.locator("main")).to_contain_text("0.475 AITBC to")


def test_hostile_text_anywhere_in_an_address_neither_runs_nor_breaks_a_page(
    browser: Browser, site: Served
) -> None:
    hostile = quote("\u202e<script>window.hacked=1</script>\x00'\"onload=" + "x" * 10_000)
    places = [
        *("search?q", "blocks?from", "blocks?before", "transactions?account", "jobs?client"),
        *("jobs?phase", "receipts?miner", "stats?hours", "blocks/12?transactions"),
    ]
    paths = [f"/{place}={hostile}" for place in places]
    paths += [f"/{kind}/{hostile}" for kind in ("blocks", "jobs", "accounts", "miners")]
    with reading(browser, site.url, viewport=PHONE) as reader:
        for path in paths:
            answer = reader.page.goto(site.url + path)
            assert answer is not None
            assert answer.status in {200, 404}, path[:40]
            assert reader.page.evaluate("window.hacked") is None
            assert reader.policy_violations() == []
            wide = reader.page.evaluate("document.documentElement.scrollWidth")
            assert wide <= PHONE["width"], path[:40]
            assert len(reader.page.content()) < 60_000, path[:40]


def test_dark_is_dark_and_light_is_light(browser: Browser, site: Served) -> None:
    papers = []
    for scheme in ("light", "dark"):
        options: Any = {"color_scheme": scheme}
        with reading(browser, site.url, **options) as reader:
            reader.open("/")
            papers.append(reader.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert papers == ["rgb(246, 247, 245)", "rgb(16, 20, 21)"]


def test_the_keyboard_reaches_search_content_and_neighbours(browser: Browser, site: Served) -> None:
    with reading(browser, site.url) as reader:
        page = reader.page
        reader.open("/blocks/12")
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        expect(page.locator(".skip")).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("#content")).to_be_focused()
        page.keyboard.press("/")
        expect(page.locator("#q")).to_be_focused()
        expect(page.locator("#q")).to_have_value("")
        page.keyboard.press("Escape")
        page.locator("#content").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("heading", level=1)).to_have_text("Block 13")
        page.keyboard.press("ArrowLeft")
        expect(page.get_by_role("heading", level=1)).to_have_text("Block 12")


def test_suggestions_are_heard_walked_through_and_put_away(
    browser: Browser, site: Served, chain: IndexedChain
) -> None:
    with reading(browser, site.url) as reader:
        page = reader.page
        reader.open("/")
        box, hits = page.locator("#q"), page.locator(".suggestions a")
        box.press_sequentially(chain.transfer.hex()[:8])
        expect(hits).to_have_count(1)
        expect(page.locator("#told")).to_have_text("1 found")
        page.keyboard.press("ArrowDown")
        expect(hits).to_be_focused()
        page.keyboard.press("ArrowUp")
        expect(box).to_be_focused()
        page.locator(".health").click()
        expect(hits).to_be_hidden()
        box.focus()
        expect(hits).to_be_visible()
        page.keyboard.press("Escape")
        expect(hits).to_have_count(0)
        expect(box).to_have_value(chain.transfer.hex()[:8])
        box.press_sequentially(chain.transfer.hex()[8:10])
        expect(hits).to_have_count(1)
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("^Transaction "))


def test_an_id_is_copied_in_full(browser: Browser, site: Served, chain: IndexedChain) -> None:
    with reading(browser, site.url, permissions=["clipboard-read", "clipboard-write"]) as reader:
        reader.open(f"/jobs/{chain.jobs['settled'].hex()}")
        reader.page.get_by_role("button", name="Copy Job id").click()
        expect(reader.page.get_by_text("Copied", exact=True)).to_be_visible()
        expect(reader.page.locator("#told")).to_have_text("Copied: Job id")
        copied = reader.page.evaluate("navigator.clipboard.readText()")
        assert copied == chain.jobs["settled"].hex()


def test_axe_is_the_file_that_the_list_of_vendored_files_names() -> None:
    listed = (AXE.parents[4] / "docs" / "vendored.md").read_text()
    for file in AXE.parent.iterdir():
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        assert re.search(rf"axe-core/{re.escape(file.name)}` .*`{digest}`", listed), file.name
