"""The service registry over HTTP: what may be asked for, and with which input (S5)."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.api.node_site import NodeSite
from tests.api.site import Served, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

DOCUMENTED = {
    "service_id": "llm_inference",
    "request_data": {"model": "llama-7b", "prompt": "Hello world", "max_tokens": 256},
}


async def listed(site: Served, **parameters: str) -> list[str]:
    response = await site.http.get("/v1/registry/services", params=parameters)
    assert response.status_code == 200, response.text
    body = response.json()
    assert body["total"] == len(body["services"])
    return [service["id"] for service in body["services"]]


async def validated(site: Served, **body: object) -> dict[str, Any]:
    response = await site.http.post("/v1/registry/services/validate", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


@pytest.mark.row("2024-01-01.000.registry.services.list")
async def test_all_services_are_listed(node_site: NodeSite) -> None:
    services = await listed(node_site)
    assert services == [
        "blender_render",
        "ffmpeg_transcode",
        "llm_inference",
        "python",
        "stable_diffusion",
        "whisper_transcribe",
    ]


@pytest.mark.row("2024-01-01.000.registry.services.list.category")
async def test_a_category_lists_only_its_services(node_site: NodeSite) -> None:
    assert await listed(node_site, category="media_processing") == [
        "blender_render",
        "ffmpeg_transcode",
    ]
    refused = await node_site.http.get("/v1/registry/services", params={"category": "ai"})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["pointer"] == "category"


@pytest.mark.row("2024-01-01.000.registry.services.list.search")
@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("whisper", ["whisper_transcribe"]),
        ("DESCRIPTION", ["stable_diffusion"]),
        ("subtitles", ["whisper_transcribe"]),
        ("audio codec", ["ffmpeg_transcode"]),
        ("nothing-has-this-word", []),
    ],
    ids=["name", "description", "tag", "several words", "none"],
)
async def test_a_search_finds_by_name_description_and_tag(
    node_site: NodeSite, search: str, found: list[str]
) -> None:
    assert await listed(node_site, search=search) == found


@pytest.mark.row("2024-01-01.000.registry.services.get")
@pytest.mark.parametrize("spelling", ["llm_inference", "llm-inference", "ai-inference"])
async def test_a_service_is_found_under_each_spelling_of_its_id(
    node_site: NodeSite, spelling: str
) -> None:
    response = await node_site.http.get(f"/v1/registry/services/{spelling}")
    service = response.json()
    assert response.status_code == 200
    assert service["id"] == "llm_inference"
    assert service["category"] == "ai_ml"
    assert service["pricing"] == {"currency": "AITBC", "price": "0.02", "max_price": "0.10"}
    assert service["timeout_seconds"] == 300
    assert service["version"] == "1.0.0"
    assert "chat" in service["tags"]
    Draft202012Validator.check_schema(service["input_schema"])


@pytest.mark.parametrize("path", ["", "/schema", "/requirements"])
async def test_an_unknown_service_is_not_found(site_of_module: Site, path: str) -> None:
    response = await site_of_module.http.get(f"/v1/registry/services/mining{path}")
    assert (response.status_code, response.json()["error_code"]) == (404, "SERVICE_NOT_FOUND")


@pytest.mark.row("2024-01-01.000.registry.services.schema")
async def test_the_schema_accepts_what_the_document_prints(node_site: NodeSite) -> None:
    response = await node_site.http.get("/v1/registry/services/llm_inference/schema")
    schema = response.json()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    assert validator.is_valid(DOCUMENTED["request_data"])
    assert not validator.is_valid({"model": "llama-7b", "max_tokens": 256})


@pytest.mark.row("2024-01-01.000.registry.services.requirements")
async def test_requirements_name_components_with_least_and_recommended_amounts(
    node_site: NodeSite,
) -> None:
    response = await node_site.http.get("/v1/registry/services/stable_diffusion/requirements")
    body = response.json()
    assert body["service_id"] == "stable_diffusion"
    needs = {item["component"]: item for item in body["requirements"]}
    assert needs["gpu_memory"] == {
        "component": "gpu_memory",
        "min": 4096,
        "recommended": 12288,
        "unit": "MiB",
    }
    assert all(item["min"] <= item["recommended"] for item in body["requirements"])


@pytest.mark.row("2024-01-01.000.registry.services.validate")
async def test_the_documented_input_is_valid(node_site: NodeSite) -> None:
    answer = await validated(node_site, **DOCUMENTED)
    assert answer == {"valid": True, "errors": [], "warnings": []}


async def test_an_invalid_input_is_answered_with_its_faults(site_of_module: Site) -> None:
    data = {"prompt": "x", "max_tokens": 1e9, "colour": "red"}
    answer = await validated(site_of_module, service_id="llm-inference", request_data=data)
    assert answer == {
        "valid": False,
        "errors": [
            {"path": "/max_tokens", "code": "OUT_OF_RANGE", "message": "must be at most 1000000"}
        ],
        "warnings": [
            {
                "path": "/colour",
                "code": "UNKNOWN_MEMBER",
                "message": "is passed on; the service does not define it",
            }
        ],
    }


async def test_a_megabyte_of_small_values_is_told_in_one_fault(site_of_module: Site) -> None:
    data = {"entrypoint": "a.py", "requirements": ["a"] * 200_000}
    answer = await validated(site_of_module, service_id="python", request_data=data)
    assert [(fault["path"], fault["code"]) for fault in answer["errors"]] == [("", "TOO_MANY")]
    job = {"payload": {"prompt": "x", "numbers": [0] * 20_000}}
    quote = await site_of_module.http.post("/v1/jobs/quote", json=job)
    assert (quote.status_code, quote.json()["error_code"]) == (413, "TOO_LARGE")


async def test_an_input_above_the_size_of_a_payload_is_refused_as_a_submission_is(
    site_of_module: Site,
) -> None:
    most = site_of_module.world.services.core.config.limits.payload_bytes_max
    body = {"service_id": "llm_inference", "request_data": {"prompt": "x" * most}}
    for path, sent in (
        ("/v1/registry/services/validate", body),
        ("/v1/jobs/quote", body["request_data"]),
    ):
        response = await site_of_module.http.post(path, json=sent)
        assert (response.status_code, response.json()["error_code"]) == (413, "TOO_LARGE"), path


async def test_an_input_of_an_unknown_service_is_not_found(site_of_module: Site) -> None:
    body = {"service_id": "mining", "request_data": {}}
    response = await site_of_module.http.post("/v1/registry/services/validate", json=body)
    assert (response.status_code, response.json()["error_code"]) == (404, "SERVICE_NOT_FOUND")


@pytest.mark.asyncio(loop_scope="function")
async def test_the_registry_needs_no_key(closed_site: Site) -> None:
    response = await closed_site.http.post("/v1/registry/services/validate", json=DOCUMENTED)
    assert response.status_code == 200
