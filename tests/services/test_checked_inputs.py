"""Faults of an input are told at their place in the body that the client sent."""

from typing import Any

import pytest

from coordinator.errors import InvalidRequest
from coordinator.jobs import JobSpec
from coordinator.jobs.terms import checked
from coordinator.registry import ServiceRegistry

REGISTRY = ServiceRegistry()


def pointers(service: str, version: str, **members: Any) -> list[str]:
    spec = JobSpec(service=service, api_version=version, **members)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest) as caught:
        checked(REGISTRY, spec)
    assert caught.value.detail.startswith(caught.value.faults[0].pointer or "the body")
    return [fault.pointer for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("version", "in_input", "in_params", "in_model"),
    [
        ("2024-01-01", "/input/prompt", "/input/params/seed", "/model"),
        ("2026-01-24", "/prompt", "/params/seed", "/model"),
        ("2026-05-11", "/payload/prompt", "/payload/parameters/seed", "/payload/model"),
    ],
)
def test_each_version_has_its_own_places(
    version: str, in_input: str, in_params: str, in_model: str
) -> None:
    service = "stable_diffusion"
    found = pointers(service, version, input={"prompt": ""}, params={"seed": -1})
    assert sorted(found) == sorted([in_input, in_params])
    whisper = {"audio_url": "http://x"}
    assert pointers("whisper_transcribe", version, input=whisper, model="m" * 65) == [in_model]


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"entrypoint": "a/b.py"}, "/model/entrypoint"),
        ({"requirements": ["?"]}, "/model/requirements/0"),
        ({"name": "n" * 201}, "/name"),
        ({"input": {"url": "file:/x"}}, "/input/url"),
        ({"output": {"type": 5}}, "/output/type"),
    ],
)
def test_a_program_is_written_in_several_members_of_the_oldest_body(
    change: dict[str, Any], pointer: str
) -> None:
    assert pointers("python", "2024-01-01", input={"entrypoint": "m.py"} | change) == [pointer]


def test_a_job_that_names_a_service_is_held_to_its_schema() -> None:
    assert pointers("whisper_transcribe", "2026-05-11") == ["/payload/audio_url"]
    assert pointers("ffmpeg_transcode", "2026-05-11", input={"codec": "h264"}) == ["/payload"]


def test_what_a_program_needs_is_kept_for_the_choice_of_its_miner() -> None:
    given: dict[str, Any] = {"name": "n", "entrypoint": "m.py", "requirements": ["numpy"]}
    spec = JobSpec(service="python", api_version="2026-05-11", input=given)
    kept, service = checked(REGISTRY, spec)
    assert (kept.program, kept.requirements, service.service_id) == ("n/m.py", ("numpy",), "python")
    own, _ = checked(REGISTRY, JobSpec("python", "2026-05-11", input=given | {"source": "pass"}))
    assert own.program == ""
