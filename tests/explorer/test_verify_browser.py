"""Proofs checked in a real Chromium: on a receipt's page, on /verify, and in the saved file."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, Page, expect, sync_playwright

from ledger.codec import encode
from tests.explorer.browsing import (
    AXE,
    CONTRAST,
    EVERYTHING,
    PATIENCE_MS,
    PHONE,
    Reader,
    axe_faults,
    reading,
)
from tests.explorer.proof_documents import (
    ACCOUNT,
    BUNDLES,
    CHECK_ALL,
    CHOOSE_ALL,
    HOSTILE,
    PIN,
    VECTORS,
    refusals,
)
from tests.explorer.proved_site import ProvedSite, proved_site
from tests.node.proved_node import ProvedNode

pytestmark = pytest.mark.browser

PLAIN_HOST = "plain-http.test"
"""Leads to this machine, but is no name of it: a page from there has no WebCrypto."""


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A Chromium that finds one more name on this machine."""
    expect.set_options(timeout=PATIENCE_MS)
    arguments = ["--no-sandbox", f"--host-resolver-rules=MAP {PLAIN_HOST} 127.0.0.1"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProvedSite]:
    """A site with receipts that a quorum made final."""
    with proved_site(tmp_path_factory.mktemp("proved")) as site:
        yield site


def altered_receipt(index: Path, node: ProvedNode) -> None:
    """Another price in the index of the pages; the chain is untouched."""
    receipt = node.index.receipt(node.receipt_at(node.story.first_receipt))
    assert receipt is not None
    content = encode(replace(receipt.content, price=receipt.content.price - 1))
    with closing(sqlite3.connect(index)) as database, database:
        changed = "UPDATE receipts SET content = ? WHERE receipt_id = ?"
        assert database.execute(changed, (content, receipt.receipt_id)).rowcount == 1


@pytest.fixture(scope="module")
def untrue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProvedSite]:
    """A site whose pages are five blocks behind its proofs, over an index that was altered."""
    folder = tmp_path_factory.mktemp("untrue")
    with proved_site(folder, alter=altered_receipt, behind=5) as site:
        yield site


