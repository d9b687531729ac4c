"""The hook that holds every answer of the API tests against the documents can fail."""

import httpx
import pytest

from tests.api.contract import Contract
from tests.api.test_access import ROUTES, application_of_declarations


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract(application_of_declarations())


def answered(path: str, status: int, content: bytes, version: str = "2026-05-11") -> httpx.Response:
    return httpx.Response(
        status,
        content=content,
        headers={"aitbc-version": version},
        request=httpx.Request("GET", f"http://localhost{path}"),
    )


def test_every_route_is_found_by_a_path_of_it(contract: Contract) -> None:
    for (route,) in (parameter.values for parameter in ROUTES):
        found = contract.find(route.method, route.path.replace("{", "").replace("}", ""))
        assert found is not None
        assert found[0] == route.path


@pytest.mark.parametrize(
    ("path", "status", "content"),
    [
        ("/v1/jobs/x", 418, b"{}"),
        ("/v1/jobs/x/payment", 409, b"{}"),
        ("/api/v1/jobs/available", 200, b'{"job_id": 7}'),
        ("/v1/stats", 200, b"null"),
        (
            "/v1/stats",
            200,
            b'{"total_jobs":0,"active_miners":0,"total_receipts":0,"block_height":0,"x":1}',
        ),
        ("/v1/stats", 400, b'{"detail": "no code"}'),
    ],
)
async def test_what_the_document_does_not_have_is_noticed(
    contract: Contract, path: str, status: int, content: bytes
) -> None:
    with pytest.raises((AssertionError, ValueError)):
        await contract.check(answered(path, status, content))


async def test_what_it_has_passes(contract: Contract) -> None:
    stats = b'{"total_jobs":0,"active_miners":0,"total_receipts":0,"block_height":0}'
    await contract.check(answered("/api/v1/stats", 200, stats))
    await contract.check(answered("/v1/jobs/available", 200, b"null", "2026-01-24"))
    await contract.check(answered("/nothing", 418, b"?"))
