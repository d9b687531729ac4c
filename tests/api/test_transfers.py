"""Units sent from managed wallets over HTTP."""

import httpx
import pytest

from coordinator.clients import Scope
from ledger.hashing import sha256
from ledger.keys import KeyPair, format_address
from tests.api.site import Site

PATH = "/v1/clients/me/transfers"
RECEIVER = format_address(KeyPair(sha256(b"receiver")).address)
WANTED = {"to": RECEIVER, "amount": "2.5", "currency": "AITBC"}


def code_of(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error_code"]


async def test_a_transfer_is_made_once_shown_until_final_and_proved(site: Site) -> None:
    async with site.with_key(await site.key()) as client:
        headers = {"Idempotency-Key": "4c1e7a52-0000", "Prefer": "wait=30"}
        sent = await client.post(f"/api{PATH}", json=WANTED, headers=headers)
        assert (sent.status_code, sent.headers["preference-applied"]) == (201, "wait=30")
        transfer = sent.json()
        assert (transfer["status"], transfer["amount"], transfer["to"]) == (
            "final",
            "2.50",
            RECEIVER,
        )
        assert transfer["proof"] == f"/api/v1/proofs/transaction/{transfer['transaction_id']}"
        shown = await client.get(sent.headers["location"])
        assert shown.json() == transfer
        again = await client.post(f"/api{PATH}", json=WANTED, headers=headers)
        assert again.headers["idempotency-replayed"] == "true"
        assert again.json() == transfer
        assert (await client.get(f"/api{PATH}")).json() == {"transfers": [transfer]}
        (line,) = (
            line
            for line in (await client.get("/v1/statements")).json()["lines"]
            if line["kind"] == "sent"
        )
        assert (line["debit"], line["fee"]) == ("2.50", transfer["fee"])
        assert line["proof"] == f"/v1/proofs/transaction/{transfer['transaction_id']}"


async def test_transfers_are_paged(site: Site) -> None:
    async with site.with_key(await site.key()) as client:
        for amount in ("0.1", "0.2", "0.3"):
            sent = await client.post(PATH, json=WANTED | {"amount": amount})
            assert (sent.status_code, sent.json()["status"]) == (201, "pooled")
            assert sent.json()["proof"] is None
        page = await client.get(PATH, params={"limit": 2})
        rest = await client.get(page.links["next"]["url"])
        amounts = [each["amount"] for each in page.json()["transfers"] + rest.json()["transfers"]]
        assert amounts == ["0.30", "0.20", "0.10"]
        assert "next" not in rest.links
        newest = page.json()["transfers"][0]["transaction_id"]
        ended = await client.get(f"{PATH}/{newest}", params={"wait": 30})
        assert ended.json()["status"] == "final"


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"to": RECEIVER[:-1] + ("q" if RECEIVER[-1] != "q" else "p")}, "/to"),
        ({"to": "0x" + "00" * 20}, "/to"),
        ({"amount": "0"}, "/amount"),
        ({"amount": "-1"}, "/amount"),
        ({"amount": "0.0000000001"}, "/amount"),
        ({"currency": "EUR"}, "/currency"),
        ({"memo": "rent"}, "/memo"),
    ],
)
async def test_a_wrong_field_is_named_with_what_mends_it(
    site: Site, wrong: dict[str, str], pointer: str
) -> None:
    async with site.with_key(await site.key()) as client:
        refused = await client.post(PATH, json=WANTED | wrong)
        assert code_of(refused) == (400, "VALIDATION_ERROR")
        assert [fault["pointer"] for fault in refused.json()["errors"]] == [pointer]
        assert (await client.get(PATH)).json() == {"transfers": []}


async def test_who_may_not_or_cannot_send_is_told_why(site: Site) -> None:
    assert code_of(await site.http.post(PATH, json=WANTED)) == (403, "FORBIDDEN")
    async with site.with_key(await site.key(Scope.WALLET)) as client:
        poor = await client.post(PATH, json=WANTED | {"amount": "1000"})
        assert code_of(poor) == (402, "INSUFFICIENT_BALANCE")
        nobody = await client.post(PATH, json=WANTED | {"miner_id": "nobody"})
        assert code_of(nobody) == (404, "MINER_NOT_FOUND")
        for unknown in ("tx_" + "0" * 64, "something"):
            assert code_of(await client.get(f"{PATH}/{unknown}")) == (404, "TRANSFER_NOT_FOUND")
        balance = await client.get("/v1/clients/me/balance")
        assert balance.json()["available"] == "1000.00"
