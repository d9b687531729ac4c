"""Orders of single services: the documented bodies, verbatim, make jobs (S5, S6)."""

from typing import Any

import pytest

from tests.api.node_site import NodeSite
from tests.api.site import MINER, Served, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

WHISPER = {
    "audio_url": "https://example.com/audio.mp3",
    "model": "base",
    "language": "en",
    "task": "transcribe",
}
DIFFUSION = {
    "prompt": "A beautiful sunset over mountains",
    "model": "stable-diffusion-1.5",
    "size": "1024x1024",
    "num_images": 1,
    "steps": 20,
}
LLM = {
    "model": "llama-7b",
    "prompt": "Explain quantum computing",
    "max_tokens": 256,
    "temperature": 0.7,
}
FFMPEG = {
    "input_url": "https://example.com/video.mp4",
    "output_format": "mp4",
    "codec": "h264",
    "resolution": "1920x1080",
}
BLENDER = {
    "blend_file_url": "https://example.com/scene.blend",
    "engine": "cycles",
    "resolution_x": 1920,
    "resolution_y": 1080,
    "samples": 128,
}


async def order(site: Served, path: str, body: dict[str, Any], **headers: str) -> dict[str, Any]:
    response = await site.http.post(f"/v1/services/{path}", json=body, headers=headers)
    assert response.status_code == 201, response.text
    created: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/jobs/{created['job_id']}"
    return created


@pytest.mark.parametrize(
    ("path", "body", "service"),
    [
        pytest.param(
            "whisper/transcribe",
            WHISPER,
            "whisper_transcribe",
            marks=pytest.mark.row("2024-01-01.000.services.whisper.transcribe"),
        ),
        pytest.param(
            "stable-diffusion/generate",
            DIFFUSION,
            "stable_diffusion",
            marks=pytest.mark.row("2024-01-01.000.services.stable-diffusion.generate"),
        ),
        pytest.param(
            "llm/inference",
            LLM,
            "llm_inference",
            marks=pytest.mark.row("2024-01-01.000.services.llm.inference"),
        ),
        pytest.param(
            "ffmpeg/transcode",
            FFMPEG,
            "ffmpeg_transcode",
            marks=pytest.mark.row("2024-01-01.000.services.ffmpeg.transcode"),
        ),
        pytest.param(
            "blender/render",
            BLENDER,
            "blender_render",
            marks=pytest.mark.row("2024-01-01.000.services.blender.render"),
        ),
    ],
)
async def test_the_documented_body_makes_a_job_as_a_submission_of_that_version_does(
    node_site: NodeSite, path: str, body: dict[str, Any], service: str
) -> None:
    created = await order(node_site, path, body)
    assert set(created) == {"job_id", "status", "created_at", "estimated_completion"}
    assert created["status"] == "submitted"
    response = await node_site.http.get(f"/v1/jobs/{created['job_id']}")
    assert response.headers["aitbc-version"] == "2024-01-01"
    listed = await node_site.http.get("/v1/jobs", params={"type": service})
    assert created["job_id"] in {job["job_id"] for job in listed.json()}


async def test_the_miner_gets_the_body_as_input_model_and_parameters(
    site_of_module: Site,
) -> None:
    site = site_of_module
    await site.register(capabilities=["llama-7b", "whisper_transcribe"])
    body = LLM | {"max_tokens": 256.0, "style": "short"}
    job_id = (await order(site, "llm/inference", body))["job_id"]
    await site.escrowed(job_id)
    lease = (await site.claim(job_id, MINER)).json()
    assert lease["model"] == "llama-7b"
    assert lease["input"] == {"prompt": "Explain quantum computing", "style": "short"}
    assert lease["params"] == {"max_tokens": 256, "temperature": 0.7, "top_p": 0.9}


async def test_an_order_is_answered_in_the_version_that_is_asked_for(
    site_of_module: Site,
) -> None:
    headers = {"AITBC-Version": "2026-05-11"}
    created = await order(site_of_module, "llm/inference", LLM | {"style": "x"}, **headers)
    assert created["state"] == "QUEUED"
    assert created["warnings"] == ["/style is passed on; the service does not define it"]


async def test_an_order_may_name_its_ceiling_and_its_time(site_of_module: Site) -> None:
    body = WHISPER | {"max_price": "0.30", "ttl_seconds": 60}
    job_id = (await order(site_of_module, "whisper/transcribe", body))["job_id"]
    headers = {"AITBC-Version": "2026-05-11"}
    job = (await site_of_module.http.get(f"/v1/jobs/{job_id}", headers=headers)).json()
    assert job["requested_at"][:17] != job["expires_at"][:17] or job["expires_at"][17:] == "60Z"
    await site_of_module.escrowed(job_id)
    payment = await site_of_module.http.get(f"/v1/jobs/{job_id}/payment")
    assert payment.json()["amount"] == 0.3


async def test_an_order_that_no_miner_could_be_given_is_refused_if_asked_so(
    site_of_module: Site,
) -> None:
    response = await site_of_module.http.post(
        "/v1/services/blender/render", json=BLENDER, headers={"Prefer": "handling=strict"}
    )
    assert (response.status_code, response.json()["error_code"]) == (409, "JOB_NOT_POSSIBLE")


@pytest.mark.parametrize(
    ("path", "body", "pointer", "code"),
    [
        ("whisper/transcribe", {"model": "base"}, "/audio_url", "REQUIRED"),
        ("stable-diffusion/generate", DIFFUSION | {"size": "large"}, "/size", "WRONG_FORMAT"),
        ("llm/inference", {"model": "llama-7b"}, "", "REQUIRED"),
        ("ffmpeg/transcode", FFMPEG | {"codec": "-i"}, "/codec", "NOT_ALLOWED"),
        ("blender/render", BLENDER | {"samples": 0}, "/samples", "OUT_OF_RANGE"),
        ("llm/inference", LLM | {"max_price": "-1"}, "/max_price", "INVALID"),
        ("llm/inference", LLM | {"ttl_seconds": 0}, "/ttl_seconds", "INVALID"),
    ],
)
async def test_a_body_that_the_schema_refuses_makes_no_job(
    site_of_module: Site, path: str, body: dict[str, Any], pointer: str, code: str
) -> None:
    response = await site_of_module.http.post(f"/v1/services/{path}", json=body)
    assert response.status_code == 400, response.text
    assert response.json()["error_code"] == "VALIDATION_ERROR"
    (fault,) = response.json()["errors"]
    assert (fault["pointer"], fault["code"]) == (pointer, code)


async def test_the_document_of_a_version_describes_each_order_by_its_schema(
    site_of_module: Site,
) -> None:
    document = (await site_of_module.http.get("/openapi/2024-01-01.json")).json()
    order = document["paths"]["/v1/services/whisper/transcribe"]["post"]
    schema = order["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["audio_url"]
    assert {"audio_url", "task", "ttl_seconds", "max_price"} <= schema["properties"].keys()
