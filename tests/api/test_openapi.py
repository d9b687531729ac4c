"""The generated OpenAPI documents, held against the reference document of 002 (V6)."""

import hashlib
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute

from coordinator.api import coordinator_handlers
from coordinator.http import OPERATION_KEY
from coordinator.openapi import document_handlers
from coordinator.presenters import SERVED
from node.http.operations import operations_handlers
from tests.api.node_site import NodeDocument
from tests.processes import NodeProcess

ROOT = Path(__file__).parents[2]
REFERENCE = json.loads(
    (Path(__file__).parent / "documents" / "openapi-2026-01-24.json").read_text()
)
METHODS = {"get", "post", "put", "delete", "patch"}

PAGES = {"/docs", "/redoc", "/docs-assets/{name}", "/metrics"}
"""Routes that are no API: people or machines read them, and no version has them."""

WITHOUT_DESCRIPTIONS = {
    "AccountBundle",
    "BlockView",
    "HeaderView",
    "OutcomeBundle",
    "ReceiptBundle",
    "TransactionBundle",
    "ValidatorsBundle",
}
"""Schemas of the node's own routes whose fields do not say what they are yet."""

DOCUMENTS = {"/openapi.json", "/openapi/{name}"}


@pytest.fixture(scope="module")
def application():
    # Documents are made from declarations: what would answer the routes is not needed.
    nothing: Any = SimpleNamespace(idempotency=None)
    handlers = [
        *coordinator_handlers(nothing, nothing, nothing),
        *document_handlers(),
        *operations_handlers(nothing),
    ]
    return Litestar(route_handlers=handlers, openapi_config=None)


@pytest.fixture(scope="module")
def documents(shared_node: NodeProcess) -> dict[str, NodeDocument]:
    """Return the documents as a node's process serves them, by version."""
    with shared_node.client() as client:
        answers = {version: client.get(f"/openapi/{version}.json") for version in SERVED}
        newest = client.get("/openapi.json")
    assert newest.json()["paths"] == answers[SERVED[-1]].json()["paths"]
    return {version: answer.json() for version, answer in answers.items()}


@pytest.fixture(scope="module", params=SERVED)
def generated(request, documents):
    return documents[request.param]


@pytest.fixture(scope="module")
def of_reference_version(documents):
    return documents["2026-01-24"]