@pytest.fixture(scope="module")
def saved_in(browser: Browser, site: ProvedSite, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the saved file."""
    folder = tmp_path_factory.mktemp("saved")
    with reading(browser, site.url) as reader:
        reader.open("/verify")
        with reader.page.expect_download() as download:
            reader.page.get_by_role("link", name="Save this verifier").click()
        assert download.value.suggested_filename == "aitbc-verifier.html"
        download.value.save_as(folder / "verifier.html")
    return folder


@pytest.fixture
def saved(browser: Browser, saved_in: Path) -> Iterator[Page]:
    """The saved file, opened from the disk by a browser without a network."""
    with reading(browser, f"file://{saved_in}", offline=True) as reader:
        reader.open("/verifier.html")
        yield reader.page
        assert reader.policy_violations() == []


def choose(page: Page, document: bytes) -> None:
    """Choose a file as a reader does."""
    file = {"name": "some.proof.json", "mimeType": "application/json", "buffer": document}
    page.get_by_label("Choose a bundle").set_input_files(file)  # type: ignore[arg-type]


def pin(page: Page, digest: str) -> None:
    page.get_by_label("Genesis digest that you trust").fill(digest)
    page.get_by_role("button", name="Pin it").click()


def test_a_receipt_is_verified_in_the_page_and_the_digest_is_pinned_once(
    browser: Browser, site: ProvedSite
) -> None:
    with reading(browser, site.url) as reader:
        page = reader.page
        verdict = page.locator(".verdict")
        start = page.get_by_role("button", name="Verify in your browser")
        reader.open(f"/receipts/{site.receipt.hex()}")
        start.click()
        expect(verdict).to_contain_text("a chain that you have not pinned")
        # Its own digest is only shown: that it is the right one, the bundle cannot say.
        expect(page.get_by_label("Genesis digest that you trust")).to_have_value("")
        expect(page.locator("[data-part=claims]")).to_contain_text(site.genesis_digest)
        pin(page, site.genesis_digest)
        expect(verdict).to_contain_text("Proved. All steps passed")
        expect(page.locator(".steps li.tone-good")).to_have_count(12)
        paid = page.locator("[data-step=payment]")
        expect(paid).to_contain_text("As proved: miner 0.00304 AITBC, coordinator")
        expect(page.locator("[data-part=claims]")).to_contain_text(site.receipt.hex())
        reader.open(f"/receipts/{site.other_receipt.hex()}")
        start.click()
        expect(verdict).to_contain_text("Proved. All steps passed")
        page.get_by_role("button", name="Forget it").click()
        expect(verdict).to_contain_text("a chain that you have not pinned")
        assert reader.policy_violations() == []


def test_transactions_and_balances_are_verified_in_their_pages(
    browser: Browser, site: ProvedSite
) -> None:
    with reading(browser, site.url) as reader:
        for path, proved in (
            (f"/transactions/{site.receipt.hex()}", "post_receipt"),
            (f"/accounts/{ACCOUNT}", "999994.991560544 AITBC"),
        ):
            reader.open(path)
            reader.page.get_by_role("button", name="Verify in your browser").click()
            expect(reader.page.locator(".verdict")).to_contain_text("have not pinned")
            expect(reader.page.locator("[data-part=claims]")).to_contain_text(proved)
        assert reader.policy_violations() == []


def test_a_digest_in_the_field_that_is_not_the_bundles_is_named(
    browser: Browser, site: ProvedSite
) -> None:
    with reading(browser, site.url) as reader:
        reader.open("/verify")
        reader.page.get_by_label("Genesis digest that you trust").fill("ab" * 32)
        choose(reader.page, json.dumps(BUNDLES["receipt"]).encode())
        verdict = reader.page.locator(".verdict")
        expect(verdict).to_contain_text("is not the one that stands in the field above")


def test_a_receipt_of_another_chain_than_the_pinned_one_is_refused(
    browser: Browser, site: ProvedSite
) -> None:
    with reading(browser, site.url) as reader:
        reader.open("/verify")
        pin(reader.page, "AB" * 32)
        reader.open(f"/receipts/{site.receipt.hex()}")
        reader.page.get_by_role("button", name="Verify in your browser").click()
        failed = reader.page.locator(".steps li.tone-bad")
        expect(failed).to_contain_text("GENESIS_OTHER")
        expect(failed).to_have_attribute("data-step", "genesis")


def test_a_receipt_that_an_altered_index_shows_is_told_from_the_proved_one(
    browser: Browser, untrue: ProvedSite
) -> None:
    with reading(browser, untrue.url) as reader:
        reader.open(f"/receipts/{untrue.other_receipt.hex()}")
        reader.page.get_by_role("button", name="Verify in your browser").click()
        pin(reader.page, untrue.genesis_digest)
        verdict = reader.page.locator(".verdict.tone-bad")
        expect(verdict).to_contain_text("The page shows something else than what is proved")
        failed = reader.page.locator(".steps li.tone-bad")
        expect(failed).to_have_attribute("data-step", "shown")
        expect(failed).to_contain_text("OTHER_VALUES price: ")
        expect(reader.page.get_by_text("What is proved", exact=True)).to_be_visible()


SHOW = """
([name, text]) => {
  const { dataset } = document.querySelector(".verification");
  dataset.shown = JSON.stringify({ ...JSON.parse(dataset.shown), [name]: text });
}
"""


def test_other_values_of_a_page_are_told_from_the_proved_ones(
    browser: Browser, site: ProvedSite
) -> None:
    with reading(browser, site.url) as reader:
        for path, name, text in (
            (f"/transactions/{site.receipt.hex()}", "fee", "9"),
            (f"/transactions/{site.receipt.hex()}", "signed", "92"),
            (f"/transactions/{site.receipt.hex()}", "to_string", "9"),
            (f"/accounts/{ACCOUNT}", "balance", "9"),
        ):
            reader.open(path)
            reader.page.evaluate(SHOW, [name, text])
            reader.page.get_by_role("button", name="Verify in your browser").click()
            failed = reader.page.locator(".steps li.tone-bad")
            named = f"OTHER_VALUES {name.replace('_', ' ')}: "
            expect(failed).to_contain_text(named)
            expect(reader.page.locator(".verdict.tone-bad")).to_contain_text("The page shows")


def test_an_account_that_has_moved_since_its_page_was_made_is_no_lie(
    browser: Browser, untrue: ProvedSite
) -> None:
    with reading(browser, untrue.url) as reader:
        reader.open(f"/accounts/{ACCOUNT}")
        reader.page.get_by_role("button", name="Verify in your browser").click()
        pin(reader.page, untrue.genesis_digest)
        verdict = reader.page.locator(".verdict.tone-wait")
        expect(verdict).to_contain_text("Proved, of another block than the page")
        step = reader.page.locator('.steps li[data-step="shown"]')
        expect(step).to_have_attribute("data-verdict", "differs")
        expect(step).to_contain_text("proved is 999994.991560544 AITBC after block")
        expect(reader.page.locator(".steps li.tone-bad")).to_have_count(0)


def test_the_proof_of_another_receipt_does_not_do(browser: Browser, site: ProvedSite) -> None:
    with reading(browser, site.url) as reader:
        other = f"{site.url}/v1/proofs/receipt/{site.other_receipt.hex()}"
        answer = reader.page.request.get(other).text()
        reader.page.route("**/v1/proofs/**", lambda route: route.fulfill(body=answer))
        reader.open(f"/receipts/{site.receipt.hex()}")
        reader.page.get_by_role("button", name="Verify in your browser").click()
        expect(reader.page.locator(".steps li.tone-bad")).to_contain_text("OTHER_OBJECT")
        expect(reader.page.get_by_text("What is proved")).to_be_hidden()


def test_a_node_without_the_proof_is_told_in_words(browser: Browser, site: ProvedSite) -> None:
    with reading(browser, site.url) as reader:
        missing = json.dumps({"detail": "Its block was pruned"})
        reader.page.route("**/v1/proofs/**", lambda route: route.fulfill(status=404, body=missing))
        reader.open(f"/receipts/{site.receipt.hex()}")
        reader.page.get_by_role("button", name="Verify in your browser").click()
        verdict = reader.page.locator(".verdict")
        expect(verdict).to_have_text("Not checked. The node answered 404. Its block was pruned")


def check_vectors(page: Page, refused: list[tuple[dict[str, str], tuple[str, str]]]) -> None:
    """Give a verifier everything that holds, and what does not."""
    choose(page, b"{}")
    expect(page.locator(".verdict.tone-bad")).to_be_visible()
    documents, wanted = zip(*refused, strict=True)
    found = page.evaluate(CHECK_ALL, list(documents))
    for (tone, step, code), expected in zip(found, wanted, strict=True):
        assert (tone, step, code) == ("verdict tone-bad", *expected)
    good = [each for each in VECTORS["bundles"] if each["trust"] == "pinned"]
    holding = [{"text": json.dumps(each["bundle"]), "pin": PIN} for each in good]
    for (tone, step, _), each in zip(page.evaluate(CHECK_ALL, holding), good, strict=True):
        assert (tone, step) == ("verdict tone-good", None), each["name"]


def test_the_page_believes_what_holds_and_nothing_else(browser: Browser, site: ProvedSite) -> None:
    with reading(browser, site.url) as reader:
        reader.open("/verify")
        check_vectors(reader.page, refusals())
        assert reader.policy_violations() == []


def test_the_saved_file_does_so_without_a_network(saved: Page) -> None:
    by_code = {(step, code): each for each in refusals() for step, code in [each[1]]}
    assert len(by_code) > 30
    check_vectors(saved, list(by_code.values()))


def test_over_plain_http_the_fallback_does_so(browser: Browser, site: ProvedSite) -> None:
    url = f"http://{PLAIN_HOST}:{urlsplit(site.url).port}"
    with reading(browser, url) as reader:
        reader.open("/verify")
        assert reader.page.evaluate("globalThis.crypto.subtle") is None
        pin(reader.page, PIN)
        choose(reader.page, json.dumps(BUNDLES["receipt"]).encode())
        expect(reader.page.locator(".verdict.tone-good")).to_be_visible()
        expect(reader.page.get_by_text("are computed by a script of this site")).to_be_visible()
        assert reader.policy_violations() == []
        # Chromium says that it ignores this header where others could have sent it.
        opener = [each for each in reader.troubles if "Cross-Origin-Opener-Policy" not in each]
        assert opener == []
        reader.troubles.clear()


def test_hostile_files_are_refused_at_the_first_step(browser: Browser, site: ProvedSite) -> None:
    with reading(browser, site.url) as reader:
        reader.open("/verify")
        choose(reader.page, b"{}")
        expect(reader.page.locator(".verdict.tone-bad")).to_be_visible()
        found = reader.page.evaluate(CHOOSE_ALL, [file for file, _ in HOSTILE])
        assert found == [["Checking.", 0, "document", code] for _, code in HOSTILE]
        assert reader.page.evaluate("window.hacked") is None
        assert reader.policy_violations() == []


def test_the_saved_file_forgets_the_pin_when_it_is_closed(browser: Browser, saved_in: Path) -> None:
    with reading(browser, f"file://{saved_in}", offline=True) as reader:
        reader.open("/verifier.html")
        pin(reader.page, PIN)
        expect(reader.page.get_by_text("Pinned until this page is closed.")).to_be_visible()
        assert reader.page.evaluate("localStorage.length") == 0
        reader.page.reload()
        expect(reader.page.get_by_text("None is pinned.")).to_be_visible()


def test_the_keyboard_is_enough_and_the_verdict_is_announced(
    browser: Browser, site: ProvedSite
) -> None:
    with reading(browser, site.url) as reader:
        page = reader.page
        reader.open("/verify")
        focus_by_tab(page, "[data-part=pin]")
        page.keyboard.type(PIN)
        page.keyboard.press("Enter")
        expect(page.get_by_text("Pinned in this browser.")).to_be_visible()
        focus_by_tab(page, "[data-part=paste]")
        page.keyboard.insert_text(json.dumps(BUNDLES["receipt"]))
        focus_by_tab(page, "[type=submit].primary")
        page.keyboard.press("Enter")
        announced = page.locator("[role=status][data-part=announced]")
        expect(announced).to_have_text(
            "Proved. All steps passed, from the genesis digest that you pinned."
        )


def focus_by_tab(page: Page, wanted: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(40):
        if page.evaluate("wanted => document.activeElement.matches(wanted)", wanted):
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not reach {wanted}")


def test_a_dropped_file_is_checked(browser: Browser, site: ProvedSite) -> None:
    with reading(browser, site.url) as reader:
        reader.open("/verify")
        transfer = reader.page.evaluate_handle(
            """text => {
              const transfer = new DataTransfer();
              transfer.items.add(new File([text], "some.json", { type: "application/json" }));
              return transfer;
            }""",
            json.dumps(BUNDLES["account"]),
        )
        drop = reader.page.locator(".drop")
        drop.hover()
        expect(drop).to_be_visible()
        for event in ("dragenter", "dragover", "drop"):
            drop.dispatch_event(event, {"dataTransfer": transfer})
        expect(reader.page.locator(".verdict.tone-wait b")).to_contain_text("not pinned")
        expect(reader.page.locator("[data-part=claims]")).to_contain_text("999994.991560544 AITBC")


def test_verifiers_fit_a_phone_and_axe_has_nothing_to_object_to(
    browser: Browser, site: ProvedSite, saved: Page
) -> None:
    source = AXE.read_text(encoding="utf-8")
    with reading(browser, site.url, viewport=PHONE) as reader:
        reader.open("/verify")
        shown_in_both_schemes(reader, source)
        reader.open(f"/receipts/{site.receipt.hex()}")
        reader.page.get_by_role("button", name="Verify in your browser").click()
        expect(reader.page.locator(".verdict.tone-wait b")).to_contain_text("not pinned")
        reader.page.evaluate(source)
        assert axe_faults(reader.page, EVERYTHING) == []
    saved.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})
    choose(saved, json.dumps(BUNDLES["validators"]).encode())
    expect(saved.locator(".verdict.tone-wait b")).to_contain_text("not pinned")
    assert saved.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def shown_in_both_schemes(reader: Reader, source: str) -> None:
    """Look at a refused bundle in light and in dark."""
    page = reader.page
    choose(page, json.dumps({**BUNDLES["receipt"], "kind": "transaction"}).encode())
    expect(page.locator(".verdict.tone-bad")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.evaluate(source)
    assert axe_faults(page, EVERYTHING) == []
    page.emulate_media(color_scheme="dark")
    assert axe_faults(page, CONTRAST) == []
    page.emulate_media(color_scheme="light")
