"""How errors are answered (E1 to E4): one form, stable codes, nothing internal."""

import asyncio
import json
import subprocess

import httpx
import pytest
from structlog.testing import capture_logs

from coordinator import errors
from coordinator.http import faults, status_of
from coordinator.http.errors import STATUSES
from node.http.body_room import SubmissionsFull
from tests.api.node_site import NodeSite
from tests.api.site import Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

UNKNOWN_JOB = f"/v1/jobs/job_{'0' * 64}"
JSON = {"Content-Type": "application/json"}


def check_error(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/json"
    body: dict[str, object] = response.json()
    assert body["error_code"] == code
    assert isinstance(body["detail"], str)
    assert body["detail"]
    assert body["request_id"] == response.headers["x-request-id"]
    # A client of 004 would take it for a job's status and poll for ever.
    assert "status" not in body
    assert set(body) <= {"detail", "error_code", "request_id", "errors", "state", "supported"}
    return body


@pytest.mark.row(
    "2026-01-24.002.jobs.get.not-found",
    "2026-01-24.002.jobs.cancel.not-found",
    "2026-01-24.002.receipts.get.not-found",
    "2026-01-24.004.error.body",
    "2026-01-24.004.status.404",
)
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", UNKNOWN_JOB, 404, "JOB_NOT_FOUND"),
        ("GET", "/v1/jobs/job-abc123", 404, "JOB_NOT_FOUND"),
        ("GET", "/v1/jobs/1", 404, "JOB_NOT_FOUND"),
        ("GET", "/v1/jobs/%00", 404, "JOB_NOT_FOUND"),
        ("GET", f"/v1/jobs/job_{'0' * 63}G", 404, "JOB_NOT_FOUND"),
        ("GET", f"{UNKNOWN_JOB}/result", 404, "JOB_NOT_FOUND"),
        ("GET", f"{UNKNOWN_JOB}/payment", 404, "JOB_NOT_FOUND"),
        ("GET", f"{UNKNOWN_JOB}/receipt", 404, "JOB_NOT_FOUND"),
        ("GET", f"{UNKNOWN_JOB}/receipts", 404, "JOB_NOT_FOUND"),
        ("POST", f"{UNKNOWN_JOB}/cancel", 404, "JOB_NOT_FOUND"),
        ("GET", f"/v1/receipts/receipt_{'0' * 64}", 404, "RECEIPT_NOT_FOUND"),
        ("GET", "/v1/receipts/1", 404, "RECEIPT_NOT_FOUND"),
        ("GET", f"/v1/receipts/receipt_{'0' * 64}/transaction", 404, "RECEIPT_NOT_FOUND"),
        ("GET", f"/v1/receipts/job_{'0' * 64}/transaction", 404, "JOB_NOT_FOUND"),
        ("GET", "/v1/miners/nobody", 404, "MINER_NOT_FOUND"),
        ("GET", f"/v1/artifacts/sha256:{'0' * 64}", 404, "ARTIFACT_NOT_FOUND"),
        ("GET", "/v1/artifacts/..%2f..%2fetc%2fpasswd", 404, "NOT_FOUND"),
        ("GET", "/nothing", 404, "NOT_FOUND"),
        ("GET", "/v1", 404, "NOT_FOUND"),
        ("PUT", UNKNOWN_JOB, 405, "METHOD_NOT_ALLOWED"),
        ("PUT", "/v1/jobs", 405, "METHOD_NOT_ALLOWED"),
        ("GET", "/openapi/2024-01-02.json", 404, "NOT_FOUND"),
        ("GET", "/docs-assets/..%2fdocument.py", 404, "NOT_FOUND"),
    ],
)
async def test_every_error_has_the_same_members(
    node_site: NodeSite, method: str, path: str, status: int, code: str
) -> None:
    check_error(await node_site.http.request(method, path), status, code)


@pytest.mark.row("2026-01-24.002.jobs.get.not-found", "2026-01-24.004.error.body")
async def test_an_unknown_job_is_exactly_what_004_prints(node_site: NodeSite) -> None:
    body = check_error(await node_site.http.get(UNKNOWN_JOB), 404, "JOB_NOT_FOUND")
    assert body["detail"] == "Job not found"


async def test_a_method_that_a_path_lacks_names_those_that_it_has(site_of_module: Site) -> None:
    response = await site_of_module.http.delete("/v1/jobs")
    check_error(response, 405, "METHOD_NOT_ALLOWED")
    assert {"GET", "POST"} <= set(response.headers["allow"].replace(",", " ").split())


