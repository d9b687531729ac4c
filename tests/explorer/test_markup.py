"""How values become HTML: each kind, and that what others wrote stays text."""

import pytest

from explorer_web.assets import Assets
from explorer_web.facts import Kind, Value
from explorer_web.health import chain_health
from explorer_web.listings import Column, Form, Listing, Rows, listing_page
from explorer_web.markup import Values
from explorer_web.ports import Standing
from explorer_web.rendering import Renderer
from ledger.keys import format_address

NOW_MS = 1_760_000_090_000
HASH = bytes(range(32))
ACCOUNT = bytes(range(20))
HOSTILE = "\u202e<script>alert(1)</script>&\"'\x00" + "x" * 10_000


def id_link(path: str, text: str) -> str:
    return f'<a class="id" href="/{path}/{text}"><code data-copy>{text}</code></a>'


TIME = (
    '<time datetime="2025-10-09T08:53:20.000Z">2025-10-09 08:53:20\u00a0UTC</time> '
    f'<span class="relative" data-relative="{NOW_MS - 90_000}">1 min ago</span>'
)

WRITTEN: dict[Kind, tuple[Value, str]] = {
    Kind.TEXT: ("a < b", "<bdi>a &lt; b</bdi>"),
    Kind.NUMBER: (1_204, "1,204"),
    Kind.BYTES: (1_536, "1.5 KiB"),
    Kind.MONEY: (12, '<data value="12">12 nait</data>'),
    Kind.RATE: (10**9, '<data value="1000000000">1.00 AITBC a unit</data>'),
    Kind.TIME: (NOW_MS - 90_000, TIME),
    Kind.DURATION: (3_905_000, "1 h 5 min"),
    Kind.UNITS: (2_500_000, "2.5"),
    Kind.SHARE: (525, "5.25 %"),
    Kind.ADDRESS: (ACCOUNT, id_link("accounts", format_address(ACCOUNT))),
    Kind.HOUR: (1_700_000_400_000, "<time>2023-11-14 22:20Z</time>"),
    Kind.MINER: (ACCOUNT, id_link("miners", format_address(ACCOUNT))),
    Kind.KEY: (HASH, f'<code class="id" data-copy>{HASH.hex()}</code>'),
    Kind.HASH: (HASH, f'<code class="id" data-copy>{HASH.hex()}</code>'),
    Kind.RAW: (b"\x01", '<code class="id" data-copy>01</code>'),
    Kind.BLOCK: (HASH, id_link("blocks", HASH.hex())),
    Kind.HEIGHT: (1_204, '<a href="/blocks/1204">1,204</a>'),
    Kind.TRANSACTION: (HASH, id_link("transactions", HASH.hex())),
    Kind.JOB: (HASH, id_link("jobs", HASH.hex())),
    Kind.BALLOT: (HASH, id_link("validators/ballots", HASH.hex())),
    Kind.RECEIPT: (HASH, id_link("receipts", HASH.hex())),
    Kind.BALLOT: (HASH, id_link("validators/ballots", HASH.hex())),
}


def test_every_kind_is_written_in_its_way() -> None:
    assert WRITTEN.keys() == set(Kind)
    values = Values(NOW_MS)
    for kind, (value, html) in WRITTEN.items():
        assert values.shown(kind, value) == html, kind
        assert values.shown(kind, None, "not <yet>") == '<span class="none">not &lt;yet&gt;</span>'


@pytest.mark.parametrize("kind", Kind)
def test_text_in_the_place_of_any_value_stays_text(kind: Kind) -> None:
    html = Values(NOW_MS).shown(kind, HOSTILE)
    assert html.startswith("<bdi>")
    assert html.count("<") == 2
    assert '"' not in html
    assert html.removeprefix("<bdi>").removesuffix("</bdi>").unescape() == HOSTILE


def test_hostile_rows_of_a_list_stay_text() -> None:
    columns = (
        Column("name", "Name"),
        Column("words", HOSTILE, form=Form.WORDS, hint=HOSTILE),
        Column("state", "State"),
    )
    listing = Listing(
        name="things",
        title=HOSTILE,
        lead=HOSTILE,
        path="/things",
        columns=columns,
        read=lambda _before, _limit: Rows([(HOSTILE, (HOSTILE, "more"), True)]),
        empty="",
    )
    standing = Standing(HOSTILE, HASH, 1, NOW_MS, 1, 1, 10_000, NOW_MS, index_fault=HOSTILE)
    html = Renderer(Assets()).page(listing_page(listing, ""), chain_health(standing, 1)).decode()
    assert "<script>alert" not in html
    assert html.count("alert(1)") > 6
    assert '<th scope="row" class="name"><bdi>' in html
    assert html.count("<bdi>\u202e") == 2
