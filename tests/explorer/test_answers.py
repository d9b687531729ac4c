"""How answers may be kept, what they allow, and that hostile text stays text."""

import hashlib
import re
from pathlib import Path

import pytest

from tests.explorer.chains import IndexedChain
from tests.explorer.paths import page_paths
from tests.explorer.serving import Served

ROOT = Path(__file__).parents[2]

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'; DROP TABLE blocks; --",
    "\u202egnp.exe\u2066",
    "{{ 7 * 7 }}{% raw %}",
    "a\x00b",
    "x" * 10_000,
    "%00%ff%fe",
    "../../etc/passwd",
    "😀",
]


def test_every_answer_carries_the_policy(site: Served, chain: IndexedChain) -> None:
    paths = [*page_paths(chain).values(), "/index.json", "/static/app.js", "/search?q=12"]
    for path in paths:
        headers = site.get(path).headers
        assert headers["content-security-policy"] == POLICY, path
        assert headers["x-content-type-options"] == "nosniff", path
        assert "set-cookie" not in headers, path


def test_a_page_is_not_sent_again_while_the_head_stands_still(
    site: Served, chain: IndexedChain
) -> None:
    for path in ("/", "/blocks", f"/jobs/{chain.jobs['settled'].hex()}"):
        first = site.get(path)
        assert first.headers["cache-control"] == "no-cache"
        again = site.get(path, **{"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path
        assert again.headers["vary"] == first.headers["vary"]
        assert again.headers["vary"].startswith("Accept-Encoding"), path
    etag = site.get("/").headers["etag"]
    chain.node.head_height += 1
    try:
        assert site.get("/", **{"If-None-Match": etag}).status_code == 200
    finally:
        chain.node.head_height -= 1


def test_what_this_node_measures_is_never_told_from_before(site: Served) -> None:
    for path in ("/validators", "/stats"):
        first = site.get(path)
        assert first.headers["cache-control"] == "no-store"
        etag = site.get("/").headers["etag"]
        assert site.get(path, **{"If-None-Match": etag}).status_code == 200


def test_twins_that_never_change_are_kept_only_under_an_id(
    site: Served, chain: IndexedChain
) -> None:
    block_id = site.get("/blocks/12.json").json()["block_id"]
    kept = [
        f"/blocks/{block_id}.json",
        f"/transactions/{chain.transfer.hex()}.json",
        f"/jobs/{chain.jobs['settled'].hex()}.json",
        f"/receipts/{chain.receipts['settled'].hex()}.json",
    ]
    asked_again = [
        "/blocks/12.json",
        "/index.json",
        f"/jobs/{chain.jobs['running'].hex()}.json",
        f"/receipts/{chain.receipts['disputed'].hex()}.json",
    ]
    for path in kept:
        answer = site.get(path)
        assert "immutable" in answer.headers["cache-control"], path
        again = site.get(path, **{"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304, path
    for path in asked_again:
        assert site.get(path).headers["cache-control"] == "no-cache", path


def test_static_files_are_addressed_by_their_digest(site: Served) -> None:
    html = site.get("/").text
    for name in ("explorer.css", "app.js", "htmx.js"):
        found = re.search(rf'"(/static/{re.escape(name)}\?v=([0-9a-f]+))"', html)
        assert found is not None, name
        answer = site.get(found[1])
        assert hashlib.sha256(answer.content).hexdigest().startswith(found[2])
        assert "immutable" in answer.headers["cache-control"]


def test_static_files_are_sent_packed_to_who_takes_that(site: Served) -> None:
    for name in ("explorer.css", "htmx.js"):
        packed = site.get(f"/static/{name}", **{"Accept-Encoding": "br, gzip"})
        plain = site.get(f"/static/{name}", **{"Accept-Encoding": "identity"})
        assert packed.headers["content-encoding"] == "gzip"
        assert "content-encoding" not in plain.headers
        assert packed.content == plain.content
        assert int(packed.headers["content-length"]) * 2 < len(plain.content)
        assert packed.headers["etag"] != plain.headers["etag"]
        assert "Accept-Encoding" in packed.headers["vary"]


def test_pages_are_sent_packed_to_who_takes_that(site: Served) -> None:
    packed = site.get("/blocks", **{"Accept-Encoding": "gzip, br"})
    plain = site.get("/blocks", **{"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert "<h1" in packed.text
    assert int(packed.headers["content-length"]) * 2 < len(plain.content)
    assert "Accept-Encoding" in packed.headers["vary"]


@pytest.mark.parametrize("name", ["vendor", "..%2fsite.py", "explorer.css%00", "%2e%2e", "x" * 999])
def test_nothing_but_the_static_files_can_be_reached(site: Served, name: str) -> None:
    assert site.get(f"/static/{name}").status_code == 404


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_in_a_search_stays_text(site: Served, text: str) -> None:
    answer = site.client.get(
        site.url + "/search", params={"q": text}, headers={"User-Agent": "<script>alert(2)"}
    )
    assert answer.status_code == 200
    assert answer.text.count("<script") == 2
    assert "onerror=alert(1)>" not in answer.text
    assert "49" not in re.sub(r"\s", "", answer.text.partition('class="lead"')[2][:200])
    assert len(answer.content) < 10_000


@pytest.mark.parametrize("kind", ["blocks", "transactions", "jobs", "receipts"])
def test_hostile_text_in_an_address_stays_text(site: Served, kind: str) -> None:
    for reference in ("%3Cscript%3Ealert(1)%3C%2Fscript%3E", "%00", "%22%27%3E", "%E2%80%AEx"):
        for suffix in ("", ".json"):
            answer = site.get(f"/{kind}/{reference}{suffix}")
            assert answer.status_code == 404
            assert "<script>alert" not in answer.text
            assert len(answer.content) < 10_000


def test_right_to_left_text_cannot_reorder_what_stands_beside_it(site: Served) -> None:
    answer = site.client.get(site.url + "/search", params={"q": "\u202eabc"})
    assert "<bdi>\u202eabc</bdi>" in answer.text


def test_the_vendored_files_are_those_that_the_list_names() -> None:
    listed = dict(
        re.findall(
            r"\| `(explorer_web/[^`]+)` \|.*\| `([0-9a-f]{64})` \|",
            (ROOT / "docs" / "vendored.md").read_text(),
        )
    )
    folder = ROOT / "explorer_web" / "static" / "vendor"
    there = {
        str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert there == listed
    assert there
