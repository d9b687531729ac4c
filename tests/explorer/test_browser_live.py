"""Open pages in a real Chromium while the chain goes on: what waits, and what a gap does."""

import json
import re
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, WebSocketRoute, expect, sync_playwright

from coordinator.ports import TransactionStatus
from explorer_web import Whereabouts
from ledger.keys import format_address
from tests.explorer.browsing import Reader, reading
from tests.explorer.moving import do, extend, moving_chain
from tests.explorer.serving import Served, serve
from tests.ledger.offers import offer
from tests.ledger.worlds import PEOPLE, World

pytestmark = pytest.mark.browser

PATIENCE_MS = 60_000
"""Limit of whatever a test waits for, on a busy machine."""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A Chromium for all tests of this file."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The explorer over a chain that tests extend."""
    with moving_chain(tmp_path_factory.mktemp("live")) as chain, serve(chain) as served:
        yield served


class Wire:
    """The socket of a page, as a test holds it: it can lose texts, and break."""

    def __init__(self, page: Page) -> None:
        self.loses_next = False
        self.is_down = False
        self.sockets: list[WebSocketRoute] = []
        page.route_web_socket("**/live", self._join)

    def cut(self) -> None:
        """Break the connection."""
        self.sockets[-1].close(code=1011, reason="cut")

    def _join(self, socket: WebSocketRoute) -> None:
        if self.is_down:
            socket.close(code=1011)
            return
        server = socket.connect_to_server()
        self.sockets.append(socket)

        def deliver(text: str | bytes) -> None:
            if self.loses_next and json.loads(text)["kind"] == "blocks":
                self.loses_next = False
                return
            socket.send(text)

        server.on_message(deliver)


def heights_of(page: Page) -> list[int]:
    """Return the heights in the list of blocks, as they stand."""
    cells = page.locator("main tbody th").all_inner_texts()
    return [int(cell.replace(",", "")) for cell in cells]


def expect_listening(page: Page) -> None:
    """Wait until the page was told something."""
    expect(page.locator("#strip[data-heard]")).to_be_visible()


def expect_newest(page: Page, newest: int) -> None:
    """Wait until the list begins with a block, and has each one below it once."""
    expect(page.locator("main tbody th").first).to_have_text(str(newest))
    shown = heights_of(page)
    assert len(shown) >= 25
    assert shown == list(range(newest, newest - len(shown), -1))


def final_height(moving: Served) -> int:
    return moving.chain.world.final.header.height


def open_blocks(reader: Reader) -> None:
    """Open the list of blocks and wait until it listens."""
    reader.open("/blocks")
    expect_listening(reader.page)


def test_new_blocks_wait_until_they_are_asked_for(browser: Browser, moving: Served) -> None:
    with reading(browser, moving.url) as reader:
        page = reader.page
        open_blocks(reader)
        before = heights_of(page)
        extend(moving.chain, 3)
        expect(page.get_by_role("button", name="3 new blocks, show")).to_be_visible()
        expect(page.get_by_role("status").and_(page.locator("#told"))).to_have_text("3 new blocks")
        expect(page.locator("#strip")).to_contain_text(f"final {final_height(moving)}")
        assert heights_of(page) == before
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.get_by_role("button", name="3 new blocks, show").click()
        newest = final_height(moving)
        assert heights_of(page) == [newest, newest - 1, newest - 2, *before]
        assert asked == []
        expect(page.locator(".live-part")).to_be_focused()
        extend(moving.chain)
        expect(page.get_by_role("button", name="1 new block, show")).to_be_visible()
        assert reader.policy_violations() == []


def test_new_jobs_are_told_after_others_were_shown(browser: Browser, moving: Served) -> None:
    with reading(browser, moving.url) as reader:
        page = reader.page
        reader.open("/jobs")
        expect_listening(page)
        for _ in range(2):
            shown = page.locator("main tbody tr").count()
            # The text of the very next block tells of it.
            do(moving.chain, World.submit)
            page.get_by_role("button", name="1 new job, show").click()
            expect(page.locator("main tbody tr")).to_have_count(shown + 1)
            expect(page.locator(".live-part")).to_be_focused()


