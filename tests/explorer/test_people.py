"""The pages of accounts and of miners: what they hold, what they did, what follows from it."""

from coordinator.stats import Weights
from ledger import balance_of
from ledger.keys import format_address
from ledger.store import IndexReader
from tests.explorer.chains import IndexedChain
from tests.explorer.serving import Served
from tests.ledger.worlds import PEOPLE

CLIENT, MINER = (format_address(each.address) for each in (PEOPLE.client, PEOPLE.miner))


def test_an_account_says_its_balance_and_the_height_at_which_it_holds(
    site: Served, chain: IndexedChain
) -> None:
    twin = site.get(f"/accounts/{CLIENT}.json").json()
    state = chain.world.final.state
    assert twin["balance"] == str(balance_of(state, PEOPLE.client.address))
    assert twin["balance_height"] == chain.world.final.header.height
    html = site.get(f"/accounts/{CLIENT}").text
    assert f'<data value="{twin["balance"]}">' in html
    assert f"/v1/proofs/account/{CLIENT}" in html


def test_an_accounts_page_shows_the_beginnings_of_its_lists(
    site: Served, chain: IndexedChain
) -> None:
    twin = site.get(f"/accounts/{CLIENT}.json").json()
    activity = site.get(f"/accounts/{CLIENT}/activity.json").json()["activity"]
    assert twin["activity"] == activity[:10]
    assert all(row["client"] == CLIENT for row in twin["jobs_as_client"])
    assert len(twin["jobs_as_client"]) == min(10, len(chain.jobs))
    miner = site.get(f"/accounts/{MINER}.json").json()
    assert miner["receipts_as_miner"]
    assert miner["miner_name"] == "lab-gpu-1"
    assert f'href="/miners/{MINER}"' in site.get(f"/accounts/{MINER}").text


def test_an_account_that_nobody_used_holds_nothing_and_says_so(site: Served) -> None:
    address = format_address(bytes(range(20)))
    answer = site.get(f"/accounts/{address}")
    assert answer.status_code == 200
    assert "this index knows of no block that touched it" in answer.text
    assert site.get(f"/accounts/{address}.json").json()["balance"] == "0"


def test_an_address_with_a_wrong_checksum_is_malformed_and_says_what_is_wrong(
    site: Served,
) -> None:
    wrong = CLIENT[:-1] + ("q" if CLIENT[-1] != "q" else "p")
    for kind in ("accounts", "miners"):
        answer = site.get(f"/{kind}/{wrong}")
        assert answer.status_code == 404
        assert "checksum" in answer.text


def test_who_never_registered_has_no_page_as_a_miner(site: Served) -> None:
    answer = site.get(f"/miners/{CLIENT}")
    assert answer.status_code == 404
    assert "This node knows no such miner" in answer.text


def test_a_miners_record_is_what_the_index_counted(site: Served, chain: IndexedChain) -> None:
    index: IndexReader = chain.indexed.reader
    row = index.miner(PEOPLE.miner.address)
    assert row is not None
    twin = site.get(f"/miners/{MINER}.json").json()
    assert (twin["assignments"], twin["receipts"]) == (row.assignments, row.receipts)
    assert twin["earned"] == str(row.earned)
    assert (twin["refuted"], twin["reruns"], twin["timeouts"]) == (
        row.refuted,
        row.reruns,
        row.timeouts,
    )
    assert row.reruns == 1
    assert sum(day["attempts"] for day in twin["days"]) == row.assignments
    assert twin["price_history"][0]["price_floor"] == str(row.price_floor)
    assert [job["job_id"] for job in twin["current_jobs"]] == [chain.jobs["running"].hex()]
    assert sum(each["jobs"] for each in twin["services"]) > 0


def test_a_miners_score_follows_from_the_inputs_that_its_page_shows(site: Served) -> None:
    twin = site.get(f"/miners/{MINER}.json").json()
    names = ("completed", "faults", "settled", "refuted")
    shown = [round(float(twin[f"{name}_weight"]) * 1_000_000) for name in names]
    weights = Weights(*shown)
    assert weights.reputation > 0
    assert twin["reputation"] == f"{weights.reputation:.2f} of 5"
    assert "Wilson" in site.get(f"/miners/{MINER}").text


def test_a_chart_stands_beside_the_table_that_says_the_same(site: Served) -> None:
    html = site.get(f"/miners/{MINER}").text
    assert '<figure class="chart" id="earnings">' in html
    assert "The same as a table" in html
    assert html.count("<rect x=") == len(site.get(f"/miners/{MINER}.json").json()["days"])
