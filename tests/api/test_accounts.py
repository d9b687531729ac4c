"""Balance, statements, keys and the operator's checks over HTTP."""

import csv
import io

import httpx
import pytest

from coordinator.clients import Scope
from tests.api.site import MINER, Site

PROMPT = {"payload": {"prompt": "Hello"}, "payment_amount": "0.10", "payment_currency": "AITBC"}


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error_code"]


async def test_a_balance_is_of_strings_and_says_as_of_when(site: Site) -> None:
    await site.queued(PROMPT)
    response = await site.http.get("/v1/clients/me/balance")
    balance = response.json()
    assert balance["escrowed"] == balance["reserved"] == "0.10"
    assert balance["pooled"] == "0.00"
    assert response.headers["aitbc-as-of-height"] == str(balance["as_of_height"])


async def test_a_statement_is_paged_and_its_proofs_are_there(site: Site) -> None:
    job_id = await site.done(PROMPT)
    whole = (await site.http.get("/v1/statements")).json()
    assert whole["next_cursor"] is None
    assert {line["job_id"] for line in whole["lines"]} == {None, job_id}
    receipts = {line["receipt"] for line in whole["lines"] if line["job_id"] == job_id}
    (receipt,) = receipts
    assert (await site.http.get(receipt)).status_code == 200
    earned = [line for line in whole["lines"] if line["kind"] == "earning"]
    assert [line["debit"] for line in earned] == ["0.00"]
    for line in whole["lines"]:
        what = f"transaction/{line['transaction_id']}"
        if line["outcome"] is not None:
            what = f"outcome/{line['height']}/{line['outcome']}"
        assert line["proof"] == f"/v1/proofs/{what}"
    page, lines = await site.http.get("/api/v1/statements", params={"limit": 1}), []
    while True:
        lines += page.json()["lines"]
        if "next" not in page.links:
            break
        page = await site.http.get(page.links["next"]["url"])
    assert all(line["proof"].startswith("/api/v1/proofs/") for line in lines)
    for name in ("proof", "receipt"):
        for line in lines:
            line[name] = line[name] and line[name].removeprefix("/api")
    assert lines == whole["lines"]
    of_miner = (await site.http.get("/v1/statements", params={"miner_id": MINER})).json()
    assert [account["miner_id"] for account in of_miner["accounts"]] == [MINER]
    assert of_miner["totals"]["earned"] == earned[0]["credit"]


async def test_a_sheet_holds_the_same_lines_and_no_formula(site: Site) -> None:
    named = {"name": "=HYPERLINK(1)", "type": "ai-inference", "input": {"prompt": "Hello"}}
    await site.queued(named)
    sheet = await site.http.get("/v1/statements.csv")
    assert sheet.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(sheet.text)))
    whole = (await site.http.get("/v1/statements")).json()
    assert [row["balance"] for row in rows] == [line["balance"] for line in whole["lines"]]
    assert rows[-1]["label"] == "'=HYPERLINK(1)"
    assert rows[-1]["balance"] == whole["closing_balance"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"from": "yesterday"},
        {"from": "2026-02-02T00:00:00Z", "to": "2026-02-01T00:00:00Z"},
        {"cursor": "j1"},
        {"limit": "0"},
        {"limit": "1001"},
    ],
)
async def test_a_period_that_makes_no_sense_is_refused(site: Site, wrong: dict[str, str]) -> None:
    for path in ("/v1/statements", "/v1/statements.csv"):
        response = await site.http.get(path, params=wrong)
        assert code_of(response) == (400, "VALIDATION_ERROR")
    unknown = await site.http.get("/v1/statements", params={"miner_id": "nobody"})
    assert code_of(unknown) == (404, "MINER_NOT_FOUND")


async def test_a_key_with_a_budget_is_refused_beyond_it_and_rotated(site: Site) -> None:
    async with site.with_key(await site.key()) as owner:
        wish = {"label": "ci", "budget": {"amount": 0.15, "period": "day"}}
        issued = (await owner.post("/v1/clients/me/keys", json=wish)).json()
        assert issued["budget"] == {"amount": "0.15", "period": "day"}
        key_path = f"/v1/clients/me/keys/{issued['key_id']}"
        async with site.with_key(issued["api_key"]) as buyer:
            assert (await buyer.post("/v1/jobs", json=PROMPT)).status_code == 201
            refused = await buyer.post("/v1/jobs", json=PROMPT)
            assert code_of(refused) == (402, "KEY_BUDGET_EXCEEDED")
            use = (await buyer.get(f"{key_path}/usage")).json()
            assert (use["jobs"], use["requests"], use["budget"]["period"]) == (1, 3, "day")
            assert use["budget"]["committed"] == use["committed"]
            rotated = await owner.post(f"{key_path}/rotate", json={"overlap_seconds": 0})
            assert rotated.status_code == 201
            assert rotated.headers["cache-control"] == "no-store"
            assert code_of(await buyer.get("/v1/jobs")) == (401, "INVALID_API_KEY")
        async with site.with_key(rotated.json()["api_key"]) as buyer:
            refused = await buyer.post("/v1/jobs", json=PROMPT)
            assert code_of(refused) == (402, "KEY_BUDGET_EXCEEDED")
        for amount in ("-1", "1e3", "x", 0.0000000001):
            bad = {"budget": {"amount": amount}}
            response = await owner.post("/v1/clients/me/keys", json=bad)
            assert code_of(response) == (400, "VALIDATION_ERROR")
        unknown = await owner.post("/v1/clients/me/keys/nokey/rotate", json={})
        assert code_of(unknown) == (404, "NOT_FOUND")


async def test_only_the_operator_sees_the_invariants(site: Site) -> None:
    await site.queued(PROMPT)
    for key in (await site.key(), await site.key(Scope.READ)):
        async with site.with_key(key) as client:
            assert code_of(await client.get("/v1/admin/invariants")) == (403, "FORBIDDEN")
    text = site.world.config.operator_key_path.read_text().strip()
    async with site.with_key(text) as operator:
        report = (await operator.get("/v1/admin/invariants")).json()
        assert report["holds"]
        assert report["is_current"]
        assert (report["open_jobs"], report["escrowed"]) == (1, "0.10")
        assert all(check["holds"] for check in report["checks"])
        own = (await operator.get("/v1/clients/me/keys")).json()["keys"][0]["key_id"]
        last = await operator.delete(f"/v1/clients/me/keys/{own}")
        assert code_of(last) == (409, "LAST_ADMIN_KEY")
