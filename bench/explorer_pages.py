"""What a page of the explorer costs its reader: bytes, requests and hosts, read from the page."""

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

SCRIPTS_BYTES_MAX: Final = 22_000
"""Scripts of an ordinary page, as they are sent."""

STATS_SCRIPTS_BYTES_MAX: Final = 45_000
"""Scripts of the page of statistics."""

STYLE_BYTES_MAX: Final = 10_000
"""The style sheet, as it is sent."""

PAGE_BYTES_MAX: Final = 30_000
"""A list of 25 rows, as it is sent; no other page is larger."""

_GZIP_MAGIC: Final = b"\x1f\x8b"

REQUESTS_MAX: Final = 4
"""Requests of a reader who has nothing stored: the page and what it loads."""

P95_MS_MAX: Final = 50.0
"""From the request to the last byte, for 95 of 100."""


@dataclass(frozen=True, slots=True)
class PageCost:
    """What a reader who has nothing stored loads for one page."""

    page_bytes: int
    """The page itself, as it is sent."""
    script_bytes: int
    """Its scripts."""
    style_bytes: int
    """Its style sheets."""
    requests: int
    """The page and everything that it loads."""
    foreign: tuple[str, ...]
    """Addresses on other hosts that it loads; none are allowed."""


class _Loads(HTMLParser):
    """Collects what a page loads by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.others: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "script" and "src" in given:
            self.scripts.append(given["src"])
        elif tag == "link" and given.get("rel") == "stylesheet":
            self.styles.append(given["href"])
        elif tag == "link" and given.get("rel") in {"icon", "preload", "modulepreload"}:
            self.others.append(given["href"])
        elif tag in {"img", "iframe", "source", "video", "audio", "object", "embed"}:
            self.others.append(given.get("src") or given.get("data") or given.get("srcset", ""))


def page_cost(sent: bytes, load: Callable[[str], bytes]) -> PageCost:
    """Return what a page costs.

    Args:
        sent: the page as it came, packed or not.
        load: returns what is at an address of the site, as it comes.
    """
    found = _Loads()
    found.feed(unpacked(sent).decode())
    others = [each for each in found.others if each and not each.startswith("data:")]
    loaded = {*found.scripts, *found.styles, *others}
    foreign = tuple(each for each in loaded if not each.startswith("/") or each.startswith("//"))

    def size(addresses: list[str]) -> int:
        own = {each for each in addresses if each not in foreign}
        return sum(len(load(each)) for each in own)

    return PageCost(
        page_bytes=len(sent),
        script_bytes=size(found.scripts),
        style_bytes=size(found.styles),
        requests=1 + len(loaded),
        foreign=foreign,
    )


def bare_cost(sent: bytes) -> PageCost:
    """Return what an answer costs that loads nothing."""
    return PageCost(len(sent), 0, 0, 1, ())


def unpacked(sent: bytes) -> bytes:
    """Return what was sent as it was before it was packed, if it was."""
    return gzip.decompress(sent) if sent.startswith(_GZIP_MAGIC) else sent
