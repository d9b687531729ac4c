"""Cursors: opaque, checked, and stable while items come in."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.http.faults import FieldInvalid
from coordinator.http.paging import decode_cursor, encode_cursor
from tests.api.site import Site

PARTS = st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"]), max_size=9)


@given(st.lists(PARTS, max_size=4), st.text(max_size=9))
def test_a_cursor_gives_back_the_position_that_it_was_made_of(
    position: list[int | str], of_list: str
) -> None:
    text = encode_cursor(of_list, tuple(position))
    assert text.isascii()
    kinds = [type(part) for part in position]
    assert decode_cursor(of_list, text, kinds) == tuple(position)
    with pytest.raises(FieldInvalid):
        decode_cursor(of_list + "x", text, kinds)


@given(
    st.text(max_size=80)
    | st.binary(max_size=60).map(lambda raw: base64.urlsafe_b64encode(raw).decode())
)
def test_what_no_list_gave_is_refused(text: str) -> None:
    with pytest.raises(FieldInvalid, match="none that this list returned"):
        decode_cursor("jobs", text, [int])


def test_a_number_that_no_database_holds_is_refused() -> None:
    for number in (2**63, -(2**63) - 1, 2**64 - 1):
        with pytest.raises(FieldInvalid):
            decode_cursor("keys", encode_cursor("keys", (number,)), [int])


@given(st.integers(0, 40), st.integers(1, 255))
def test_a_changed_cursor_is_refused(at: int, change: int) -> None:
    text = encode_cursor("jobs", ("j1234567",))
    raw = bytearray(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    raw[at % len(raw)] ^= change
    with pytest.raises(FieldInvalid):
        decode_cursor("jobs", base64.urlsafe_b64encode(raw).decode().rstrip("="), [str])


async def pages(site: Site, path: str, of_page: Any) -> list[list[str]]:
    """Follow a list's links from a page to its end; `of_page` takes the ids from a body."""
    found = []
    while path:
        answer = await site.http.get(path)
        assert answer.status_code == 200, answer.text
        found.append(of_page(answer.json()))
        path = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
    return found


async def test_jobs_go_on_where_a_page_ended_while_jobs_come_in(site: Site) -> None:
    made = [(await site.submit({"prompt": str(number)}))["job_id"] for number in range(5)]
    first = await site.http.get("/v1/jobs?limit=2&status=pending")
    await site.submit({"prompt": "late"})
    path = first.headers["link"].partition(">")[0].removeprefix("<")
    assert {"limit=2", "status=pending"} < set(path.partition("?")[2].split("&"))
    shown = [[job["job_id"] for job in first.json()]]
    shown += await pages(site, path, lambda jobs: [job["job_id"] for job in jobs])
    assert [len(page) for page in shown] == [2, 2, 1]
    assert [job_id for page in shown for job_id in page] == made[::-1]


async def test_links_are_under_the_prefix_that_the_caller_used(site: Site) -> None:
    for number in range(2):
        await site.submit({"prompt": str(number)})
    link = (await site.http.get("/api/v1/jobs?limit=1&offset=0")).headers["link"]
    assert link.startswith("</api/v1/jobs?limit=1&cursor=")
    assert link.endswith('>; rel="next"')


async def test_receipts_have_links_to_their_next_page(site: Site) -> None:
    for number in range(3):
        await site.done({"prompt": str(number)})
    whole = [item["receipt_id"] for item in (await site.http.get("/v1/receipts")).json()]
    assert len(whole) == 3
    shown = await pages(
        site, "/v1/receipts?limit=2", lambda items: [item["receipt_id"] for item in items]
    )
    assert [len(page) for page in shown] == [2, 1]
    assert [receipt for page in shown for receipt in page] == whole


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/explorer/blocks", "height"),
        ("/explorer/transactions", "transaction_id"),
        ("/explorer/receipts", "receipt_id"),
    ],
)
async def test_the_explorers_arrays_go_on_where_a_page_ended(
    site: Site, path: str, name: str
) -> None:
    for number in range(3):
        await site.done({"prompt": str(number)})
    whole = [item[name] for item in (await site.http.get(f"{path}?limit=100")).json()]
    assert len(whole) >= 3
    shown = await pages(site, f"{path}?limit=2", lambda items: [item[name] for item in items])
    assert {len(page) for page in shown} <= {1, 2}
    assert [item for page in shown for item in page] == whole


async def test_miners_registered_at_the_same_time_are_all_listed_once(site: Site) -> None:
    names = [f"miner-{number}" for number in range(5)]
    for miner in names:
        assert (await site.register(miner_id=miner)).status_code == 201
    shown = await pages(
        site, "/v1/miners?limit=2", lambda body: [miner["miner_id"] for miner in body["miners"]]
    )
    assert [len(page) for page in shown] == [2, 2, 1]
    assert sorted(miner for page in shown for miner in page) == names


@pytest.mark.parametrize(
    "path",
    [
        "/v1/jobs",
        "/v1/receipts",
        "/v1/statements",
        "/v1/marketplace/offers",
        "/v1/miners",
        "/explorer/blocks",
        "/explorer/transactions",
    ],
)
async def test_a_cursor_of_another_list_is_refused(site: Site, path: str) -> None:
    refused = await site.http.get(path, params={"cursor": encode_cursor("else", ("j1",))})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["code"] == "INVALID_CURSOR"