def resolve(document, node):
    """Follow references, and the one alternative of `X | null`."""
    while True:
        if "$ref" in node:
            found = document
            for part in node["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            node = found
            continue
        present = [item for item in node.get("anyOf", ()) if item != {"type": "null"}]
        if len(present) != 1:
            return node
        node = present[0]


def missing(document, wanted, found, place):
    """Yield what a reference schema has and the generated one lacks."""
    found = resolve(document, found)
    wanted = resolve(REFERENCE, wanted)
    alternatives = found.get("anyOf")
    if alternatives and wanted.get("type") == "object":
        if not any(not list(missing(document, wanted, item, place)) for item in alternatives):
            yield f"{place}: no alternative fits"
        return
    if set(wanted.get("enum", ())) != set(found.get("enum", ())) and "enum" in wanted:
        yield f"{place}: {wanted['enum']} are {found.get('enum')}"
    for name in ("type", "format", "default", "maximum", "description"):
        if name in wanted and wanted[name] != found.get(name):
            yield f"{place}.{name}: {wanted[name]!r} is {found.get(name)!r}"
    for name in wanted.get("required", ()):
        if name not in found.get("required", ()):
            yield f"{place}: {name} is not required"
    for name, schema in wanted.get("properties", {}).items():
        if name not in found.get("properties", {}):
            yield f"{place}: there is no {name}"
        else:
            yield from missing(document, schema, found["properties"][name], f"{place}.{name}")
    if "items" in wanted:
        yield from missing(document, wanted["items"], found.get("items", {}), f"{place}[]")


def content_of(response):
    return response.get("content", {}).get("application/json", {}).get("schema")


def reference_operations():
    return [(path, method) for path, item in REFERENCE["paths"].items() for method in item]


@pytest.mark.row("2026-01-24.002.openapi.subset")
@pytest.mark.parametrize(("path", "method"), reference_operations())
def test_every_documented_operation_is_there_with_its_parameters_bodies_and_statuses(
    of_reference_version: NodeDocument, path, method
):
    document = of_reference_version
    wanted, found = REFERENCE["paths"][path][method], document["paths"][path][method]
    assert found["summary"] == wanted["summary"]
    assert set(wanted["tags"]) <= set(found["tags"])
    parameters = {
        (item["name"], item["in"]): item
        for item in (resolve(document, item) for item in found["parameters"])
    }
    for parameter in wanted.get("parameters", ()):
        offered = parameters[parameter["name"], parameter["in"]]
        assert offered.get("required", False) == parameter.get("required", False)
        assert not list(missing(document, parameter["schema"], offered["schema"], "parameter"))
    if "security" in wanted:
        assert {"ApiKey": []} in found["security"]
    if "requestBody" in wanted:
        assert found["requestBody"]["required"] is True
        schemas = content_of(wanted["requestBody"]), content_of(found["requestBody"])
        assert not list(missing(document, *schemas, "body"))
    for status, response in wanted["responses"].items():
        offered = found["responses"][status]
        if "$ref" in response:
            assert offered["$ref"] == response["$ref"]
        elif content_of(response):
            schemas = content_of(response), content_of(offered)
            assert not list(missing(document, *schemas, f"{status}"))
            assert offered["description"] == response["description"]


@pytest.mark.row(
    "2026-01-24.002.schema.JobRequest",
    "2026-01-24.002.schema.Job",
    "2026-01-24.002.schema.JobResult",
    "2026-01-24.002.schema.Receipt",
    "2026-01-24.002.schema.Signature",
    "2026-01-24.002.schema.MinerRegistration",
    "2026-01-24.002.schema.Block",
    "2026-01-24.002.schema.NetworkStats",
    "2026-01-24.002.schema.Error",
)
@pytest.mark.parametrize("name", REFERENCE["components"]["schemas"])
def test_every_documented_schema_is_there_under_its_name(of_reference_version: NodeDocument, name):
    wanted = REFERENCE["components"]["schemas"][name]
    found = of_reference_version["components"]["schemas"][name]
    assert not list(missing(of_reference_version, wanted, found, name))


@pytest.mark.row(
    "2026-01-24.002.response.BadRequest",
    "2026-01-24.002.response.Unauthorized",
    "2026-01-24.002.response.NotFound",
)
@pytest.mark.parametrize("name", REFERENCE["components"]["responses"])
def test_every_documented_response_is_there_under_its_name(
    of_reference_version: NodeDocument, name
):
    wanted = REFERENCE["components"]["responses"][name]
    found = of_reference_version["components"]["responses"][name]
    assert found["description"] == wanted["description"]
    assert content_of(found) == content_of(wanted)


@pytest.mark.row("2026-01-24.002.openapi.subset")
def test_title_version_tags_and_security_scheme_are_the_documented_ones(
    of_reference_version: NodeDocument,
):
    info = of_reference_version["info"]
    assert (info["title"], info["version"]) == ("AITBC Coordinator API", "1.0.0")
    assert info["description"].startswith(REFERENCE["info"]["description"])
    tags = {tag["name"] for tag in of_reference_version["tags"]}
    assert tags >= {"System", "Jobs", "Miners", "Receipts", "Explorer"}
    schemes = of_reference_version["components"]["securitySchemes"]
    assert schemes["ApiKey"] == REFERENCE["components"]["securitySchemes"]["ApiKey"]


def test_the_comparison_with_the_reference_can_fail(of_reference_version: NodeDocument):
    job = REFERENCE["components"]["schemas"]["Job"]
    assert list(missing(of_reference_version, job, {"type": "object"}, "Job"))
    typed = {"type": "object", "properties": {"status": {"type": "integer"}}}
    assert list(missing(of_reference_version, typed, {"$ref": "#/components/schemas/Job"}, "Job"))


@pytest.mark.row("2026-05-11.003.openapi.json")
def test_a_document_is_openapi_3_1_and_consistent_in_itself(generated: NodeDocument):
    assert generated["openapi"] == "3.1.0"
    identifiers = []
    for path, item in generated["paths"].items():
        assert set(item) <= METHODS
        for operation in item.values():
            identifiers.append(operation["operationId"])
            named = {
                parameter["name"]
                for parameter in operation["parameters"]
                if parameter.get("in") == "path"
            }
            assert named == set(re.findall(r"{(\w+)}", path))
            assert all(re.fullmatch(r"101|[2-5]\d\d", status) for status in operation["responses"])
    assert len(identifiers) == len(set(identifiers))
    for reference in re.findall(r'"\$ref": "([^"]+)"', json.dumps(generated)):
        assert resolve(generated, {"$ref": reference})


def test_every_field_and_operation_says_what_it_is(generated: NodeDocument):
    for name, schema in generated["components"]["schemas"].items():
        assert schema.get("description"), name
        fields = {} if name in WITHOUT_DESCRIPTIONS else schema.get("properties", {})
        for field, described in fields.items():
            assert described.get("description"), f"{name}.{field}"
    for item in generated["paths"].values():
        assert all(operation["summary"] for operation in item.values())


def test_no_pattern_keeps_python_anchors(generated: NodeDocument):
    patterns = re.findall(r'"pattern": "([^"]+)"', json.dumps(generated))
    assert patterns
    assert not [pattern for pattern in patterns if "\\\\A" in pattern or "\\\\Z" in pattern]


@pytest.mark.row("2026-05-11.003.openapi.json")
def test_every_route_is_in_the_document_or_is_a_page(application, generated: NodeDocument):
    for route in application.routes:
        assert isinstance(route, HTTPRoute)
        if route.path_format in PAGES | DOCUMENTS:
            assert all(OPERATION_KEY not in handler.opt for handler in route.route_handlers)
            continue
        assert route.path_format in generated["paths"]


def test_the_vendored_files_are_those_that_the_list_names():
    listed = dict(
        re.findall(r"\| `(coordinator/[^`]+)` \|.*\| `([0-9a-f]{64})` \|", vendored_list())
    )
    folder = ROOT / "coordinator" / "openapi" / "static" / "vendor"
    present = {
        str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
    assert listed == present


def vendored_list():
    return (ROOT / "docs" / "vendored.md").read_text()
