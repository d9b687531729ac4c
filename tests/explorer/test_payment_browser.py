"""A receipt's page, whose button checks the payment too: against a proof of its own."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from tests.explorer.browsing import PATIENCE_MS, reading
from tests.explorer.proved_site import ProvedSite, proved_site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """A Chromium."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProvedSite]:
    """A site with receipts that a quorum made final."""
    with proved_site(tmp_path_factory.mktemp("paid")) as site:
        yield site


OTHER_THING = "proves something else than what was asked for"

UNTRUE_PAYMENTS = {
    "p.paid.miner = '1'": "miner 0.000000001 AITBC here",
    "p.paid.client = '0'": "client 0 AITBC here",
    "p.url = p.url.replace(/[0-9]+$/, '0')": OTHER_THING,
    "p.jobId = '00'.repeat(32)": OTHER_THING,
    "p.end = 'toString'": OTHER_THING,
    "p.url = '/blocks/1.json'": "DOCUMENT_MALFORMED document: ",
}
"""What a page may say of a payment `p`, and what the step of its check tells then."""

ASK = """() => {
  const data = document.querySelector(".verification").dataset;
  const p = JSON.parse(data.payment);
  CHANGE;
  data.payment = JSON.stringify(p);
  document.querySelector("[data-part=start]").click();
}"""


def test_a_payment_that_is_not_the_proved_one_is_found_out(
    browser: Browser, site: ProvedSite
) -> None:
    with reading(browser, site.url) as reader:
        page = reader.page
        verdict, step = page.locator(".verdict"), page.locator("[data-step=payment]")
        for change, said in UNTRUE_PAYMENTS.items():
            reader.open(f"/receipts/{site.receipt.hex()}")
            page.evaluate(ASK.replace("CHANGE", change))
            expect(verdict).to_contain_text("The page shows something else than what is proved")
            expect(step).to_contain_text(said)
            # What the receipt itself says stays proved.
            expect(page.locator("[data-part=claims]")).to_contain_text(site.receipt.hex())
        reader.open(f"/receipts/{site.receipt.hex()}")
        page.evaluate(ASK.replace("CHANGE", "p.url += '000'"))
        expect(verdict).to_contain_text("not pinned. The node answered 404")
        page.get_by_label("Genesis digest that you trust").fill(site.genesis_digest)
        page.get_by_role("button", name="Pin it").click()
        expect(verdict).to_contain_text("Proved but for its payment. The node answered 404")