async def test_a_failure_of_ours_is_logged_and_tells_nothing(site_of_module: Site) -> None:
    with capture_logs() as logs:
        response = await site_of_module.http.get("/faulty")
    body = check_error(response, 500, "INTERNAL_ERROR")
    assert "hunter2" not in response.text
    assert "RuntimeError" not in response.text
    (entry,) = [entry for entry in logs if entry["event"] == "request_failed"]
    assert entry["request_id"] == body["request_id"]
    assert "hunter2" in str(entry["exc_info"])


@pytest.mark.row("2024-01-01.000.error.internal-error", "2026-01-24.004.status.500")
async def test_a_fault_of_a_node_tells_nothing_of_itself(node_site: NodeSite) -> None:
    with node_site.without_artifacts():
        response = await node_site.http.get(f"/v1/artifacts/sha256:{'0' * 64}")
    body = check_error(response, 500, "INTERNAL_ERROR")
    assert set(body) == {"detail", "error_code", "request_id"}
    for internal in ("artifacts", "table", "sqlite", "Error("):
        assert internal not in response.text
    whole = await node_site.http.get(f"/v1/artifacts/sha256:{'0' * 64}")
    check_error(whole, 404, "ARTIFACT_NOT_FOUND")


async def test_who_names_problem_json_gets_the_members_of_rfc_9457_too(
    site_of_module: Site,
) -> None:
    accept = {"Accept": "application/problem+json, application/json"}
    response = await site_of_module.http.get(UNKNOWN_JOB, headers=accept)
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert body == {
        "type": "urn:aitbc:error:JOB_NOT_FOUND",
        "title": "Not Found",
        "status": 404,
        "instance": UNKNOWN_JOB,
        "detail": "Job not found",
        "error_code": "JOB_NOT_FOUND",
        "request_id": response.headers["x-request-id"],
    }
    only_problems = {"Accept": "application/problem+json"}
    served = await site_of_module.http.get("/v1/jobs", headers=only_problems)
    assert (served.status_code, served.headers["content-type"]) == (200, "application/json")


async def test_who_takes_no_json_is_told_so(site_of_module: Site) -> None:
    response = await site_of_module.http.get("/v1/jobs", headers={"Accept": "text/html"})
    check_error(response, 406, "NOT_ACCEPTABLE")


@pytest.mark.parametrize(
    ("sent", "is_kept"),
    [("abc-1.2_3", True), ("x" * 64, True), ("x" * 65, False), ("a b", False), ("é", False)],
)
async def test_a_callers_request_id_is_kept_if_it_is_plain(
    site_of_module: Site, sent: str, is_kept: bool
) -> None:
    headers = [(b"X-Request-Id", sent.encode("latin-1"))]
    response = await site_of_module.http.get("/nothing", headers=headers)
    assert (response.headers["x-request-id"] == sent) is is_kept


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", JSON, 400, "MALFORMED_JSON"),
        (b'{"prompt": NaN}', JSON, 400, "MALFORMED_JSON"),
        (b'{"prompt": "a", "prompt": "b"}', JSON, 400, "MALFORMED_JSON"),
        (b'{"prompt": "\xff"}', JSON, 400, "MALFORMED_JSON"),
        (b'{"prompt": "\\ud800"}', JSON, 400, "MALFORMED_JSON"),
        (b'{"prompt":' * 50_000, JSON, 400, "MALFORMED_JSON"),
        (b'{"prompt": ' + b"9" * 100_000 + b"}", JSON, 400, "MALFORMED_JSON"),
        (b"prompt=Hello", {"Content-Type": "application/x-www-form-urlencoded"}, 415, None),
        (b'{"prompt": "Hello"}', {"Content-Type": "text/plain"}, 415, None),
        (b'{"prompt": "Hello"}', {}, 415, None),
        (b"\x1f\x8b", {**JSON, "Content-Encoding": "gzip"}, 415, None),
        (b" " * (1_048_576 + 1), JSON, 413, "TOO_LARGE"),
        (b'{"prompt": "a", "payload": {}}', JSON, 400, "AMBIGUOUS_BODY"),
        (b'{"payload": {"input": "x"}}', JSON, 400, "INVALID_JOB_TYPE"),
        (b'{"payload": {"service": "mining"}}', JSON, 400, "INVALID_JOB_TYPE"),
        (b'{"name": "n", "type": "ai-inference"}', JSON, 400, "INVALID_JOB_TYPE"),
    ],
)
async def test_bodies_that_cannot_be_read_are_refused_by_what_is_wrong(
    site_of_module: Site, content: bytes, headers: dict[str, str], status: int, code: str | None
) -> None:
    response = await site_of_module.http.post("/v1/jobs", content=content, headers=headers)
    check_error(response, status, code or "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    ("payload", "pointer"),
    [
        ({"service": "mining"}, "/payload/service"),
        ({"prompt": "x", "model": "a b"}, "/payload/model"),
    ],
)
async def test_a_fault_found_after_decoding_points_at_the_field_as_it_was_sent(
    site_of_module: Site, payload: dict[str, str], pointer: str
) -> None:
    response = await site_of_module.http.post("/v1/jobs", json={"payload": payload})
    assert [fault["pointer"] for fault in response.json()["errors"]] == [pointer]


