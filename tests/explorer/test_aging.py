"""Pages when the index is not what it was: old transfers have left it, or it stands still."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

import pytest

from ledger.store import Indexer, IndexLayout, IndexReader
from tests.databases import Files
from tests.explorer.chains import IndexedChain
from tests.explorer.serving import Served, serve

DROPPED_SOON = IndexLayout(partition_entries=10, keep_ms=1)


@pytest.fixture(scope="module")
def aged(chain: IndexedChain, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The explorer over an index that keeps plain transfers of the newest blocks only."""
    url = Files(tmp_path_factory.mktemp("aged")).url("index")
    with closing(Indexer(chain.indexed.store, url, DROPPED_SOON)) as indexer:
        while indexer.advance():
            pass
    with closing(IndexReader(url)) as reader:
        old = replace(chain, indexed=replace(chain.indexed, reader=reader))
        with serve(old) as served:
            yield served


def test_a_block_says_how_many_of_its_transfers_have_left_the_index(
    site: Served, aged: Served, chain: IndexedChain
) -> None:
    row = chain.indexed.reader.transaction(chain.transfer)
    assert row is not None
    path = f"/blocks/{row.height}"
    assert "have left" not in site.get(path).text
    html = aged.get(path).text
    assert "as before: 1." in html
    assert chain.transfer.hex() not in html


def test_a_transfer_that_left_the_index_is_not_said_to_be_in_no_block(
    site: Served, aged: Served, chain: IndexedChain
) -> None:
    path = f"/transactions/{chain.transfer.hex()}"
    answer = aged.get(path)
    assert answer.status_code == 404
    assert "Not in a final block" not in answer.text
    kept = chain.indexed.reader.kept()
    assert kept is not None
    assert kept.transfers_from == kept.first_height == 0
    assert re.search(
        r"It keeps plain transfers from block \d+ on; older ones have left", answer.text
    )
    assert "plain transfers from block" in aged.get(path + ".json").json()["detail"]
    assert "keeps plain transfers" not in site.get(f"/transactions/{'ab' * 32}").text


def test_receipts_and_jobs_of_any_age_have_their_pages(aged: Served, chain: IndexedChain) -> None:
    for job_id in chain.jobs.values():
        assert aged.get(f"/jobs/{job_id.hex()}").status_code == 200
        assert aged.get(f"/transactions/{job_id.hex()}").status_code == 200
    for receipt_id in chain.receipts.values():
        assert aged.get(f"/receipts/{receipt_id.hex()}").status_code == 200


def test_every_page_says_that_the_index_stands_still(site: Served, chain: IndexedChain) -> None:
    node = chain.node
    node.index_fault, node.final_height = "INDEX_REFUSED", node.final_height + 1
    node.head_height = node.final_height
    try:
        html, home = site.get("/blocks").text, site.get("/").text
    finally:
        node.index_fault, node.final_height = "", node.final_height - 1
        node.head_height = node.final_height
    assert "index stopped" in html
    assert "The index stands still (INDEX_REFUSED)" in home
    assert "index stopped" not in site.get("/blocks").text