def test_what_came_before_a_page_could_listen_is_told(browser: Browser, moving: Served) -> None:
    with reading(browser, moving.url) as reader:
        page = reader.page
        page.clock.install()
        wire = Wire(page)
        wire.is_down = True
        reader.open("/jobs")
        expect(page.locator("#strip strong")).to_have_text("reconnecting")
        do(moving.chain, World.submit)
        wire.is_down = False
        page.clock.run_for(30_000)
        expect(page.get_by_role("button", name="1 new job, show")).to_be_visible()


def test_rows_beyond_the_height_that_a_page_read_are_shown_once(
    browser: Browser, moving: Served
) -> None:
    with reading(browser, moving.url) as reader:
        page = reader.page
        open_blocks(reader)
        # As if the index had written two blocks between the reads of its height and of its rows.
        behind = final_height(moving) - 2
        page.evaluate(f"document.querySelector('.live').dataset.height = {behind}")
        extend(moving.chain)
        page.get_by_role("button", name="1 new block, show").click()
        expect_newest(page, final_height(moving))


def test_every_list_either_tells_what_is_new_or_offers_to_be_loaded_again(
    browser: Browser, moving: Served
) -> None:
    do(moving.chain, lambda world: (world.register(), offer(world)))
    account = format_address(PEOPLE.client.address)
    told = ("blocks", "transactions", "jobs", "receipts", "miners")
    others = ("market/offers", "validators/changes", "validators/ballots", "stats/hours", "market",
              "stats/failures", f"accounts/{account}/activity", f"accounts/{account}",
              "jobs?phase=failed", "validators")  # fmt: skip
    with reading(browser, moving.url) as reader:
        page = reader.page
        for path in (*told, *others):
            reader.open("/" + path)
            expect_listening(page)
            assert page.locator("[data-live]").count() == (path in told), path
            assert page.locator(".news:visible, #again:visible").count() == 0, path
            assert "NaN" not in page.locator("body").inner_text(), path
        extend(moving.chain)
        page.get_by_role("link", name="load this page again").click()
        expect(page.locator("#again")).to_be_hidden()
        expect_listening(page)
        assert f"final {final_height(moving)}" in page.locator("#strip").inner_text()


def test_the_strip_changes_in_place_so_that_its_link_keeps_the_focus(
    browser: Browser, moving: Served
) -> None:
    with reading(browser, moving.url) as reader:
        page = reader.page
        open_blocks(reader)
        link = page.locator("#strip .strip-facts a")
        link.focus()
        extend(moving.chain)
        expect(link).to_have_attribute("href", f"/blocks/{final_height(moving)}")
        expect(link).to_have_text(str(final_height(moving)))
        expect(link).to_be_focused()


def test_a_pending_page_advances_aloud_and_keeps_the_focus(
    browser: Browser, moving: Served
) -> None:
    node, pending = moving.chain.node, bytes.fromhex("cd" * 32)
    node.known[pending] = Whereabouts(TransactionStatus.POOLED)
    with reading(browser, moving.url) as reader:
        page = reader.page
        reader.open(f"/transactions/{pending.hex()}")
        expect_listening(page)
        page.get_by_role("link", name="Look again").focus()
        node.known[pending] = Whereabouts(TransactionStatus.INCLUDED)
        extend(moving.chain)
        expect(page.locator("#told")).to_have_text(
            "This transaction is included, and not final yet"
        )
        expect(page.get_by_role("heading", level=1)).to_contain_text("not final yet")
        expect(page.get_by_role("link", name="Look again")).to_be_focused()


def test_a_page_that_asks_too_often_stays_as_it_is(browser: Browser, moving: Served) -> None:
    with reading(browser, moving.url) as reader:
        page = reader.page
        reader.open("/transactions")
        expect_listening(page)
        extend(moving.chain)
        page.route("**/transactions", lambda route: route.fulfill(status=429, body="Too many."))
        page.get_by_role("button", name="1 new transaction, show").click()
        expect(page.locator(".news")).to_have_text("The node does not answer; try again")
        page.unroute("**/transactions")
        page.locator(".news-show").click()
        expect(page.locator(".news")).to_be_hidden()
        # Chromium reports the answer that this test made.
        reader.troubles[:] = [each for each in reader.troubles if "429" not in each]


