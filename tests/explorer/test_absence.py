"""Where there is no page, the answer says which case holds; and how the chain is said to be."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import fields, replace
from pathlib import Path

import pytest
from sqlalchemy import delete, text, update

from coordinator.ports import TransactionStatus
from explorer_web import AccountStanding, Standing, Whereabouts
from explorer_web.absence import CASES
from explorer_web.formats import utc_day
from explorer_web.page import Absence
from explorer_web.site import CONTENT_SECURITY_POLICY
from ledger.keys import format_address
from ledger.store.engine import Database
from ledger.store.index_tables import CURSOR
from ledger.store.partition_tables import partition_tables
from ledger.types import Address
from tests.databases import INDEX
from tests.explorer.chains import IndexedChain, NodeOfTests, stand_at_head
from tests.explorer.moving import moving_chain
from tests.explorer.serving import Served, serve
from tests.ledger.worlds import PEOPLE

UNSEEN = bytes.fromhex("cd" * 32)


@pytest.fixture
def node(chain: IndexedChain) -> Iterator[NodeOfTests]:
    """The node, which the test may move; it stands at the head again afterwards."""
    yield chain.node
    chain.node.known.clear()
    stand_at_head(chain)


@pytest.mark.parametrize(
    "path",
    [
        "/blocks/-1",
        "/blocks/01",
        "/blocks/1e3",
        "/blocks/" + "9" * 19,
        "/blocks/" + "a" * 63,
        "/blocks/٣",
        "/blocks/%00",
        "/blocks?before=x",
        "/blocks/1?transactions=-1",
        "/blocks/1?outcomes=1.5",
        "/transactions/job_12",
        "/transactions/receipt_",
        "/receipts/job_" + "ab" * 32,
        "/jobs/receipt_" + "ab" * 32,
        "/jobs/zz",
        "/jobs/" + "ab" * 33,
    ],
)
def test_an_address_that_can_name_nothing_is_malformed(site: Served, path: str) -> None:
    answer = site.get(path)
    assert answer.status_code == 404
    assert "Malformed" in answer.text
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/nowhere", "/blocks/12/transactions", "/a/b/c", "/static/x/y"])
def test_an_address_that_leads_nowhere_has_a_page_for_people(site: Served, path: str) -> None:
    answer = site.get(path, accept="text/html,*/*;q=0.8")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
    assert "There is no page here" in answer.text
    assert '<form class="search"' in answer.text
    # A program is told so as the API tells it.
    told = site.get(path, accept="application/json")
    assert (told.status_code, told.json()["error_code"]) == (404, "NOT_FOUND")
    assert site.get("/v1" + path, accept="text/html").json()["error_code"] == "NOT_FOUND"


def test_what_other_explorers_call_their_pages_leads_to_ours(site: Served) -> None:
    for path, place in (("/block/12", "/blocks/12"), ("/tx/ab", "/transactions/ab")):
        answer = site.get(path, accept="text/html")
        assert (answer.status_code, answer.headers["location"]) == (302, place)
    for path in ("/tx/", "/tx/a/b", "/block/%2F%2Fexample.org", "/block/٣", "/block/%0d%0aa"):
        assert site.get(path, accept="text/html").status_code == 404


@pytest.mark.parametrize("kind", ["transactions", "jobs", "receipts", "blocks"])
def test_what_was_never_seen_is_unknown_here(site: Served, kind: str) -> None:
    answer = site.get(f"/{kind}/{UNSEEN.hex()}")
    assert answer.status_code == 404
    assert "Unknown here" in answer.text
    assert site.get(f"/{kind}/{UNSEEN.hex()}.json").json()["error"] == "unknown"


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (TransactionStatus.POOLED, "waits for a block"),
        (TransactionStatus.INCLUDED, "is included, and not final yet"),
        (TransactionStatus.FINAL, "is final, and not indexed yet"),
    ],
)
def test_what_is_on_its_way_is_said_to_be(
    site: Served, node: NodeOfTests, status: TransactionStatus, said: str
) -> None:
    node.known[UNSEEN] = Whereabouts(status)
    for kind in ("transaction", "job", "receipt"):
        answer = site.get(f"/{kind}s/{UNSEEN.hex()}")
        assert answer.status_code == 404
        assert f"This {kind} {said}" in answer.text
        assert "Look again" in answer.text
        assert 'data-live="page"' in answer.text


def test_what_is_on_its_way_shows_how_far_it_is(site: Served, node: NodeOfTests) -> None:
    for status, done in (
        (TransactionStatus.POOLED, 1),
        (TransactionStatus.INCLUDED, 2),
        (TransactionStatus.FINAL, 3),
    ):
        node.known[UNSEEN] = Whereabouts(status)
        html = site.get(f"/transactions/{UNSEEN.hex()}").text
        stages = re.findall(r'class="tone-(\w+)" data-step="(\w+)"', html)
        assert [name for _, name in stages] == ["admitted", "included", "final", "indexed"]
        tones = ["good"] * done + ["wait"] + ["neutral"] * (3 - done)
        assert [tone for tone, _ in stages] == tones
    unknown = site.get(f"/transactions/{'ce' * 32}").text
    assert "data-step" not in unknown
    assert 'data-live="page"' not in unknown


def test_a_block_before_the_index_is_pruned_here(tmp_path: Path) -> None:
    with moving_chain(tmp_path) as chain, closing(Database(chain.indexed.place.url(INDEX))) as base:
        with base.writing() as connection:
            connection.execute(update(CURSOR).values(first_height=5))
            connection.execute(delete(partition_tables(1).blocks).where(text("height < 5")))
        with serve(chain) as served:
            answer = served.get("/blocks/3")
            assert answer.status_code == 404
            assert "lies before what this node keeps" in answer.text
            assert served.get("/blocks/5").status_code == 200
            unknown = served.get(f"/jobs/{UNSEEN.hex()}")
            assert "The index of this node begins at block 5." in unknown.text
            # A day before the index has no first block here, only one from which on it knows.
            day = utc_day(chain.world.blocks[0].header.timestamp_ms)
            part = served.get(f"/fragments/suggestions?q={day}").text
            assert f"the first block that this index has from {day}" in part
            assert "Block 5" in part


def test_an_index_that_does_not_answer_is_said_to_be_unreachable(tmp_path: Path) -> None:
    with moving_chain(tmp_path) as chain, serve(chain) as served:
        with (
            closing(Database(chain.indexed.place.url(INDEX))) as base,
            base.writing() as connection,
        ):
            connection.execute(text("DROP TABLE jobs"))
        answer = served.get("/jobs")
        assert answer.status_code == 503
        assert "The index does not answer" in answer.text
        assert served.get("/jobs.json").json()["error"] == "unreachable"
        assert served.get("/blocks").status_code == 200
        with (
            closing(Database(chain.indexed.place.url(INDEX))) as base,
            base.writing() as connection,
        ):
            connection.execute(text("DROP TABLE index_cursor"))
        # An address that is malformed as well is not a failure of the server.
        for path in ("/jobs/zz", "/accounts/zz", "/blocks.csv?before=x"):
            answer = served.get(path)
            assert answer.status_code == 503, path
            assert "The index does not answer" in answer.text


def test_a_dropped_transaction_says_why(site: Served, node: NodeOfTests) -> None:
    reason = Whereabouts(TransactionStatus.REJECTED, "EXPIRED", "<b>valid until</b> is over")
    node.known[UNSEEN] = reason
    html = site.get(f"/transactions/{UNSEEN.hex()}").text
    assert "never got into a block" in html
    assert "EXPIRED: &lt;b&gt;valid until&lt;/b&gt; is over" in html


def test_a_later_block_is_told_from_one_that_is_not_final_or_not_indexed(
    site: Served, node: NodeOfTests, chain: IndexedChain
) -> None:
    indexed = chain.world.final.header.height
    node.final_height, node.head_height = indexed + 1, indexed + 2
    assert "is final, and not indexed yet" in site.get(f"/blocks/{indexed + 1}").text
    assert "is included, and not final yet" in site.get(f"/blocks/{indexed + 2}").text
    assert "This node knows no such block" in site.get(f"/blocks/{indexed + 3}").text


def test_a_block_that_only_the_node_has_is_not_unknown(site: Served, node: NodeOfTests) -> None:
    node.known[UNSEEN] = Whereabouts(TransactionStatus.INCLUDED)
    assert "This block is included, and not final yet" in site.get(f"/blocks/{UNSEEN.hex()}").text


def test_every_case_has_words() -> None:
    assert set(CASES) == set(Absence)


def test_a_node_that_is_behind_its_peers_is_said_to_sync(site: Served, node: NodeOfTests) -> None:
    node.target_height = node.final_height + 100
    try:
        html = site.get("/").text
    finally:
        node.target_height = 0
    assert "<strong>syncing</strong>" in html
    assert "until this node has the 100 blocks between" in html


def test_a_chain_without_new_blocks_is_stale(site: Served, node: NodeOfTests) -> None:
    assert "Live: final at" in site.get("/").text
    node.now_ms += 60_000
    html = site.get("/").text
    assert "Stale: no final block for 1 min 2 s" in html
    assert "<strong>stale</strong>" in html


def test_an_index_that_trails_is_said_to(site: Served, node: NodeOfTests) -> None:
    node.final_height = node.head_height = node.final_height + 1
    assert "index 1 block behind" in site.get("/blocks").text
    node.final_height = node.head_height = node.final_height + 100
    assert "catching up" in site.get("/blocks").text
    assert "index 101 blocks behind" in site.get("/blocks").text


class FailingNode(NodeOfTests):
    """A node with a fault in what one page asks it, or in what every page asks it."""

    fails_always = False

    async def account(self, address: Address) -> AccountStanding:
        raise ZeroDivisionError("secret of the node")

    async def standing(self) -> Standing:
        if self.fails_always:
            raise ZeroDivisionError("secret of the node")
        return await super().standing()


@pytest.fixture
def failing(chain: IndexedChain) -> FailingNode:
    """A node that fails."""
    return FailingNode(**{each.name: getattr(chain.node, each.name) for each in fields(chain.node)})


def test_a_page_that_fails_says_so_as_a_page_and_names_where_the_log_says_why(
    chain: IndexedChain, failing: FailingNode
) -> None:
    path = f"/accounts/{format_address(PEOPLE.client.address)}"
    with serve(replace(chain, node=failing)) as served:
        answer = served.get(path, accept="text/html")
        assert answer.status_code == 500
        assert answer.headers["content-type"].startswith("text/html")
        assert answer.headers["content-security-policy"] == CONTENT_SECURITY_POLICY
        assert answer.headers["cache-control"] == "no-store"
        assert "This page could not be made" in answer.text
        assert f"Reference {answer.headers['x-request-id']}" in answer.text
        assert path in answer.text
        assert not re.search("secret|Traceback|ZeroDivision", answer.text)
        for form, accept in ((".json", "text/html"), ("", "application/json")):
            told = served.get(path + form, accept=accept)
            assert told.status_code == 500
            assert told.headers["content-type"] == "application/json"
            assert told.json()["error_code"] == "INTERNAL_ERROR"
            assert "secret" not in told.text
        assert served.get("/blocks", accept="text/html").status_code == 200


def test_where_not_even_the_page_of_an_error_can_be_made_the_api_answers(
    chain: IndexedChain, failing: FailingNode
) -> None:
    failing.fails_always = True
    with serve(replace(chain, node=failing)) as served:
        for path, status in (("/blocks", 500), ("/nowhere", 404)):
            answer = served.get(path, accept="text/html")
            assert answer.status_code == status
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
            assert "secret" not in answer.text
