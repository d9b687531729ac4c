"""Which version a request is served in (V1, V2)."""

import pytest

from coordinator.http.faults import AmbiguousBody, FieldInvalid, UnknownApiVersion
from coordinator.http.versions import (
    NEWEST,
    VERSIONS,
    Choice,
    VersionSource,
    body_choice,
    body_version,
    header_choice,
    key_choice,
    object_choice,
    route_choice,
)

BODIES: dict[str, dict[str, object]] = {
    "2024-01-01": {"name": "my-job", "type": "ai-inference", "model": {"type": "python"}},
    "2026-01-24": {"prompt": "Explain quantum computing", "model": "llama3.2"},
    "2026-05-11": {"payload": {"model": "llama2", "prompt": "Hello world"}, "ttl_seconds": 900},
}


def test_there_are_three_versions_and_the_newest_is_the_last_document():
    assert VERSIONS == ("2024-01-01", "2026-01-24", "2026-05-11")
    assert NEWEST == "2026-05-11"


@pytest.mark.parametrize("version", VERSIONS)
def test_the_header_names_a_version_by_its_literal(version):
    assert header_choice([version]) == Choice(version, VersionSource.HEADER)
    assert header_choice([version]).is_explicit


@pytest.mark.parametrize(
    "values",
    [
        [""],
        ["latest"],
        ["2026"],
        ["2026-05-12"],
        ["2026-5-11"],
        ["2026-05-11 "],
        ["v2026-05-11"],
        ["2026-01-24, 2026-05-11"],
        ["2026-05-11", "2026-05-11"],
        ["２０２６-05-11"],
    ],
)
def test_any_other_header_is_refused_never_rounded_to_a_date(values):
    with pytest.raises(UnknownApiVersion):
        header_choice(values)


def test_without_header_and_pin_nothing_is_explicit():
    assert header_choice([]) is None
    assert key_choice(None) is None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_body_tells_its_version_by_shape(version):
    assert body_version(BODIES[version]) == version
    assert body_choice(None, BODIES[version]) == Choice(version, VersionSource.BODY)


def test_model_alone_tells_nothing_because_two_versions_have_it():
    assert body_version({"model": "llama3.2"}) is None
    assert body_version({"model": {"type": "python"}}) is None
    with pytest.raises(FieldInvalid, match=r"prompt.*payload.*name"):
        body_choice(None, {"model": "llama3.2"})


@pytest.mark.parametrize(
    "body",
    [
        {"prompt": "", "payload": {}},
        {"prompt": "", "type": "ai-inference"},
        {"payload": {}, "name": "x"},
        {"payload": {}, "prompt": "", "type": ""},
    ],
)
@pytest.mark.parametrize("explicit", [None, Choice("2026-01-24", VersionSource.HEADER)])
def test_members_of_two_versions_are_ambiguous_even_to_an_explicit_version(body, explicit):
    with pytest.raises(AmbiguousBody):
        body_choice(explicit, body)


@pytest.mark.parametrize("asked", VERSIONS)
@pytest.mark.parametrize("sent", VERSIONS)
@pytest.mark.parametrize("source", [VersionSource.HEADER, VersionSource.KEY])
def test_an_explicit_version_takes_only_its_own_body(asked, sent, source):
    explicit = Choice(asked, source)
    if asked == sent:
        assert body_choice(explicit, BODIES[sent]) == explicit
        return
    with pytest.raises(FieldInvalid, match=f"this body is of version {sent}") as refusal:
        body_choice(explicit, BODIES[sent])
    assert refusal.value.faults[0].pointer.removeprefix("/") in BODIES[sent]


@pytest.mark.parametrize(
    ("documents", "choice"),
    [
        (VERSIONS, Choice("2026-05-11", VersionSource.ROUTE)),
        (("2024-01-01", "2026-01-24"), Choice("2026-01-24", VersionSource.ROUTE)),
        (("2024-01-01",), Choice("2024-01-01", VersionSource.ROUTE)),
        ((), Choice("2026-05-11", VersionSource.DEFAULT)),
    ],
)
def test_a_route_answers_in_the_newest_version_whose_document_has_it(documents, choice):
    assert route_choice(documents) == choice


@pytest.mark.parametrize(
    ("created_in", "documents", "choice"),
    [
        ("2024-01-01", VERSIONS, Choice("2024-01-01", VersionSource.OBJECT)),
        ("2026-01-24", VERSIONS, Choice("2026-01-24", VersionSource.OBJECT)),
        ("2026-01-24", ("2026-05-11",), Choice("2026-05-11", VersionSource.ROUTE)),
        # POST cancel is in no document of 2024-01-01.
        (
            "2024-01-01",
            ("2026-01-24", "2026-05-11"),
            Choice("2026-05-11", VersionSource.ROUTE),
        ),
        ("2026-01-24", (), Choice("2026-05-11", VersionSource.DEFAULT)),
    ],
)
def test_an_object_answers_in_its_own_version_where_that_has_the_route(
    created_in, documents, choice
):
    assert object_choice(None, created_in, documents) == choice


@pytest.mark.parametrize("source", [VersionSource.HEADER, VersionSource.KEY])
def test_an_explicit_version_goes_before_the_objects(source):
    explicit = Choice("2026-05-11", source)
    assert object_choice(explicit, "2026-01-24", VERSIONS) == explicit