def test_a_text_that_was_lost_is_noticed_and_the_list_asked_for_anew(
    browser: Browser, moving: Served
) -> None:
    with reading(browser, moving.url) as reader:
        page = reader.page
        wire = Wire(page)
        reader.open("/blocks")
        expect(page.locator("#pause")).to_be_visible()
        expect_listening(page)
        wire.loses_next = True
        extend(moving.chain)
        while wire.loses_next:
            # Lets Playwright deliver what came.
            page.wait_for_timeout(20)
        extend(moving.chain)
        button = page.get_by_role("button", name="2 new blocks, show")
        expect(button).to_be_visible()
        with page.expect_request("**/blocks"):
            button.click()
        expect_newest(page, final_height(moving))


def let_time_pass_until(page: Page, text: str) -> None:
    """Let the page's time pass until its strip says something.

    The page learns of a cut a moment after it, and only then sets the time of its next try.
    """
    limit_s = time.monotonic() + PATIENCE_MS / 1_000
    while page.locator("#strip strong").inner_text() != text:
        assert time.monotonic() < limit_s, page.locator("#strip").inner_text()
        page.clock.run_for(500)


def test_a_page_comes_back_by_itself_and_learns_what_it_missed(
    browser: Browser, moving: Served
) -> None:
    with reading(browser, moving.url) as reader:
        page = reader.page
        page.clock.install()
        wire = Wire(page)
        reader.open("/blocks")
        expect_listening(page)
        # As long as no try succeeds: one comes within a second, at random.
        wire.is_down = True
        wire.cut()
        expect(page.locator("#strip strong")).to_have_text("reconnecting")
        expect(page.locator("#told")).to_have_text("Status: reconnecting")
        extend(moving.chain, 2)
        wire.is_down = False
        let_time_pass_until(page, "live")
        expect(page.get_by_role("button", name="2 new blocks, show")).to_be_visible()
        assert len(wire.sockets) == 2
        page.get_by_role("button", name="2 new blocks, show").click()
        expect_newest(page, final_height(moving))


def test_a_reader_pauses_a_page_and_lets_it_go_on(browser: Browser, moving: Served) -> None:
    with reading(browser, moving.url) as reader:
        page = reader.page
        open_blocks(reader)
        page.get_by_role("button", name="Pause").click()
        expect(page.locator("#strip strong")).to_have_text("paused")
        extend(moving.chain)
        page.get_by_role("button", name="Resume").click()
        expect(page.get_by_role("button", name="1 new block, show")).to_be_visible()
        expect(page.locator("#strip strong")).to_have_text("live")


def test_an_open_overview_follows_the_chain(browser: Browser, moving: Served) -> None:
    node = moving.chain.node
    with reading(browser, moving.url) as reader:
        page = reader.page
        reader.open("/")
        expect_listening(page)
        expect(page.locator(".health")).to_contain_text("Live")
        extend(moving.chain, 2)
        blocks = page.locator(".tiles dd").first
        expect(blocks).to_have_text(str(final_height(moving) + 1))
        page.get_by_role("button", name="2 new blocks, show").click()
        expect(page.locator("#blocks tbody tr").first).to_contain_text(str(final_height(moving)))
        node.now_ms += 120_000
        expect(page.locator(".health")).to_contain_text("Stale")
        node.now_ms -= 120_000
        expect(page.locator(".health")).to_contain_text("Live")
        assert reader.policy_violations() == []


def test_the_strip_counts_the_seconds_of_a_silent_chain(browser: Browser, moving: Served) -> None:
    with reading(browser, moving.url) as reader:
        page = reader.page
        page.clock.install()
        reader.open("/blocks")
        expect_listening(page)
        page.clock.run_for(33_000)
        expect(page.locator("#strip strong")).to_have_text(re.compile(r"stale for 3\d s"))


def test_the_strip_says_when_the_node_does_not_answer(browser: Browser, moving: Served) -> None:
    with reading(browser, moving.url) as reader:
        page = reader.page
        page.clock.install()
        wire = Wire(page)
        reader.open("/blocks")
        expect_listening(page)
        page.route("**/fragments/strip", lambda route: route.abort())
        wire.is_down = True
        wire.cut()
        let_time_pass_until(page, "no answer from the node")
        wire.is_down = False
        page.unroute("**/fragments/strip")
        let_time_pass_until(page, "live")
        # Chromium reports the request that this test made fail.
        others = [each for each in reader.troubles if "ERR_FAILED" not in each]
        assert others == []
        reader.troubles.clear()
