"""A real Chromium that notices everything a reader should never meet."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
PATIENCE_MS = 20_000
"""Limit of whatever a test waits for, on a busy machine."""

AXE = Path(__file__).parent / "vendor" / "axe-core" / "axe.min.js"
EVERYTHING = "{ resultTypes: ['violations'], preload: false }"
CONTRAST = "{ runOnly: ['color-contrast'], preload: false }"

WATCH_POLICY = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => {
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`);
});
"""


@dataclass
class Reader:
    """A tab, and what went wrong in it."""

    page: Page
    url: str
    troubles: list[str] = field(default_factory=list)
    """Errors on the console or in scripts, failed requests, requests to other hosts."""

    def open(self, path: str) -> None:
        """Go to a page of the site."""
        self.page.goto(self.url + path)

    def policy_violations(self) -> list[str]:
        """What the content security policy had to stop on this page."""
        found: list[str] = self.page.evaluate("window.violations")
        return found

    def on_console(self, message: ConsoleMessage) -> None:
        # A page with status 404 is meant, and Chromium reports it as an error.
        if message.type in {"error", "warning"} and "404 (Not Found)" not in message.text:
            self.troubles.append(f"{self.page.url}: {message.text}")

    def on_request(self, request: Request) -> None:
        if not request.url.startswith((self.url, "data:image/svg")):
            self.troubles.append(f"{self.page.url} asked another host: {request.url}")


@contextmanager
def reading(browser: Browser, url: str, **options: Any) -> Iterator[Reader]:
    """Open a tab; on a clean end, nothing may have gone wrong in it."""
    context: BrowserContext = browser.new_context(**options)
    try:
        context.add_init_script(WATCH_POLICY)
        reader = Reader(context.new_page(), url)
        reader.page.on("console", reader.on_console)
        reader.page.on("pageerror", lambda error: reader.troubles.append(str(error)))
        reader.page.on("request", reader.on_request)
        yield reader
        assert reader.troubles == []
    finally:
        context.close()


def axe_faults(page: Page, rules: str) -> list[tuple[str, list[str]]]:
    """Return what axe finds on the page that is open, by some of its rules."""
    if page.evaluate("typeof axe") == "undefined":
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate(f"axe.run({rules})")
    return [
        (fault["id"], [node["html"] for node in fault["nodes"]][:3])
        for fault in found["violations"]
    ]
