"""Files over HTTP: streamed both ways, named by digest, bounded."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from coordinator.config import Limits
from coordinator.http.paging import encode_cursor
from tests.api.site import Site, running_site

MIB = 1_048_576

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def site(site_of_module: Site) -> Site:
    """Return the module's site: its tests leave nothing behind that another one minds."""
    return site_of_module


def name_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


async def pieces(content: bytes, size: int = 65_536) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def test_a_file_is_named_by_its_digest_and_comes_back_as_it_was(site: Site) -> None:
    content = os.urandom(3 * MIB + 17)
    stored = await site.http.post("/v1/artifacts", content=pieces(content))
    assert stored.status_code == 201, stored.text
    name = name_of(content)
    assert (stored.json()["artifact"], stored.json()["size"]) == (name, len(content))
    assert stored.json()["expires_at"].endswith("Z")
    assert stored.headers["location"] == f"/v1/artifacts/{name}"

    read = await site.http.get(stored.headers["location"])
    assert (read.status_code, read.content) == (200, content)
    assert read.headers["content-type"] == "application/octet-stream"
    assert read.headers["content-disposition"].startswith("attachment")
    assert read.headers["x-content-type-options"] == "nosniff"
    assert "private" in read.headers["cache-control"]
    assert read.headers["content-length"] == str(len(content))

    again = await site.http.post("/v1/artifacts", content=content)
    assert (again.status_code, again.json()["artifact"]) == (201, name)


async def test_head_says_what_get_would_send(site: Site) -> None:
    stored = await site.http.post("/v1/artifacts", content=b"x" * 1_000)
    head = await site.http.head(stored.headers["location"])
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-length"] == "1000"
    assert (await site.http.head("/v1/stats")).headers["content-type"] == "application/json"


async def test_an_empty_file_is_no_artifact(site: Site) -> None:
    response = await site.http.post("/v1/artifacts", content=b"")
    assert (response.status_code, response.json()["error_code"]) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("is_announced", [True, False])
async def test_a_file_above_the_limit_is_refused_and_leaves_nothing(
    folder: Path, is_announced: bool
) -> None:
    async with running_site(folder, limits=Limits(artifact_bytes_max=MIB)) as site:
        content = os.urandom(MIB + 1)
        sent = content if is_announced else pieces(content)
        response = await site.http.post("/v1/artifacts", content=sent)
        assert (response.status_code, response.json()["error_code"]) == (413, "TOO_LARGE")
        left = [path for path in site.world.config.artifact_dir.rglob("*") if path.is_file()]
        assert left == []
        fits = await site.http.post("/v1/artifacts", content=content[:MIB])
        assert fits.status_code == 201


async def test_a_file_above_the_quota_is_refused(folder: Path) -> None:
    async with running_site(folder, limits=Limits(artifact_quota_bytes=MIB)) as site:
        assert (await site.http.post("/v1/artifacts", content=b"a" * MIB)).status_code == 201
        refused = await site.http.post("/v1/artifacts", content=b"b" * MIB)
        assert refused.status_code == 429


async def test_an_artifact_ends_when_it_says(site: Site) -> None:
    stored = await site.http.post("/v1/artifacts", content=b"soon gone")
    site.world.clock.advance(86_400 + 1)
    response = await site.http.get(stored.headers["location"])
    assert (response.status_code, response.json()["error_code"]) == (404, "ARTIFACT_NOT_FOUND")


async def test_a_download_goes_on_where_it_broke(site: Site) -> None:
    name = (await site.http.post("/v1/artifacts", content=b"0123456789")).json()["artifact"]
    path = f"/v1/artifacts/{name}"
    whole = await site.http.get(path)
    assert whole.headers["accept-ranges"] == "bytes"
    assert "aitbc-expires-at" in whole.headers
    tag = whole.headers["etag"]
    rest = await site.http.get(path, headers={"Range": "bytes=4-", "If-Range": tag})
    assert (rest.status_code, rest.content) == (206, b"456789")
    assert rest.headers["content-range"] == "bytes 4-9/10"
    other = await site.http.get(path, headers={"Range": "bytes=4-", "If-Range": '"x"'})
    assert (other.status_code, other.content) == (200, b"0123456789")
    beyond = await site.http.get(path, headers={"Range": "bytes=10-"})
    assert (beyond.status_code, beyond.json()["error_code"]) == (416, "RANGE_NOT_SATISFIABLE")
    assert beyond.headers["content-range"] == "bytes */10"
    head = await site.http.head(path)
    assert (head.content, head.headers["content-length"]) == (b"", "10")


async def test_a_file_comes_in_pieces_is_listed_and_deleted(site: Site) -> None:
    data = b"a file in two pieces"
    name = f"sha256:{hashlib.sha256(data).hexdigest()}"
    begun = await site.http.post(
        "/v1/artifacts/uploads", json={"artifact": name, "size": len(data)}
    )
    assert begun.status_code == 201
    path = begun.headers["location"]
    first = await site.http.patch(path, content=data[:7])
    assert (first.status_code, first.json()["offset"]) == (200, 7)
    again = await site.http.patch(path, content=data[:7])
    assert (again.status_code, again.json()["error_code"]) == (409, "WRONG_OFFSET")
    assert (await site.http.get(path)).json()["offset"] == 7
    last = await site.http.patch(path, params={"offset": 7}, content=data[7:])
    assert (last.status_code, last.json()["artifact"]) == (201, name)
    assert (await site.http.get(path)).json()["error_code"] == "UPLOAD_NOT_FOUND"
    listed = (await site.http.get("/v1/artifacts")).json()["artifacts"]
    assert name in {artifact["artifact"] for artifact in listed}
    assert (await site.http.delete(f"/v1/artifacts/{name}")).status_code == 204
    assert (await site.http.get(f"/v1/artifacts/{name}")).status_code == 404
    assert (await site.http.delete(f"/v1/artifacts/{name}")).status_code == 404
    given_up = await site.http.post("/v1/artifacts/uploads", json={"artifact": name, "size": 5})
    assert (await site.http.delete(given_up.headers["location"])).status_code == 204
    for wrong in ({"artifact": "sha256:x", "size": 1}, {"artifact": name, "size": 0}):
        refused = await site.http.post("/v1/artifacts/uploads", json=wrong)
        assert refused.status_code == 400


async def test_the_list_goes_on_by_its_link(site: Site) -> None:
    for text in (b"a", b"b", b"c"):
        octets = {"Content-Type": "application/octet-stream"}
        uploaded = await site.http.post("/v1/artifacts", content=text, headers=octets)
        assert uploaded.status_code == 201, uploaded.text
    seen: list[str] = []
    path = "/v1/artifacts?limit=2"
    while path:
        page = await site.http.get(path)
        seen += [each["artifact"] for each in page.json()["artifacts"]]
        path = page.links.get("next", {}).get("url", "")
    assert len(set(seen)) == len(seen)
    assert {name_of(text) for text in (b"a", b"b", b"c")} <= set(seen)
    for cursor in ("nonsense", encode_cursor("artifacts", (1, "zz"))):
        refused = await site.http.get("/v1/artifacts", params={"cursor": cursor})
        assert refused.json()["errors"][0]["code"] == "INVALID_CURSOR"