async def test_a_body_without_a_length_is_bounded_all_the_same(site_of_module: Site) -> None:
    sent = 0

    async def endless():
        nonlocal sent
        while sent < 64 * 1_048_576:
            sent += 65_536
            yield b" " * 65_536

    try:
        response = await site_of_module.http.post("/v1/jobs", content=endless(), headers=JSON)
    except httpx.TransportError:
        # The server answers and closes while the body is still coming: either may be seen first.
        response = None
    if response is not None:
        check_error(response, 413, "TOO_LARGE")
    after = await site_of_module.http.get("/v1/jobs")
    assert after.status_code == 200


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"payload": []}, "/payload"),
        ({"payload": {"prompt": 7}}, "/payload/prompt"),
        ({"payload": {"prompt": "x", "model": "a b"}}, "/payload/model"),
        ({"payload": {"prompt": "x", "parameters": 1}}, "/payload/parameters"),
        (
            {"payload": {"prompt": "x", "parameters": {"max_tokens": "many"}}},
            "/payload/parameters/max_tokens",
        ),
        ({"payload": {"prompt": "x", "n": 2**53}}, "/payload/n"),
        ({"payload": {"prompt": "x", "service": 1}}, "/payload/service"),
        ({"constraints": {"min_gpu_memory": "lots"}}, "/constraints/min_gpu_memory"),
        ({"constraints": {"min_gpu_memory": -1}}, "/constraints/min_gpu_memory"),
        ({"constraints": {"min_gpu_memory": [8]}}, "/constraints/min_gpu_memory"),
        ({"constraints": {"gpu": "x"}}, "/constraints/gpu"),
        ({"constraints": []}, "/constraints"),
        ({"ttl_seconds": 0}, "/ttl_seconds"),
        ({"ttl_seconds": 86_401}, "/ttl_seconds"),
        ({"ttl_seconds": "900"}, "/ttl_seconds"),
        ({"ttl_seconds": None}, "/ttl_seconds"),
        ({"payment_amount": 0}, "/payment_amount"),
        ({"payment_amount": -1}, "/payment_amount"),
        ({"payment_amount": "NaN"}, "/payment_amount"),
        ({"payment_amount": "1e3"}, "/payment_amount"),
        ({"payment_amount": " 1"}, "/payment_amount"),
        ({"payment_amount": True}, "/payment_amount"),
        ({"payment_amount": {}}, "/payment_amount"),
        ({"payment_amount": 0.0000000001}, "/payment_amount"),
        ({"payment_currency": "USD"}, "/payment_currency"),
        ({"payment_currency": None}, "/payment_currency"),
        ({"paymnt_amount": 1}, "/paymnt_amount"),
    ],
)
async def test_a_wrong_field_is_pointed_at(
    site_of_module: Site, changes: dict[str, object], pointer: str
) -> None:
    body = {"payload": {"prompt": "x"}} | changes
    response = await site_of_module.http.post("/v1/jobs", json=body)
    error = check_error(response, 400, "VALIDATION_ERROR")
    assert [item["pointer"] for item in error["errors"]] == [pointer]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("literal", "is_accepted"),
    [
        ("1e-9", True),
        ("1E2", True),
        ('"0.10"', True),
        ("100", True),
        ("null", True),
        ("1e400", False),
        ("1e999999999", False),
        ("1e-999999999", False),
        ("0.1234567891", False),
        ('"٣"', False),
        ("99999999999999999999", False),
    ],
)
async def test_amounts_are_exact_or_refused(
    site_of_module: Site, literal: str, is_accepted: bool
) -> None:
    content = f'{{"payload": {{"prompt": "x"}}, "payment_amount": {literal}}}'.encode()
    response = await site_of_module.http.post("/v1/jobs", content=content, headers=JSON)
    assert response.status_code == (201 if is_accepted else 400), response.text


