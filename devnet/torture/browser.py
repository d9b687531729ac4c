"""A reader's browser on a page of a node: what the page's own check says of what it shows."""

from playwright.async_api import Error, Page, async_playwright, expect

from devnet.torture.altered_rows import HOLDS, Verdict
from ledger.types import Hash

PATIENCE_MS = 60_000
"""Limit of whatever is waited for, on a busy machine."""


class NoVerdict(Exception):
    """A page comes to no verdict, or says neither what failed nor that everything holds."""


async def verdict_of_page(chromium: str, url: str, genesis_digest: Hash) -> Verdict:
    """Open a page, pin the genesis digest, press its button, and return what it says.

    Args:
        chromium: path of the browser.
        url: a page that shows what can be proved.
        genesis_digest: the digest that the reader trusts.

    Raises:
        NoVerdict: the page says neither which step failed nor that everything is proved.
    """
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            page = await browser.new_page()
            page.set_default_timeout(PATIENCE_MS)
            await page.goto(url)
            return await _pressed(page, genesis_digest)
        except (AssertionError, Error) as error:
            # Playwright's ways to say that something was waited for in vain.
            raise NoVerdict(str(error)) from error
        finally:
            await browser.close()


async def _pressed(page: Page, genesis_digest: Hash) -> Verdict:
    """Press the button and pin the digest, as a reader does, and read what is written."""
    verdict = page.locator(".verification .verdict")
    await page.get_by_role("button", name="Verify in your browser").click()
    await page.get_by_label("Genesis digest that you trust").fill(genesis_digest.hex())
    await expect(verdict).to_contain_text(".", timeout=PATIENCE_MS)
    await page.get_by_role("button", name="Pin it").click()
    await expect(verdict).not_to_contain_text("Checking", timeout=PATIENCE_MS)
    failed = page.locator("[data-verdict=failed]")
    if await failed.count():
        step = await failed.first.get_attribute("data-step")
        code = await failed.first.locator("code").first.text_content()
        return Verdict(step or "", code or "")
    said = await verdict.text_content()
    if said != PROVED:
        raise NoVerdict(f"no step failed, and the page says: {said}")
    return HOLDS


PROVED = "Proved. All steps passed, from the genesis digest that you pinned."
"""What a page says where everything holds."""
