"""Proofs checked in a real Chromium: on a receipt's page, on /verify, and in the saved file."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.explorer.browsing import Reader, reading
from tests.explorer.proved_site import ProvedSite, proved_site
from tests.explorer.test_browser import AXE, CONTRAST, EVERYTHING, PATIENCE_MS, PHONE, axe_faults

pytestmark = pytest.mark.browser

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "proofs.json").read_text(encoding="utf-8")
)
BUNDLES = {each["name"]: each["bundle"] for each in VECTORS["bundles"]}
PIN: str = VECTORS["trusts"]["pinned"]["genesis_digest"]

PLAIN_HOST = "plain-http.test"
"""Leads to this machine, but is no name of it: a page from there has no WebCrypto."""

CHECK_ALL = """
async (documents) => {
  const part = (name) => document.querySelector(`[data-part="${name}"]`);
  const verdicts = [];
  for (const { text, pin } of documents) {
    if (part("pin").value.replaceAll(" ", "") !== pin) {
      part("pin").value = pin;
      part("keep").click();
    }
    part("paste").value = text;
    document.querySelector("form.taken").requestSubmit();
    while (part("verdict").textContent.startsWith("Checking")) {
      await new Promise((done) => setTimeout(done));
    }
    const failed = document.querySelector('[data-verdict="failed"]');
    const code = failed?.querySelector("code").textContent;
    verdicts.push([part("verdict").className, failed?.dataset.step, code]);
  }
  return verdicts;
}
"""


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


@pytest.fixture
def saved(browser: Browser, site: ProvedSite, tmp_path: Path) -> Iterator[Page]:
    """The saved file, opened from the disk by a browser without a network."""
    with reading(browser, site.url) as reader:
        reader.open("/verify")
        with reader.page.expect_download() as download:
            reader.page.get_by_role("link", name="Save this verifier").click()
        assert download.value.suggested_filename == "aitbc-verifier.html"
        download.value.save_as(tmp_path / "verifier.html")
    with reading(browser, f"file://{tmp_path}", offline=True) as reader:
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
        expect(page.get_by_label("Genesis digest that you trust")).to_have_value(
            " ".join(site.genesis_digest[at : at + 8] for at in range(0, 64, 8))
        )
        page.get_by_role("button", name="Pin it").click()
        expect(verdict).to_contain_text("Proved. All steps passed")
        expect(page.locator(".steps li.tone-good")).to_have_count(10)
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
    account = next(each for each in VECTORS["bundles"] if each["name"] == "account")
    with reading(browser, site.url) as reader:
        for path, proved in (
            (f"/transactions/{site.receipt.hex()}", "post_receipt"),
            (f"/accounts/{account['claims']['claim']['address']}", "999994.991560544 AITBC"),
        ):
            reader.open(path)
            reader.page.get_by_role("button", name="Verify in your browser").click()
            expect(reader.page.locator(".verdict")).to_contain_text("have not pinned")
            expect(reader.page.locator("[data-part=claims]")).to_contain_text(proved)
        assert reader.policy_violations() == []


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


def refusals() -> list[tuple[dict[str, str], tuple[str, str]]]:
    """Return what a page is given that no page may believe, and what it must find.

    Readers who bring a genesis file or sets that they verified before do not use the page.
    """
    found = []
    for each in VECTORS["refused"]:
        trust = VECTORS["trusts"][each["trust"]]
        if trust["specification"] is None and not trust["known"]:
            text = json.dumps(patched(BUNDLES[each["base"]], each["patch"]))
            given = {"text": text, "pin": trust["genesis_digest"]}
            found.append((given, (each["step"], each["code"])))
    assert len(found) > 100
    return found


def patched(bundle: dict[str, Any], patch: list[dict[str, Any]]) -> dict[str, Any]:
    changed = deepcopy(bundle)
    for change in patch:
        holder: Any = changed
        *way, last = change["at"]
        for step in way:
            holder = holder[step]
        if change.get("remove"):
            del holder[last]
        elif isinstance(holder, list) and last == len(holder):
            holder.append(change["set"])
        else:
            holder[last] = change["set"]
    return changed


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


HOSTILE = {
    b"[" * 5_000_000 + b"]" * 5_000_000: "DOCUMENT_MALFORMED",
    b'{"a":' * 1_000_000: "DOCUMENT_MALFORMED",
    b" " * (16 * 1_048_576 + 1): "DOCUMENT_TOO_LARGE",
    b'{"format":"aitbc-proof/1","kind":"__proto__"}': "FORMAT_UNKNOWN",
    b'{"__proto__":{"format":"aitbc-proof/1"}}': "DOCUMENT_MALFORMED",
    b'{"format":"aitbc-proof/1\x00","kind":"receipt"}': "DOCUMENT_MALFORMED",
    b"<script>window.hacked = 1</script>": "DOCUMENT_MALFORMED",
    b'{"format":"aitbc-proof/1","kind":"<img src=x onerror=hacked=1>"}': "FORMAT_UNKNOWN",
}


def test_hostile_files_are_refused_at_the_first_step(
    browser: Browser, site: ProvedSite, tmp_path: Path
) -> None:
    with reading(browser, site.url) as reader:
        reader.open("/verify")
        failed = reader.page.locator(".steps li.tone-bad")
        for number, (document, code) in enumerate(HOSTILE.items()):
            file = tmp_path / f"{number}.json"
            file.write_bytes(document)
            # The verdict before goes away as soon as the next file is chosen.
            reader.page.get_by_label("Choose a bundle").set_input_files(file)
            expect(failed).to_contain_text(code)
            expect(failed).to_have_attribute("data-step", "document")
            choose(reader.page, json.dumps(BUNDLES["receipt"]).encode())
            expect(failed).to_have_count(0)
        assert reader.page.evaluate("window.hacked") is None
        assert reader.policy_violations() == []


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
        announced = page.get_by_role("status")
        expect(announced).to_have_text(
            "Proved. All steps passed, from the genesis digest that you pinned."
        )


def focus_by_tab(page: Page, wanted: str) -> None:
    """Press Tab until something has the focus."""
    for _ in range(40):
        if page.locator(wanted).evaluate("element => element === document.activeElement"):
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