async def test_too_little_money_is_402_and_leaves_nothing_behind(site_of_module: Site) -> None:
    before = (await site_of_module.http.get("/v1/jobs?limit=100")).json()
    body = {"payload": {"prompt": "x"}, "payment_amount": 10**9}
    response = await site_of_module.http.post("/v1/jobs", json=body)
    check_error(response, 402, "INSUFFICIENT_BALANCE")
    assert " 1000000000.0000" in response.json()["detail"], "amounts are in AITBC, as in the body"
    assert "nait" not in response.json()["detail"]
    assert (await site_of_module.http.get("/v1/jobs?limit=100")).json() == before


async def test_a_chain_that_does_not_answer_is_503_and_may_be_asked_again(
    site_of_module: Site,
) -> None:
    site, chain = site_of_module, site_of_module.world.chain
    await site.register()
    job_id = await site.queued({"prompt": "x"})
    chain.is_paused = True
    with site.world.impatience():
        response = await site.claim(job_id)
    check_error(response, 503, "CHAIN_UNAVAILABLE")
    assert int(response.headers["retry-after"]) >= 1
    chain.is_paused = False
    chain.make_block()
    await site.world.services.core.follower.catch_up()
    again = await site.claim(job_id)
    assert (again.status_code, again.json()["attempt"]) == (200, 1)
    assert (await site.complete(job_id)).status_code == 200


async def test_an_unregistered_miner_is_not_found_wherever_it_calls(site_of_module: Site) -> None:
    body = {"miner_id": "nobody", "attempt": 1, "reason": "RUNNER_FAILED", "result": "x"}
    wanted = {
        "claim": {"miner_id"},
        "heartbeat": {"miner_id", "attempt"},
        "release": {"miner_id", "attempt", "reason"},
        "fail": {"miner_id", "attempt", "reason"},
        "complete": {"miner_id", "result"},
    }
    for verb, names in wanted.items():
        sent = {name: body[name] for name in names}
        response = await site_of_module.http.post(f"{UNKNOWN_JOB}/{verb}", json=sent)
        check_error(response, 404, "MINER_NOT_FOUND")


async def test_curl_sees_a_refusal_of_a_large_body_before_it_has_sent_it(
    site_of_module: Site,
) -> None:
    # Another client than ours, with Expect: 100-continue, in its own process.

    command = ["curl", "-sS", "-o", "-", "-H", "Content-Type: application/json", "-d", "@-"]
    ran = await asyncio.to_thread(
        subprocess.run,
        [*command, f"{site_of_module.url}/v1/jobs"],
        input=b" " * 2_000_000,
        capture_output=True,
        check=False,
    )
    assert json.loads(ran.stdout)["error_code"] == "TOO_LARGE"


def all_errors() -> list[type[errors.CoordinatorError]]:
    found: list[type[errors.CoordinatorError]] = []
    pending = [errors.CoordinatorError]
    while pending:
        error = pending.pop()
        found.append(error)
        pending += error.__subclasses__()
    return found


DOCUMENTED = {
    "INVALID_JOB_TYPE": 400,
    "INSUFFICIENT_BALANCE": 402,
    "JOB_NOT_FOUND": 404,
    "JOB_ALREADY_COMPLETED": 409,
    "RATE_LIMIT_EXCEEDED": 429,
}


async def test_every_error_class_has_a_status_below_500_but_for_unavailability() -> None:
    by_code = {error.code: status_of(error) for error in all_errors()}
    assert DOCUMENTED.items() <= by_code.items()
    assert by_code.pop("COORDINATOR_ERROR") == 500
    unavailable = {"CHAIN_UNAVAILABLE", SubmissionsFull.code}
    assert {code for code, status in by_code.items() if status >= 500} == unavailable
    assert {by_code[code] for code in unavailable} == {503}
    assert len(all_errors()) > len(STATUSES)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.TooLarge, 413),
        (faults.BodyTooLarge, 413),
        (faults.MediaTypeUnsupported, 415),
        (faults.NotAcceptable, 406),
        (faults.BodyTooSlow, 408),
        (errors.ResultExpired, 410),
        (errors.MinerAlreadyRegistered, 409),
        (errors.InvalidApiKey, 401),
        (faults.OriginRefused, 403),
        (ValueError, 500),
    ],
)
async def test_statuses_follow_the_tree_of_errors(error: type[Exception], status: int) -> None:
    assert status_of(error) == status
