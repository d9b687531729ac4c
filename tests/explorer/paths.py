"""Addresses of pages that tests look at, and how links are read out of them."""

from html.parser import HTMLParser

from ledger.keys import format_address
from tests.explorer.chains import IndexedChain
from tests.ledger.worlds import PEOPLE


def page_paths(chain: IndexedChain) -> dict[str, str]:
    """One page of every kind in every state that looks different."""
    jobs = {f"job, {state}": f"/jobs/{job.hex()}" for state, job in chain.jobs.items()}
    receipts = {
        f"receipt, {state}": f"/receipts/{receipt.hex()}"
        for state, receipt in chain.receipts.items()
    }
    return {
        "home": "/",
        "blocks": "/blocks",
        "transactions": "/transactions",
        "jobs": "/jobs",
        "receipts": "/receipts",
        "miners": "/miners",
        "market": "/market?service=llm_inference&jobs=7",
        "offers": "/market/offers",
        "validators": "/validators",
        "ballots": "/validators/ballots",
        "governance changes": "/validators/changes",
        "stats": "/stats",
        "hours": "/stats/hours",
        "failures": "/stats/failures",
        "an account": f"/accounts/{format_address(PEOPLE.client.address)}",
        "an account's activity": f"/accounts/{format_address(PEOPLE.client.address)}/activity",
        "a miner": f"/miners/{format_address(PEOPLE.miner.address)}",
        "genesis": "/blocks/0",
        "a block": "/blocks/12",
        "a crowded block": f"/blocks/{chain.crowded_height}",
        "a transfer": f"/transactions/{chain.transfer.hex()}",
        "a receipt's transaction": f"/transactions/{chain.receipts['settled'].hex()}",
        "a search that found nothing": "/search?q=nothing+like+it",
        "a search that found several": f"/search?q={chain.jobs['settled'].hex()[:8]}",
        "an unknown transaction": f"/transactions/{'ab' * 32}",
        "a short list": "/transactions?block=12",
        "style guide": "/styleguide",
        "verify": "/verify",
        "a malformed block": "/blocks/zz",
        **jobs,
        **receipts,
    }


def distinct_paths(chain: IndexedChain) -> dict[str, str]:
    """The same without pages that differ from another one only in their words."""
    alike = {"expired", "failed", "retried", "running", "accepted", "genesis"}
    return {
        name: path
        for name, path in page_paths(chain).items()
        if name.rpartition(" ")[2] not in alike and name != "a crowded block"
    }


AUDITED = (
    "style guide",
    "home",
    "jobs",
    "receipts",
    "a short list",
    "a crowded block",
    "a transfer",
    "receipt, settled",
    "job, settled",
    "job, disputed",
    "an account",
    "an account's activity",
    "a miner",
    "market",
    "validators",
    "stats",
    "verify",
    "a search that found nothing",
    "a search that found several",
    "an unknown transaction",
)
"""Pages of each template; the style guide has every component in every state."""


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        for name, value in attributes:
            if name in {"href", "src", "hx-get"} and value:
                self.found.add(value)
            if name == "id" and value:
                self.ids.append(value)


def links_of(html: str) -> set[str]:
    """Return every address that a page refers to."""
    parser = _Links()
    parser.feed(html)
    return parser.found


def ids_of(html: str) -> list[str]:
    """Return every element id of a page."""
    parser = _Links()
    parser.feed(html)
    return parser.ids
