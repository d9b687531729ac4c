"""Search: a unique find leads to its page, several are grouped, none says what was tried."""

import re
from html import unescape
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.ports import TransactionStatus
from explorer_web import Whereabouts
from explorer_web.formats import utc_day
from explorer_web.references import QUERY_CHARACTERS_MAX, PageKind, page_url, parse_id, parse_query
from explorer_web.search import block_since
from ledger.keys import format_address
from tests.explorer.chains import IndexedChain
from tests.explorer.serving import Served
from tests.ledger.worlds import PEOPLE

HASHED = set(PageKind) - {PageKind.ACCOUNT, PageKind.MINER}
"""Kinds of objects whose ids are hashes."""


def search(site: Served, text: str) -> Any:
    return site.client.get(site.url + "/search", params={"q": text})


@pytest.mark.parametrize(
    "text", ["12", " 12 ", "http://127.0.0.1:8011/blocks/12", "/blocks/12.json"]
)
def test_a_height_leads_to_its_block(site: Served, text: str) -> None:
    answer = search(site, text)
    assert (answer.status_code, answer.headers["location"]) == (302, "/blocks/12")


def test_a_full_id_leads_to_the_page_that_says_most(site: Served, chain: IndexedChain) -> None:
    job_id, receipt_id = chain.jobs["settled"].hex(), chain.receipts["settled"].hex()
    for text, path in (
        (job_id, f"/jobs/{job_id}"),
        (job_id.upper(), f"/jobs/{job_id}"),
        (f"0x{job_id}", f"/jobs/{job_id}"),
        (f"job_{job_id}", f"/jobs/{job_id}"),
        (f"pay_{job_id}", f"/jobs/{job_id}"),
        (f"tx_{job_id}", f"/transactions/{job_id}"),
        (receipt_id, f"/receipts/{receipt_id}"),
        (chain.transfer.hex(), f"/transactions/{chain.transfer.hex()}"),
        (f"https://example.org/api/jobs/job_{job_id}?a=b#c", f"/jobs/{job_id}"),
    ):
        assert search(site, text).headers.get("location") == path, text


def test_the_beginning_of_an_id_lists_all_that_it_may_be(site: Served, chain: IndexedChain) -> None:
    answer = search(site, chain.jobs["settled"].hex()[:12])
    assert answer.status_code == 200
    assert "<h2>Jobs</h2>" in answer.text
    assert "<h2>Transactions</h2>" in answer.text
    assert f"/jobs/{chain.jobs['settled'].hex()}" in answer.text


def test_the_beginning_of_a_block_id_leads_to_the_block(site: Served) -> None:
    block_id = site.get("/blocks/12.json").json()["block_id"]
    assert search(site, block_id[:16]).headers["location"] == f"/blocks/{block_id}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("999999999", "a block at height 999,999,999"),
        ("ab" * 32, "with the id " + "ab" * 32),
        ("abcdef99", "whose id begins with abcdef99"),
        ("job_" + "ab" * 32, "jobs with the id"),
        ("ait1qqqqqqqq", "an account&#39;s address:"),
        ("nothing like it", "nothing: it is no height"),
        ("12345z", "a miner of the name 12345z"),
    ],
)
def test_what_was_tried_is_said_where_nothing_was_found(site: Served, text: str, said: str) -> None:
    answer = search(site, text)
    assert answer.status_code == 200
    assert "Nothing found for" in answer.text
    assert said in answer.text


def test_an_account_and_a_miners_name_lead_to_their_pages(site: Served) -> None:
    client, miner = (format_address(each.address) for each in (PEOPLE.client, PEOPLE.miner))
    for text, path in (
        (client, f"/accounts/{client}"),
        (client.upper(), f"/accounts/{client}"),
        (f"https://example.org/accounts/{client}.json", f"/accounts/{client}"),
        (f"/miners/{miner}", f"/miners/{miner}"),
        ("lab-gpu-1", f"/miners/{miner}"),
        ("LAB-GPU-1", f"/miners/{miner}"),
    ):
        assert search(site, text).headers.get("location") == path, text


def test_words_ranges_and_dates_lead_to_blocks(site: Served, chain: IndexedChain) -> None:
    newest = chain.world.final.header.height
    first_ms = chain.world.blocks[0].header.timestamp_ms
    day = utc_day(first_ms)
    for text, path in (
        ("latest", f"/blocks/{newest}"),
        ("Finalized", f"/blocks/{newest}"),
        ("3..7", "/blocks?from=3&before=8"),
        ("7..3", "/blocks?from=3&before=8"),
        (f"{newest - 1}..9,999", f"/blocks?from={newest - 1}&before={newest + 1}"),
        (day, "/blocks/0"),
    ):
        assert search(site, text).headers.get("location") == path, text
    rows = site.get("/blocks.json?from=3&before=8").json()
    assert [row["height"] for row in rows["blocks"]] == [7, 6, 5, 4, 3]
    assert rows["before"] is None


