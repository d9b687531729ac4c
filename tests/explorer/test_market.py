"""The marketplace: depth, prices and times by service, and what some jobs would cost."""

from dataclasses import replace
from typing import Any

import pytest

from explorer_web import market as market_module
from explorer_web.market import cost_of
from ledger.keys import format_address
from ledger.store import JobPhase, OfferStatus
from tests.explorer.chains import IndexedChain
from tests.explorer.serving import Served
from tests.ledger.worlds import AITBC, PEOPLE


def service_of(twin: Any, name: str) -> Any:
    return next(row for row in twin["services"] if row["service"] == name)


def test_offers_are_listed_with_what_became_of_them(site: Served, chain: IndexedChain) -> None:
    rows = site.get("/market/offers.json").json()["offers"]
    assert [row["status"] for row in rows] == ["withdrawn", "open", "open", "taken"]
    assert [row["remaining"] for row in rows] == [10, 3, 2, 0]
    assert rows[1]["miner"] == format_address(PEOPLE.other_miner.address)
    assert site.get("/market/offers.json?status=open").json()["offers"] == rows[1:3]
    assert site.get("/market/offers.json?service=llm_inference").json()["offers"] == rows[1:3]
    taken = chain.indexed.reader.offers(status=OfferStatus.TAKEN)
    assert [row.offer_id.hex() for row in taken] == [rows[3]["offer_id"]]
    assert taken[0].closed is not None


def test_depth_and_prices_are_those_of_the_open_offers(site: Served) -> None:
    told = service_of(site.get("/market.json").json(), "llm_inference")
    assert (told["offers"], told["depth"]) == (2, 5)
    assert (told["cheapest"], told["median"]) == (str(AITBC // 4), str(AITBC // 4))
    assert int(told["last_settled"]) > 0
    assert told["wait_p50_ms"] <= told["wait_p95_ms"]


def test_no_service_is_left_out_while_there_are_few(site: Served) -> None:
    assert site.get("/market.json").json()["services_left_out"] == 0
    assert "not shown" not in site.get("/market").text


def test_services_beyond_what_is_shown_are_counted_and_those_that_work_stay(
    chain: IndexedChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(market_module, "SERVICES_SHOWN", 1)
    offer = chain.indexed.reader.offers(status=OfferStatus.OPEN)[0]
    made_up = [replace(offer, service=f"a-{number}") for number in range(2)]
    table, left_out = market_module._services(
        made_up, chain.indexed.reader.jobs(phase=JobPhase.COMPLETED)
    )
    assert [row[0] for row in table.rows] == ["llm_inference"]
    assert left_out == 2
    table, left_out = market_module._services([*made_up, made_up[1]], ())
    assert ([row[:3] for row in table.rows], left_out) == ([("a-1", 2, 2 * offer.remaining)], 1)


@pytest.mark.parametrize(
    ("jobs", "taken", "total", "greatest", "offers"),
    [
        (1, 1, AITBC // 4, AITBC // 4, 1),
        (3, 3, 3 * AITBC // 4, AITBC // 4, 1),
        (4, 4, 3 * AITBC // 4 + AITBC // 2, AITBC // 2, 2),
        (7, 5, 3 * AITBC // 4 + AITBC, AITBC // 2, 2),
    ],
)
def test_jobs_would_cost_what_the_cheapest_offers_ask(
    site: Served, jobs: int, taken: int, total: int, greatest: int, offers: int
) -> None:
    path = f"?service=llm_inference&jobs={jobs}"
    cost = site.get(f"/market.json{path}").json()["cost"]
    assert cost == {
        "service": "llm_inference",
        "jobs": jobs,
        "taken": taken,
        "total": str(total),
        "greatest": str(greatest),
        "offers": offers,
        "is_cut": False,
    }
    html = site.get(f"/market{path}").text
    assert f"{taken} of {jobs} jobs would cost" in html
    assert ("There are no offers for the rest." in html) == (taken < jobs)


def test_offers_that_were_not_read_are_not_said_to_be_none(
    chain: IndexedChain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The two open offers take 3 and 2 jobs; only the first one is read."""
    monkeypatch.setattr(market_module, "OFFERS_READ", 1)
    reader = chain.indexed.reader
    for jobs, taken, is_cut in ((3, 3, False), (4, 3, True)):
        cost = cost_of(reader, "llm_inference", jobs)
        assert (cost.taken, cost.is_cut, cost.json["is_cut"]) == (taken, is_cut, is_cut)
        assert "There are no offers" not in cost.words
        assert ("There may be dearer offers for the rest" in cost.words) == is_cut


def test_a_service_that_nobody_offers_costs_nothing_that_could_be_said(
    site: Served, chain: IndexedChain
) -> None:
    assert cost_of(chain.indexed.reader, "nothing", 3).taken == 0
    hostile = site.get("/market?service=%3Cscript%3E&jobs=2").text
    assert "Nobody offers &lt;script&gt; now." in hostile
    assert "<script>" not in hostile


@pytest.mark.parametrize("jobs", ["0", "x", "-1", "100001"])
def test_a_number_of_jobs_that_is_none_is_refused(site: Served, jobs: str) -> None:
    assert site.get(f"/market?service=a&jobs={jobs}").status_code == 404
    assert site.get("/market/offers?status=gone").status_code == 404
