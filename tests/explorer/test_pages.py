"""Pages over HTTP: what they say, their twins, and that every link leads somewhere."""

import json
import re
from html import unescape

import pytest

from ledger.keys import format_address
from ledger.outcomes import OutcomeKind
from tests.explorer.chains import IndexedChain
from tests.explorer.paths import ids_of, links_of, page_paths
from tests.explorer.serving import Served
from tests.ledger.worlds import AITBC, PEOPLE

ENDED = ("settled", "windowed", "retried", "failed", "cancelled", "expired")


def text_of(html: str) -> str:
    """Return a page's text with its tags taken out, spaces made one."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html))


def test_no_link_of_any_page_leads_to_an_error(site: Served, chain: IndexedChain) -> None:
    waiting = set(page_paths(chain).values())
    lost = {"/blocks/zz", f"/transactions/{'ab' * 32}"}
    block = chain.indexed.store.block_at(chain.crowded_height)
    assert block is not None
    # The crowded block's transactions differ in nothing but their amount.
    alike = {f"/transactions/{each.hex()}" for each in block.transaction_ids[2:]}
    skipped = alike | {path + ".json" for path in alike}
    seen: set[str] = set()
    while waiting:
        path = waiting.pop()
        seen.add(path)
        answer = site.get(path)
        assert answer.status_code in ({404} if path in lost else {200, 302}), path
        if answer.headers.get("content-type", "").startswith("text/html"):
            found = {link.partition("#")[0] for link in links_of(answer.text)}
            assert all(link.startswith(("/", "data:image/svg")) or not link for link in found), path
            # The API beside the pages is not part of this site.
            pages = {link for link in found if link.startswith("/") and link[:4] != "/v1/"}
            # What the style guide shows is made up.
            waiting |= set() if path == "/styleguide" else pages - seen - skipped
    assert len(seen) > 100


def test_no_page_uses_an_element_id_twice(site: Served, chain: IndexedChain) -> None:
    for path in page_paths(chain).values():
        ids = ids_of(site.get(path).text)
        assert len(ids) == len(set(ids)), path


def test_every_page_has_what_every_page_has(site: Served, chain: IndexedChain) -> None:
    for name, path in page_paths(chain).items():
        html = site.get(path).text
        assert html.count("<h1") == 1, name
        assert html.count("<main") == 1, name
        assert '<a class="skip" href="#content">' in html, name
        assert '<form class="search" action="/search" method="get" role="search">' in html, name
        assert f"· {chain.world.head.header.chain_id}</title>" in html, name
        assert ('aria-label="Breadcrumb"' in html) == (name != "home"), name
        assert "index up to date" in html, name


def test_every_page_that_shows_the_chain_says_how_it_can_be_checked(
    site: Served, chain: IndexedChain
) -> None:
    others = {"verify", "an unknown transaction", "a malformed block"}
    for name, path in page_paths(chain).items():
        html = site.get(path).text
        assert ("How do I check this?" in html) == (name not in others), name


def test_every_objects_page_says_how_it_can_be_checked(site: Served, chain: IndexedChain) -> None:
    job, receipt = chain.jobs["settled"].hex(), chain.receipts["settled"].hex()
    for path, proof in (
        (f"/jobs/{job}", f"receipt/{receipt}"),
        (f"/receipts/{receipt}", f"receipt/{receipt}"),
        (f"/transactions/{job}", f"transaction/{job}"),
        ("/blocks/12", "validators"),
        ("/validators", "validators"),
    ):
        line = f'aitbc verify "$NODE/v1/proofs/{proof}" --genesis genesis.json'
        assert line in unescape(site.get(path).text), path


def test_what_a_page_shows_its_twin_says(site: Served, chain: IndexedChain) -> None:
    """A section of a page for which its twin has nothing is lost on whoever reads JSON."""
    job = site.get(f"/jobs/{chain.jobs['windowed'].hex()}.json").json()
    assert job["verification_words"]
    home = site.get("/index.json").json()
    assert sum(hour["blocks"] for hour in home["hours"]) == home["totals"]["blocks"]
    miner = site.get(f"/miners/{format_address(PEOPLE.miner.address)}.json").json()
    assert miner["state"] == "registered"
    assert list(miner["strip"][0]["marks"].values()).count("none") == 29
    attempts = (miner[name] for name in ("receipts", "released", "lost", "others"))
    assert sum(attempts) == miner["assignments"]
    assert miner["others"] == 2, "one runs, one was cancelled"
    validators = site.get("/validators.json").json()
    assert [row["name"] for row in validators["participation"]] == [
        row["name"] for row in validators["validators"]
    ]
    assert validators["waiting"] == []


def test_who_was_paid_is_proved_by_an_outcome_record(site: Served, chain: IndexedChain) -> None:
    ends = {
        "settled": OutcomeKind.JOB_SETTLED,
        "expired": OutcomeKind.JOB_EXPIRED,
        "cancelled": OutcomeKind.JOB_CANCELLED,
    }
    for state, kind in ends.items():
        job_id = chain.jobs[state]
        pages = [f"/jobs/{job_id.hex()}"]
        if state in chain.receipts:
            pages.append(f"/receipts/{chain.receipts[state].hex()}")
        for path in pages:
            html = site.get(path).text
            named = re.findall(r"aitbc verify .*?/v1/proofs/outcome/(\d+)/(\d+)", html)
            ((height, at),) = named
            # The proof of that place is of this job's end: the ledger's own block says so.
            outcome = chain.world.results[int(height) - 1].outcomes[int(at)]
            assert (outcome.kind, outcome.object_id) == (kind, job_id), path
    running = site.get(f"/jobs/{chain.jobs['running'].hex()}").text
    assert not re.search("aitbc verify .*?/v1/proofs/outcome/", running)


def test_a_receipts_page_asks_for_the_proof_of_its_payment_once_there_is_one(
    site: Served, chain: IndexedChain
) -> None:
    for state, receipt_id in chain.receipts.items():
        path = f"/receipts/{receipt_id.hex()}"
        html, twin = unescape(site.get(path).text), site.get(path + ".json").json()
        told = re.search(r'data-payment="(\{.*?\}\})"', html)
        assert (told is None) == (twin["settled_ms"] is None), state
        if told is not None:
            payment = json.loads(told[1])
            assert payment["paid"] == {
                name: twin[f"paid_{name}"] for name in ("miner", "coordinator", "client")
            }
            assert (payment["jobId"], payment["end"]) == (twin["job_id"], "job_settled")
            assert f'"$NODE{payment["url"]}"' in html


def test_every_outcome_links_its_proof(site: Served, chain: IndexedChain) -> None:
    job_id = chain.jobs["settled"].hex()
    for path in (f"/jobs/{job_id}", f"/transactions/{job_id}"):
        links = re.findall(r'href="/v1/proofs/outcome/(\d+)/(\d+)"', site.get(path).text)
        assert links, path
        for height, at in links:
            outcome = chain.world.results[int(height) - 1].outcomes[int(at)]
            assert outcome.object_id.hex() == job_id


def test_no_page_has_inline_script_or_style(site: Served, chain: IndexedChain) -> None:
    for name, path in page_paths(chain).items():
        html = site.get(path).text
        assert "<style" not in html, name
        assert not re.search(r"<[^>]*\s(style|on[a-z]+|hx-on[^=]*)=", html), name
        assert re.findall(r"<script(?! src=)", html) == [], name


def test_a_transaction_begins_with_what_it_did(site: Served, chain: IndexedChain) -> None:
    html = site.get(f"/transactions/{chain.transfer.hex()}").text
    client = format_address(PEOPLE.client.address)
    stranger = format_address(PEOPLE.stranger.address)
    assert f"{client} sent 0.25 AITBC to {stranger}." in text_of(html)
    assert "Applied" in html
    assert "Final" in html


def test_a_block_counts_its_transactions_by_kind(site: Served, chain: IndexedChain) -> None:
    crowded = f"/blocks/{chain.crowded_height}"
    assert "Of the 50 here, by kind: 50 transfer." in text_of(site.get(crowded).text)
    row = chain.indexed.reader.job(chain.jobs["settled"])
    assert row is not None
    path = f"/blocks/{row.submitted.height}"
    kinds = site.get(path + ".json").json()["transactions_by_kind"]
    assert kinds["submit_job"] == 1
    assert re.search(r"By kind: .*1 submit_job", text_of(site.get(path).text))


def test_ids_stand_in_the_page_in_full(site: Served, chain: IndexedChain) -> None:
    job_id = chain.jobs["settled"].hex()
    assert f"{job_id}</code>" in site.get("/").text
    assert f"{job_id}</code>" in site.get(f"/receipts/{chain.receipts['settled'].hex()}").text


def test_objects_are_found_by_bare_ids_and_as_the_api_writes_them(
    site: Served, chain: IndexedChain
) -> None:
    job_id, receipt_id = chain.jobs["settled"].hex(), chain.receipts["settled"].hex()
    for path in (
        f"/jobs/job_{job_id}",
        f"/jobs/pay_{job_id}",
        f"/transactions/tx_{job_id}",
        f"/transactions/job_{job_id}",
        f"/receipts/receipt_{receipt_id}",
        f"/transactions/{receipt_id.upper()}",
    ):
        assert site.get(path).status_code == 200, path


@pytest.mark.parametrize("state", ENDED)
def test_a_jobs_money_adds_up_on_its_page(site: Served, chain: IndexedChain, state: str) -> None:
    twin = site.get(f"/jobs/{chain.jobs[state].hex()}.json").json()
    parts = [int(twin[name]) for name in ("paid_miner", "paid_coordinator", "paid_client")]
    assert sum(parts) == int(twin["max_price"]) == AITBC


def test_a_cancel_that_paid_the_miner_is_not_called_a_refund(
    site: Served, chain: IndexedChain
) -> None:
    job = chain.jobs["cancelled"].hex()
    twin, html = site.get(f"/jobs/{job}.json").json(), site.get(f"/jobs/{job}").text
    assert int(twin["paid_miner"]) > 0
    assert twin["payment"] == "compensated"
    assert "The escrow went back to the client." not in html
    assert "The miner got a part for its work, the client has the rest." in html
    rows = {row["job_id"]: row["payment"] for row in site.get("/jobs.json").json()["jobs"]}
    assert rows[job] == "compensated"
    assert rows[chain.jobs["expired"].hex()] == "refunded"


def test_a_jobs_timeline_names_who_moved_it(site: Served, chain: IndexedChain) -> None:
    twin = site.get(f"/jobs/{chain.jobs['retried'].hex()}.json").json()
    moved = [(step["kind"], step["by"].rpartition(" ")[0]) for step in twin["timeline"]]
    assert moved == [
        ("job_locked", "the client"),
        ("job_assigned", "the coordinator"),
        ("job_released", "the miner"),
        ("job_assigned", "the coordinator"),
        ("receipt_posted", "the miner"),
        ("job_settled", "the client"),
    ]
    assert [attempt["how"] for attempt in twin["attempts"]] == ["given back", "receipt posted"]
    assert "the miner's program failed" in twin["timeline"][2]["words"]


def test_what_the_ledger_did_by_itself_is_said_to_be_automatic(
    site: Served, chain: IndexedChain
) -> None:
    path = f"/jobs/{chain.jobs['expired'].hex()}"
    last = site.get(path + ".json").json()["timeline"][-1]
    assert (last["kind"], last["by"], last["cause"]) == (
        "job_expired",
        "the ledger, by itself",
        None,
    )
    assert "automatic · outcome 0" in text_of(site.get(path).text)


def test_a_receipts_chain_of_custody_leads_from_the_job_to_its_pay(
    site: Served, chain: IndexedChain
) -> None:
    twin = site.get(f"/receipts/{chain.receipts['settled'].hex()}.json").json()
    titles = [link["title"] for link in twin["custody_chain"]]
    assert titles == ["Job", "Assigned", "Receipt", "Block", "Receipt attested", "Settled"]
    assert twin["custody_chain"][0]["id"] == chain.jobs["settled"].hex()
    assert twin["custody_chain"][2]["id"] == chain.receipts["settled"].hex()


def test_a_receipt_says_how_far_it_was_checked(site: Served, chain: IndexedChain) -> None:
    def said(name: str) -> str:
        return text_of(site.get(f"/receipts/{chain.receipts[name].hex()}").text)

    assert "Structural checks only: nobody ran the job a second time." in said("settled")
    assert "the client trusted the coordinator" in said("settled")
    assert "a second run of the job agreed" in said("windowed")
    assert "dispute window of 1 min" in said("windowed")
    assert "has not vouched for the delivery of the result." in said("accepted")
    assert "so far" not in said("settled")
    assert "has not vouched for the delivery of the result, so far." in said("disputed")
    assert "The client accepted the receipt" in said("accepted")
    assert "the client trusted the coordinator" not in said("accepted")
    assert "own: the miner alone holds its key" in said("settled")


def test_what_only_the_miner_says_is_marked_as_claimed(site: Served, chain: IndexedChain) -> None:
    html = site.get(f"/receipts/{chain.receipts['settled'].hex()}").text
    rows = re.findall(r"<dt>(?P<label>[^<]*).*?</dt>.*?</dd>", html, re.DOTALL)
    assert rows
    for label in ("Model", "Units", "Began", "Ended", "Took", "Result", "Price claimed"):
        row = re.search(rf"<dt>{label}<.*?</dd>", html, re.DOTALL)
        assert row is not None, label
        assert "claimed by the miner</span>" in row[0], label
    row = re.search(r"<dt>Price cap<.*?</dd>", html, re.DOTALL)
    assert row is not None
    assert "claimed" not in row[0]


def test_a_live_job_says_what_will_happen_when(site: Served, chain: IndexedChain) -> None:
    disputed = site.get(f"/jobs/{chain.jobs['disputed'].hex()}.json").json()
    settled = site.get(f"/jobs/{chain.jobs['settled'].hex()}.json").json()
    assert disputed["ends_by_itself_ms"] > chain.world.now_ms
    assert "ends_by_itself_ms" not in settled


def test_a_clients_dispute_shows_its_bond_and_a_ruling_who_decided(
    site: Served, chain: IndexedChain
) -> None:
    objected = site.get(f"/jobs/{chain.jobs['objected'].hex()}.json").json()
    assert objected["disputed_by"] == format_address(PEOPLE.client.address)
    assert objected["dispute_bond"] == "10000000"
    html = site.get(f"/jobs/{chain.jobs['ruled'].hex()}").text
    assert "Authorities ruled for the miner" in html
    assert "The parts of escrow and bond add up" in html


def test_the_list_of_blocks_has_every_block_once(site: Served, chain: IndexedChain) -> None:
    heights: list[int] = []
    path = "/blocks.json"
    while path:
        page = site.get(path).json()
        heights += [block["height"] for block in page["blocks"]]
        path = f"/blocks.json?before={page['before']}" if page["before"] is not None else ""
    assert heights == list(range(chain.world.final.header.height, -1, -1))


def test_a_crowded_block_shows_all_its_transactions_over_its_pages(
    site: Served, chain: IndexedChain
) -> None:
    shown = [
        row["transaction_id"]
        for first in (0, 50)
        for row in site.get(f"/blocks/{chain.crowded_height}.json?transactions={first}").json()[
            "transactions"
        ]
    ]
    block = chain.indexed.store.block_at(chain.crowded_height)
    assert block is not None
    assert shown == [each.hex() for each in block.transaction_ids]
    html = site.get(f"/blocks/{chain.crowded_height}?transactions=50").text
    assert "Transactions 50 to 69 of 70" in html


def test_a_block_is_the_same_by_height_and_by_id(site: Served) -> None:
    by_height = site.get("/blocks/12.json").json()
    by_id = site.get(f"/blocks/{by_height['block_id']}.json").json()
    by_height.pop("chain")
    assert by_height == by_id


def test_the_overview_counts_jobs_by_phase(site: Served, chain: IndexedChain) -> None:
    totals = site.get("/index.json").json()["totals"]
    assert totals["jobs"] == len(chain.jobs) == sum(totals["jobs_by_phase"].values())
    assert totals["jobs_by_phase"]["completed"] == 6