def test_a_time_is_that_of_the_first_block_that_is_not_older(chain: IndexedChain) -> None:
    index = chain.indexed.reader
    times = [block.header.timestamp_ms for block in chain.world.blocks]
    newest = len(times)
    for number, time_ms in enumerate(times, 1):
        wanted = times.index(time_ms) + 1
        assert block_since(index, time_ms, newest) == wanted <= number
    assert block_since(index, times[-1] + 1, newest) is None
    assert block_since(index, 0, newest) == 0


def test_suggestions_are_what_the_search_finds(site: Served, chain: IndexedChain) -> None:
    digits = chain.jobs["settled"].hex()[:12]
    part = site.get(f"/fragments/suggestions?q={digits}").text
    found = site.get(f"/search.json?q={digits}").json()["found"]
    assert len(found) == 2
    assert all(f'href="{each["url"]}"' in part for each in found)
    assert "2 found" in part
    assert "href" not in site.get("/fragments/suggestions?q=").text
    assert "<script" not in site.get("/fragments/suggestions?q=%3Cscript%3E").text


@pytest.mark.parametrize(
    ("status", "note"),
    [
        (TransactionStatus.POOLED, "waits for a block"),
        (TransactionStatus.INCLUDED, "in a block that is not final yet"),
        (TransactionStatus.FINAL, "final, and not indexed yet"),
        (TransactionStatus.REJECTED, "left the pool without a block"),
    ],
)
def test_an_id_that_only_the_node_knows_leads_to_the_page_that_advances(
    site: Served, chain: IndexedChain, status: TransactionStatus, note: str
) -> None:
    fresh = bytes.fromhex("fe" * 32)
    chain.node.known[fresh] = Whereabouts(status)
    try:
        for text, path in (
            (fresh.hex(), f"/transactions/{fresh.hex()}"),
            (f"tx_{fresh.hex()}", f"/transactions/{fresh.hex()}"),
            (f"job_{fresh.hex().upper()}", f"/jobs/{fresh.hex()}"),
            (f"/blocks/{fresh.hex()}", f"/blocks/{fresh.hex()}"),
        ):
            assert search(site, text).headers.get("location") == path, text
        (found,) = site.get(f"/search.json?q={fresh.hex()}").json()["found"]
        assert found["note"] == note
        assert note in site.get(f"/fragments/suggestions?q={fresh.hex()}").text
    finally:
        chain.node.known.clear()
    nothing = search(site, fresh.hex())
    assert "the same in this node&#39;s pool and in blocks that are not final yet" in nothing.text


def test_a_search_names_its_json(site: Served) -> None:
    for text in ("nothing like it", "ab/?&#", "12"):
        html = search(site, text).text
        found = re.search(r'rel="alternate" type="application/json" href="([^"]+)"', html)
        if text == "12":
            assert found is None
            continue
        assert found is not None
        assert site.get(unescape(found[1])).json()["query"] == text


def test_an_empty_search_explains_itself(site: Served) -> None:
    for path in ("/search", "/search?q=", "/search?q=%20%20"):
        answer = site.get(path)
        assert answer.status_code == 200
        assert "Nothing was typed." in answer.text
        assert "What can be found" in answer.text


def test_the_search_box_keeps_what_was_typed(site: Served) -> None:
    assert 'value="nothing &#34;here&#34;"' in search(site, 'nothing "here"').text


@given(st.text(max_size=700))
def test_any_text_is_some_query(text: str) -> None:
    query = parse_query(text)
    assert len(query.text) <= QUERY_CHARACTERS_MAX + 1
    assert query.height is None or query.height >= 0
    assert not query.digits or 6 <= len(query.digits) <= 64
    assert query.address is None or len(query.address) == 20


@given(st.sampled_from(sorted(HASHED)), st.binary(min_size=32, max_size=32))
def test_the_address_of_a_page_names_its_object(kind: PageKind, object_id: bytes) -> None:
    url = page_url(kind, object_id)
    assert parse_id(kind, url.rpartition("/")[2]) == object_id
    query = parse_query(f"http://localhost:8011{url}.json")
    assert (query.digits, query.kind) == (object_id.hex(), kind)


@given(st.sampled_from([PageKind.ACCOUNT, PageKind.MINER]), st.binary(min_size=20, max_size=20))
def test_the_address_of_an_accounts_page_names_it(kind: PageKind, address: bytes) -> None:
    query = parse_query(f"http://localhost:8011{page_url(kind, address)}.json")
    assert (query.address, query.kind) == (address, kind)
