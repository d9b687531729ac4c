"""What each page costs a reader who has nothing stored; the same sums as `./dev bench explorer`."""

from bench.explorer import over_budget
from bench.explorer_pages import page_cost
from tests.explorer.chains import IndexedChain
from tests.explorer.paths import page_paths
from tests.explorer.serving import Served


def test_every_page_keeps_its_budget_and_asks_no_other_host(
    site: Served, chain: IndexedChain
) -> None:
    stored: dict[str, bytes] = {}

    def load(address: str) -> bytes:
        if address not in stored:
            stored[address] = site.sent(address)
        return stored[address]

    costs = {}
    for name, path in page_paths(chain).items():
        sent = site.sent(path)
        costs[name] = page_cost(sent, load)
        assert costs[name].page_bytes == len(sent) < len(site.get(path).content), name
        assert over_budget(name, costs[name], 0) == [], (name, costs[name])
    home = costs["home"]
    assert home.requests == 4
    assert 1_000 < home.style_bytes < home.script_bytes < home.script_bytes + home.page_bytes


def test_a_page_over_its_budget_is_told() -> None:
    body = (
        '<link rel="stylesheet" href="/a.css"><script src="/a.js"></script>'
        '<img src="https://elsewhere.example/pixel.gif"><img src="data:image/svg+xml,x">'
        '<script src="//elsewhere.example/b.js"></script><a href="https://elsewhere.example">x</a>'
    )
    cost = page_cost(body.encode(), lambda address: address.encode() * 5)
    assert cost.requests == 5
    assert set(cost.foreign) == {"https://elsewhere.example/pixel.gif", "//elsewhere.example/b.js"}
    assert over_budget("home", cost, 51) == ["requests over 4", "p95 over 50", "other hosts over 0"]
