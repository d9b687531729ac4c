"""OpenAPI 3.1 documents, one per version of the API, from what the routes declare (V6)."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from coordinator.errors import (
    CoordinatorError,
    Forbidden,
    InvalidRequest,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
)
from coordinator.http.error_body import Error
from coordinator.http.errors import status_of
from coordinator.http.faults import BodyTooSlow, MediaTypeUnsupported, NotAcceptable
from coordinator.http.openai_errors import OpenAiError
from coordinator.http.operation import JSON, PUBLIC, Answer, Operation, Parameter, WireType
from coordinator.http.repeats import PARAMETER as KEY_PARAMETER
from coordinator.http.repeats import takes_key
from coordinator.idempotency import IdempotencyKeyInFlight, IdempotencyKeyReused
from coordinator.openapi.schemas import Schema, component_schemas
from coordinator.presenters import SERVED, Presenter
from coordinator.values import ApiVersion, JsonValue

TITLE: Final = "AITBC Coordinator API"
API_DOCUMENT_VERSION: Final = "1.0.0"
DESCRIPTION: Final = (
    "API for submitting AI compute jobs and managing the AITBC network. "
    "This is version {version} by date; the header `AITBC-Version` asks for one, and every answer "
    "says which one it is in."
)

_RESPONSES: Final[Mapping[int, tuple[str, str]]] = {
    400: ("BadRequest", "Invalid request"),
    401: ("Unauthorized", "Authentication required"),
    402: ("PaymentRequired", "The balance does not cover this"),
    403: ("Forbidden", "The key does not allow this"),
    404: ("NotFound", "Resource not found"),
    406: ("NotAcceptable", "The caller takes no media type that there is"),
    408: ("RequestTimeout", "The body did not come in time"),
    409: ("Conflict", "The object is in another state"),
    410: ("Gone", "No longer kept"),
    413: ("ContentTooLarge", "Too many bytes"),
    415: ("UnsupportedMediaType", "The body is of another media type"),
    416: ("RangeNotSatisfiable", "The file has no byte of the range that was asked for"),
    422: ("IdempotencyKeyReused", "The key came with another request before"),
    426: ("UpgradeRequired", "This is a WebSocket"),
    429: ("TooManyRequests", "Above a limit; `Retry-After` says when to come back"),
    500: ("InternalError", "The server failed"),
    503: ("Unavailable", "The chain does not answer; the same request may be repeated"),
}
"""Names of the component responses; the first, second and fifth are those of document 002."""

TAGS: Final = (
    "Jobs",
    "Events",
    "Chat",
    "Miners",
    "Receipts",
    "Artifacts",
    "Clients",
    "Accounts",
    "Explorer",
    "Chain",
    "System",
)
"""Groups in the order in which a reader needs them; others follow by name."""

_EVENTS: Final = "text/event-stream"

_EVENT: Final[Schema] = {
    "type": "object",
    "description": "One event of the stream, with the fields of the HTML standard.",
    "required": ["data"],
    "properties": {
        "id": {"type": "string"},
        "event": {"type": "string"},
        "data": {"type": "string", "description": "JSON."},
    },
}

_VERSION_HEADER: Final[Schema] = {
    "name": "AITBC-Version",
    "in": "header",
    "description": "Version to be served in. Without it the body, the object or the route tells.",
    "schema": {"type": "string", "enum": [*SERVED]},
}


@dataclass(frozen=True, slots=True)
class DescribedRoute:
    """One method of one path, as the application has it."""

    path: str
    """Path with parameters in braces."""
    method: str
    """HTTP method in lower case."""
    operation: Operation
    """What it declares."""


def build_document(
    routes: Iterable[DescribedRoute], presenter: Presenter, server_url: str
) -> dict[str, JsonValue]:
    """Return the OpenAPI document of a version.

    Args:
        routes: every route that declares an operation.
        presenter: the version.
        server_url: URL of the API, relative to the document's.
    """
    return _Document(sorted(routes, key=lambda route: route.path), presenter).build(server_url)


class _Document:
    """One document while it is built: types are collected first, then referred to."""

    def __init__(self, routes: Sequence[DescribedRoute], presenter: Presenter) -> None:
        self._routes = routes
        self._presenter = presenter
        types = dict(self._types())
        schemas, self._components = component_schemas([Error, OpenAiError, *types.values()])
        self._openai_error = schemas[1]
        self._schemas = dict(zip(types, schemas[2:], strict=True))

    def _types(self) -> Iterable[tuple[WireType, object]]:
        for route in self._routes:
            operation = route.operation
            if operation.body is not None and operation.body_media_type == JSON:
                yield operation.body, operation.body(self._presenter.wire)
            for answer in operation.answers.values():
                if answer.body is not None and answer.media_type == JSON:
                    yield answer.body, answer.body(self._presenter.wire)

    def build(self, server_url: str) -> dict[str, JsonValue]:
        paths: dict[str, JsonValue] = {}
        for route in self._routes:
            methods = paths.setdefault(route.path, {})
            assert isinstance(methods, dict)
            methods[route.method] = self._operation(route)
        return {
            "openapi": "3.1.0",
            "info": {
                "title": TITLE,
                "version": API_DOCUMENT_VERSION,
                "description": DESCRIPTION.format(version=self._presenter.version),
            },
            "servers": [{"url": server_url, "description": "This server"}],
            "tags": [{"name": tag} for tag in self._tags()],
            "paths": paths,
            "components": {
                "schemas": {**self._components},
                "responses": {name: _error(text) for name, text in _RESPONSES.values()},
                "parameters": {"ApiVersion": _VERSION_HEADER},
                "securitySchemes": {
                    "ApiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
                    "Bearer": {"type": "http", "scheme": "bearer"},
                },
            },
        }

    def _tags(self) -> list[str]:
        present = {route.operation.tag for route in self._routes}
        known = [tag for tag in TAGS if tag in present]
        return known + sorted(present.difference(known))

    def _operation(self, route: DescribedRoute) -> Schema:
        operation = route.operation
        described: Schema = {
            "summary": operation.summary,
            "operationId": re.sub(r"\W+", "_", f"{route.method}{route.path}").strip("_"),
            "tags": [operation.tag],
            "parameters": [
                *_path_parameters(route.path),
                {"$ref": "#/components/parameters/ApiVersion"},
                *([_parameter(KEY_PARAMETER)] if takes_key(operation, route.method) else []),
                *(_parameter(item) for item in _parameters(operation, self._presenter.version)),
            ],
            "responses": self._responses(operation, with_key=takes_key(operation, route.method)),
        }
        if operation.description:
            described["description"] = operation.description
        if operation.access != PUBLIC:
            described["security"] = [{"ApiKey": []}, {"Bearer": []}]
        if operation.body is not None:
            described["requestBody"] = {
                "required": True,
                "content": self._content(operation.body, operation.body_media_type),
            }
        return described

    def _responses(self, operation: Operation, *, with_key: bool) -> Schema:
        responses: Schema = {
            str(status): self._answer(answer) for status, answer in operation.answers.items()
        }
        codes = _error_codes(operation, with_key=with_key)
        for status in sorted(codes):
            name, text = _RESPONSES[status]
            described: Schema = {"$ref": f"#/components/responses/{name}"}
            if operation.is_openai:
                content: Schema = {JSON: {"schema": self._openai_error}}
                described = {"description": text, "content": content}
            if codes[status]:
                described["description"] = f"{text}: {', '.join(codes[status])}"
            responses[str(status)] = described
        return responses

    def _answer(self, answer: Answer) -> Schema:
        described: Schema = {"description": answer.description}
        if answer.body is not None:
            content = self._content(answer.body, answer.media_type, is_nullable=answer.is_nullable)
            for media_type in answer.alternatives:
                content[media_type] = {"schema": _plain_schema(media_type)}
            described["content"] = content
        return described

    def _content(self, body: WireType, media_type: str, *, is_nullable: bool = False) -> Schema:
        if media_type != JSON:
            return {media_type: {"schema": _plain_schema(media_type)}}
        schema = self._schemas[body]
        if is_nullable:
            schema = {"anyOf": [schema, {"type": "null"}]}
        return {media_type: {"schema": schema}}


def _plain_schema(media_type: str) -> Schema:
    """Return the schema of what is no JSON: bytes, or one event of a stream of events."""
    return _EVENT if media_type == _EVENTS else {"type": "string", "format": "binary"}


def _parameters(operation: Operation, version: ApiVersion) -> tuple[Parameter, ...]:
    return operation.parameters_of.get(version, ()) + operation.parameters


def _parameter(parameter: Parameter) -> Schema:
    return {
        "name": parameter.name,
        "in": parameter.place,
        "description": parameter.description,
        "required": parameter.is_required,
        "schema": dict(parameter.schema),
    }


def _path_parameters(path: str) -> list[JsonValue]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]


def _error_codes(operation: Operation, *, with_key: bool) -> dict[int, list[str]]:
    """Return the codes that an operation declares, by status; those of every route are implied."""
    # A wrong key, or a page of elsewhere, is refused on public routes too.
    implied: list[type[CoordinatorError]] = [
        InvalidRequest,
        Unauthenticated,
        Forbidden,
        NotAcceptable,
        TooManyRequests,
    ]
    if with_key:
        implied += [TooLarge, BodyTooSlow, IdempotencyKeyInFlight, IdempotencyKeyReused]
    if operation.body is not None:
        implied += [TooLarge, BodyTooSlow]
        if operation.body_media_type == JSON:
            implied.append(MediaTypeUnsupported)
    codes: dict[int, list[str]] = {status_of(error): [] for error in implied}
    codes[int(HTTPStatus.INTERNAL_SERVER_ERROR)] = []
    for error in operation.errors:
        codes.setdefault(status_of(error), []).append(error.code)
    return codes


def _error(description: str) -> Schema:
    return {
        "description": description,
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
