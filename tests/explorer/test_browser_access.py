"""The pages for everybody: axe in both themes, high contrast, forced colours, and on paper."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.explorer.browsing import (
    CONTRAST,
    DESK,
    EVERYTHING,
    PATIENCE_MS,
    Reader,
    axe_faults,
    reading,
)
from tests.explorer.chains import IndexedChain
from tests.explorer.paths import AUDITED, page_paths
from tests.explorer.serving import Served

pytestmark = pytest.mark.browser

OPEN_ALL = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"
"""What is folded away is looked at, too."""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A Chromium for all tests of this file."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def tab(browser: Browser, site: Served) -> Iterator[Reader]:
    """One tab for all pages; a test that changes its media puts them back."""
    with reading(browser, site.url, viewport=DESK, color_scheme="light") as reader:
        yield reader


@pytest.fixture
def media(tab: Reader) -> Iterator[Any]:
    """Changes what the tab is shown on; puts it back afterwards."""
    yield tab.page.emulate_media
    tab.page.emulate_media(
        media="screen", color_scheme="light", forced_colors="none", contrast="no-preference"
    )


@pytest.mark.parametrize("name", AUDITED)
def test_axe_finds_nothing_to_object_to_in_light_and_dark(
    tab: Reader, media: Any, chain: IndexedChain, name: str
) -> None:
    tab.open(page_paths(chain)[name])
    tab.page.evaluate(OPEN_ALL)
    assert axe_faults(tab.page, EVERYTHING) == []
    # What does not depend on colours is the same in both themes.
    media(color_scheme="dark")
    assert axe_faults(tab.page, CONTRAST) == []


def test_axe_finds_nothing_to_object_to_in_what_a_search_suggests(
    tab: Reader, chain: IndexedChain
) -> None:
    tab.open("/verify")
    tab.page.locator("#q").press_sequentially(chain.jobs["settled"].hex()[:8])
    expect(tab.page.locator(".suggestions a")).to_have_count(2)
    assert axe_faults(tab.page, EVERYTHING) == []


def test_forced_colours_leave_every_state_to_be_told(tab: Reader, media: Any) -> None:
    media(forced_colors="active")
    tab.open("/styleguide")
    assert border(tab, ".badge", "Top") != "0px none"
    assert border(tab, ".cell-no", "Top") != "0px none"
    tab.open("/jobs")
    here, there = (
        tab.page.evaluate(f'getComputedStyle(document.querySelector("{link}")).borderBlockEndColor')
        for link in (".top nav a[aria-current]", ".top nav a:not([aria-current])")
    )
    paper = tab.page.evaluate("getComputedStyle(document.querySelector('.top')).backgroundColor")
    assert there == paper
    assert here != paper


def test_who_wants_more_contrast_gets_lines_around_states(tab: Reader, media: Any) -> None:
    tab.open("/styleguide")
    outline = "getComputedStyle(document.querySelector('.badge')).outlineStyle"
    assert tab.page.evaluate(outline) == "none"
    for theme in ("light", "dark"):
        media(contrast="more", color_scheme=theme)
        assert tab.page.evaluate(outline) == "solid"
        assert axe_faults(tab.page, CONTRAST) == []


def test_paper_has_everything_that_can_be_read_and_nothing_to_press(
    tab: Reader, media: Any, chain: IndexedChain
) -> None:
    media(media="print")
    tab.open(f"/transactions/{chain.transfer.hex()}")
    for hidden in (".top nav", ".search", "#pause", ".copy"):
        expect(tab.page.locator(hidden).first).to_be_hidden()
    raw = tab.page.locator(".raw pre").first
    room = raw.evaluate("(pre) => [pre.scrollHeight, pre.clientHeight]")
    assert room[1] > 0
    assert room[0] <= room[1]
    tab.open("/stats")
    table = tab.page.locator(".chart details table").first
    assert table.evaluate("(table) => table.getBoundingClientRect().height") > 0


def border(tab: Reader, selector: str, side: str) -> str:
    """Return width and style of a border."""
    style = f"getComputedStyle(document.querySelector('{selector}'))"
    told: str = tab.page.evaluate(f"{style}.border{side}Width + ' ' + {style}.border{side}Style")
    return told
