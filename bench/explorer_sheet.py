"""A contact sheet of the explorer: every page, three widths, both themes, in one picture.

The pages are those of a node over a short generated history, or of a node that runs.
"""

import html
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

from bench.explorer import QUICK, SEED
from bench.explorer_chain import Extent
from bench.explorer_node import KEPT, served_history
from bench.explorer_subjects import Form, subjects

WIDTHS: Final = (390, 820, 1440)
"""Pixels of a phone, a tablet and a desk."""

THEMES: Final = ("light", "dark")
THUMBNAIL: Final = 300
"""Pixels of a picture's width on the sheet."""

SHEET_WIDTH: Final = 2_000
HEIGHT: Final = 900

OTHER_PAGES: Final = {
    "unknown": f"/transactions/{'ab' * 32}",
    "malformed": "/blocks/zz",
    "no page": "/nowhere",
}
"""Pages that are not about an object."""


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture of a page."""

    page: str
    """Name of the page."""
    width: int
    """Pixels."""
    theme: str
    """Light or dark."""

    @property
    def file(self) -> str:
        """Name of its file."""
        name = "".join(each if each.isalnum() else "-" for each in self.page)
        return f"{name}-{self.width}-{self.theme}.png"


def make_sheet(
    out: Path, chromium: str, only: str, say: Callable[[str], None], kept: Path = KEPT
) -> Path:
    """Take all pictures and put them on one sheet; return the sheet.

    Args:
        out: folder for the pictures, made if it is missing.
        chromium: path of the browser.
        only: parts of the names of the pages to take, separated by commas; empty for all.
        say: is told how far it is.
        kept: folder of generated histories.
    """
    out.mkdir(parents=True, exist_ok=True)
    with served_history(Extent(*QUICK, SEED), say, kept) as served:
        chance = random.Random(SEED)
        paths = {
            each.name: each.path(chance)
            for each in subjects(served.history)
            if each.form is Form.PAGE and not each.is_alike
        } | OTHER_PAGES
        chosen = {name: path for name, path in paths.items() if _is_wanted(name, only)}
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            shots = list(_shots(browser, served.url, chosen, out, say))
            sheet = _sheet(browser, shots, out)
            browser.close()
    return sheet


def _is_wanted(name: str, only: str) -> bool:
    """Return whether a page's name has one of the parts that are given, separated by commas."""
    return any(part.strip() in name for part in only.split(","))


def _shots(
    browser: Browser, url: str, paths: dict[str, str], out: Path, say: Callable[[str], None]
) -> Iterator[Shot]:
    for theme in THEMES:
        for width in WIDTHS:
            context = browser.new_context(
                viewport={"width": width, "height": HEIGHT},
                color_scheme="dark" if theme == "dark" else "light",
            )
            page = context.new_page()
            for name, path in paths.items():
                shot = Shot(name, width, theme)
                page.goto(url + path)
                page.screenshot(path=out / shot.file, full_page=True)
                yield shot
            context.close()
            say(f"{len(paths)} pages at {width} pixels, {theme}")


def _sheet(browser: Browser, shots: list[Shot], out: Path) -> Path:
    """Write the sheet as a page, and as one picture of it."""
    names = list(dict.fromkeys(shot.page for shot in shots))
    rows = "".join(
        f"<h2>{html.escape(name)}</h2><p>"
        + "".join(
            f'<a href="{shot.file}"><img src="{shot.file}" width="{THUMBNAIL}"></a>'
            for shot in shots
            if shot.page == name
        )
        for name in names
    )
    style = (
        "body{font:16px sans-serif;background:#888}p{display:flex;gap:12px;align-items:start}"
        "img{max-height:900px;object-fit:cover;object-position:top}"
    )
    index = out / "index.html"
    index.write_text(
        f'<!doctype html><meta charset="utf-8"><title>Contact sheet</title>'
        f"<style>{style}</style>{rows}"
    )
    page: Page = browser.new_page(viewport={"width": SHEET_WIDTH, "height": HEIGHT})
    page.goto(index.resolve().as_uri())
    page.screenshot(path=out / "sheet.png", full_page=True)
    return index
