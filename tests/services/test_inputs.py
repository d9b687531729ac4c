"""Inputs of services against their schemas: what the documents print is valid, faults are told."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from coordinator.registry import ServiceRegistry
from coordinator.registry.bounds import VALUES_MAX, BoundedValidator
from coordinator.registry.fitting import surely_fits
from coordinator.registry.inputs import FAULTS_MAX

REGISTRY = ServiceRegistry()
SERVICES = [service.service_id for service in REGISTRY.all()]

DOCUMENTED: dict[str, dict[str, Any]] = {
    "llm_inference": {"model": "llama-7b", "prompt": "Hello world", "max_tokens": 256},
    "whisper_transcribe": {
        "audio_url": "https://example.com/audio.mp3",
        "model": "base",
        "language": "en",
        "task": "transcribe",
    },
    "stable_diffusion": {
        "prompt": "A beautiful sunset over mountains",
        "model": "stable-diffusion-1.5",
        "size": "1024x1024",
        "num_images": 1,
        "steps": 20,
    },
    "ffmpeg_transcode": {
        "input_url": "https://example.com/video.mp4",
        "output_format": "mp4",
        "codec": "h264",
        "resolution": "1920x1080",
    },
    "blender_render": {
        "blend_file_url": "https://example.com/scene.blend",
        "engine": "cycles",
        "resolution_x": 1920,
        "resolution_y": 1080,
        "samples": 128,
    },
    "python": {
        "name": "image-classification",
        "entrypoint": "model.py",
        "requirements": ["numpy", "torch"],
        "input": {"type": "image", "format": "jpeg"},
        "output": {"type": "json"},
    },
}

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def told(service: str, document: dict[str, Any]) -> list[tuple[str, str]]:
    faults = REGISTRY.check_input(service, document).faults
    return [(fault.pointer, fault.code) for fault in faults]


@pytest.mark.parametrize("service", SERVICES)
def test_the_documented_input_is_valid_without_a_warning(service: str) -> None:
    verdict = REGISTRY.check_input(service, dict(DOCUMENTED[service]))
    assert (verdict.faults, verdict.warnings) == ((), ())


@pytest.mark.parametrize("service", SERVICES)
def test_a_schema_is_of_the_draft_and_refers_to_nothing_outside(service: str) -> None:
    schema = REGISTRY.schema(service)
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert '"$ref"' not in json.dumps(schema)
    assert '"uniqueItems"' not in json.dumps(schema), "it compares each item with each other"


@pytest.mark.parametrize("service", SERVICES)
def test_each_member_of_a_schema_says_what_it_is(service: str) -> None:
    properties = REGISTRY.schema(service)["properties"]
    assert isinstance(properties, dict)
    for name, schema in properties.items():
        assert isinstance(schema, dict)
        assert schema.get("description"), name


@pytest.mark.parametrize(
    ("service", "change", "expected"),
    [
        ("llm_inference", {"prompt": None}, ("/prompt", "WRONG_TYPE")),
        ("llm_inference", {"max_tokens": 0}, ("/max_tokens", "OUT_OF_RANGE")),
        ("llm_inference", {"max_tokens": 1.5}, ("/max_tokens", "WRONG_TYPE")),
        ("llm_inference", {"temperature": 3}, ("/temperature", "OUT_OF_RANGE")),
        ("llm_inference", {"model": "m" * 65}, ("/model", "TOO_LONG")),
        ("llm_inference", {"messages": [{"role": "user"}]}, ("/messages/0/content", "REQUIRED")),
        ("llm_inference", {"messages": []}, ("/messages", "TOO_FEW")),
        ("whisper_transcribe", {"task": "summarise"}, ("/task", "NOT_ALLOWED")),
        ("whisper_transcribe", {"audio_url": "file:///etc/passwd"}, ("/audio_url", "WRONG_FORMAT")),
        ("stable_diffusion", {"size": "0x0"}, ("/size", "WRONG_FORMAT")),
        ("stable_diffusion", {"prompt": ""}, ("/prompt", "TOO_SHORT")),
        ("ffmpeg_transcode", {"codec": "-filter_complex"}, ("/codec", "NOT_ALLOWED")),
        ("blender_render", {"resolution_x": "1920"}, ("/resolution_x", "WRONG_TYPE")),
        ("python", {"entrypoint": "../model.py"}, ("/entrypoint", "WRONG_FORMAT")),
        ("python", {"requirements": ["numpy; rm"]}, ("/requirements/0", "WRONG_FORMAT")),
        ("python", {"requirements": ["x"] * 33}, ("/requirements", "TOO_MANY")),
        ("python", {"input": {"url": "gopher://x"}}, ("/input/url", "WRONG_FORMAT")),
    ],
)
def test_a_fault_is_told_with_the_pointer_to_its_member(
    service: str, change: dict[str, Any], expected: tuple[str, str]
) -> None:
    assert told(service, {**DOCUMENTED[service], **change}) == [expected]


def test_members_that_are_missing_are_named() -> None:
    assert told("whisper_transcribe", {}) == [("/audio_url", "REQUIRED")]
    (fault,) = REGISTRY.check_input("ffmpeg_transcode", {}).faults
    assert (fault.pointer, fault.message) == ("", "needs input_url or input")


def test_two_programs_in_one_job_are_refused() -> None:
    two = {"entrypoint": "a.py", "source": "pass", "artifact": f"artifact:sha256:{'0' * 64}"}
    assert told("python", two) == [("", "AMBIGUOUS")]


def test_members_that_no_schema_knows_are_warned_of_by_name() -> None:
    given: dict[str, Any] = {"prompt": "x", "a/b~c": 1, "z" * 500: 2}
    warnings = REGISTRY.check_input("llm_inference", given).warnings
    assert [warning.pointer for warning in warnings] == ["/a~1b~0c", "/" + "z" * 64]


def test_what_is_told_of_a_hostile_input_is_bounded() -> None:
    hostile: dict[str, Any] = {
        "entrypoint": "m.py",
        "requirements": ["!" * 60_000] * 32,
        "input": 5,
    }
    verdict = REGISTRY.check_input("python", hostile)
    assert 0 < len(verdict.faults) <= FAULTS_MAX
    assert sum(len(fault.message) for fault in verdict.faults) < 4_096
    many: dict[str, Any] = {f"member-{number}": 0 for number in range(100)}
    assert len(REGISTRY.check_input("llm_inference", many).warnings) == FAULTS_MAX


class Visited(list[Any]):
    """A list that counts how many of its items are looked at."""

    times = 0

    def __getitem__(self, index: Any) -> Any:
        Visited.times += 1
        return super().__getitem__(index)

    def __iter__(self) -> Any:
        for item in super().__iter__():
            Visited.times += 1
            yield item


@pytest.mark.parametrize(
    ("service", "member", "items"),
    [
        ("python", "requirements", ["a"] * 10_000),
        ("llm_inference", "messages", [{"role": "user", "content": ""}] * 4_000),
        ("llm_inference", "stop", ["a"] * 10_000),
    ],
)
def test_of_a_list_that_is_too_long_no_item_is_held_against_the_schema(
    service: str, member: str, items: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    descents: list[object] = []
    descend = BoundedValidator.descend

    def counted(self: Any, instance: object, *rest: Any, **more: Any) -> Any:
        descents.append(instance)
        return descend(self, instance, *rest, **more)

    monkeypatch.setattr(BoundedValidator, "descend", counted)
    assert told(service, DOCUMENTED[service] | {member: items}) == [(f"/{member}", "TOO_MANY")]
    assert 0 < len(descents) < 20


def test_of_too_many_values_only_that_is_told_and_none_is_looked_at() -> None:
    Visited.times = 0
    hostile: dict[str, Any] = {"entrypoint": "a.py", "requirements": Visited(["a"] * VALUES_MAX)}
    verdict = REGISTRY.check_input("python", hostile)
    assert [(fault.pointer, fault.code) for fault in verdict.faults] == [("", "TOO_MANY")]
    assert Visited.times == 0
    nested = {"entrypoint": "a.py", "input": {"data": [[0] * 99] * 200}}
    assert told("python", nested) == [("", "TOO_MANY")]
    nested["input"] = {"data": [[0] * 99] * 150}
    assert told("python", nested) == []


def test_a_text_that_is_too_long_is_not_searched() -> None:
    assert told("llm_inference", {"prompt": "x", "model": "!" * 65}) == [("/model", "TOO_LONG")]


def test_of_an_object_with_too_many_members_none_is_held_against_the_schema() -> None:
    wide = {"url": 5} | {str(number): 0 for number in range(64)}
    assert told("python", {"entrypoint": "a.py", "input": wide}) == [("/input", "TOO_MANY")]


@pytest.mark.parametrize("character", ["a", "1", "x", "-", ".", "/", "\n"])
def test_no_pattern_takes_long_for_a_long_text(character: str) -> None:
    """A pattern that backtracks takes more than a lifetime for such texts, not a second."""
    text = character * 200_000 + "!"
    began = time.process_time()
    for service in SERVICES:
        names = REGISTRY.schema(service)["properties"]
        assert isinstance(names, dict)
        REGISTRY.check_input(service, dict.fromkeys(names, text))
    assert time.process_time() - began < 5


@given(service=st.sampled_from(SERVICES), document=st.dictionaries(st.text(), values, max_size=6))
def test_any_document_gets_a_verdict_that_agrees_with_the_schema(
    service: str, document: dict[str, Any]
) -> None:
    verdict = REGISTRY.check_input(service, document)
    assert (not verdict.faults) == Draft202012Validator(REGISTRY.schema(service)).is_valid(document)
    assert all(note.message and note.code for note in (*verdict.faults, *verdict.warnings))


changes = st.dictionaries(
    st.sampled_from(sorted({name for each in DOCUMENTED.values() for name in each} | {"messages"})),
    values | st.integers(-2, 2_000) | st.sampled_from(["", "base", "user", "1x1", "a" * 65, 2.0]),
    max_size=2,
)


@given(service=st.sampled_from(SERVICES), changed=changes, dropped=st.integers(0, 9))
def test_what_surely_fits_has_no_fault(service: str, changed: dict[str, Any], dropped: int) -> None:
    document = {
        name: value for n, (name, value) in enumerate(DOCUMENTED[service].items()) if n != dropped
    } | changed
    schema = REGISTRY.schema(service)
    if surely_fits(schema)(document):
        assert Draft202012Validator(schema).is_valid(document)


@pytest.mark.parametrize("service", SERVICES)
def test_the_documented_input_surely_fits(service: str) -> None:
    assert surely_fits(REGISTRY.schema(service))(dict(DOCUMENTED[service]))


keywords = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "array", "string", "integer", "number", "boolean"])
        | st.just(["string", "null"]),
        "enum": st.just(["a", 1]),
        "maxLength": st.integers(0, 2),
        "minLength": st.integers(0, 2),
        "maxItems": st.integers(0, 2),
        "minItems": st.integers(0, 2),
        "maxProperties": st.integers(0, 2),
        "minProperties": st.integers(0, 2),
        "maximum": st.integers(-1, 1),
        "minimum": st.integers(-1, 1) | st.just(0.5),
        "pattern": st.sampled_from(["^a", "b$"]),
        "required": st.just(["a"]),
        "const": st.just("a"),
        "description": st.text(max_size=2),
    },
)
schemas = st.recursive(
    keywords | st.booleans(),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "anyOf": st.lists(inner, min_size=1, max_size=2),
            "not": inner,
            "items": inner,
            "properties": st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
        },
    ),
    max_leaves=4,
)
small = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 2.0, 0.5, "", "a", "ab", "abc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner),
    max_leaves=4,
)


@given(schema=schemas, document=small)
def test_what_surely_fits_any_schema_has_no_fault(schema: Any, document: Any) -> None:
    if surely_fits(schema)(document):
        assert Draft202012Validator(schema).is_valid(document)
