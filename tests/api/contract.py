"""Every answer that a test gets is held against what its route declares in the documents."""

import re
from typing import Any, TypeAlias

import httpx
import msgspec
from litestar import Litestar

from coordinator.http import Error
from coordinator.http.openai_errors import OpenAiError
from coordinator.http.operation import Operation
from coordinator.openapi import DescribedRoute, build_document
from coordinator.openapi.routes import described_routes
from coordinator.presenters import PRESENTERS

JSON = "application/json"
STREAM = "text/event-stream"
"""Has no end to wait for."""
NEWEST = "2026-05-11"

_Statuses: TypeAlias = dict[tuple[str, str, str], set[str]]
"""Statuses that are declared, by version, method and path."""

_LAST: list[tuple[list[DescribedRoute], _Statuses]] = []
"""The routes of the last application: all tests build the same, and documents take long."""


class Contract:
    """The documents of an application, as a hook of `httpx` clients."""

    def __init__(self, application: Litestar) -> None:
        routes = sorted(described_routes(application), key=lambda route: (route.path, route.method))
        self._operations: list[tuple[str, re.Pattern[str], str, Operation]] = [
            (route.method, re.compile(_pattern(route.path)), route.path, route.operation)
            # What has no parameter goes before what has one, as in the routing.
            for route in sorted(routes, key=lambda route: route.path.count("{"))
        ]
        self._statuses = _declared_statuses(routes)

    async def check(self, response: httpx.Response) -> None:
        """Check an answer; a hook of a client.

        Raises:
            AssertionError: a status that the route does not declare, or another body.
        """
        method, path = response.request.method.lower(), response.request.url.path
        found = self.find("get" if method == "head" else method, path.removeprefix("/api"))
        if found is None:
            return
        template, operation = found
        version = response.headers["aitbc-version"]
        status = response.status_code
        declared = self._statuses[version if version in PRESENTERS else NEWEST, method, template]
        assert str(status) in declared, f"{method} {template} answers {status}, undeclared"
        if method == "head" or response.headers.get("content-type", "").startswith(STREAM):
            return
        await response.aread()
        if status >= 400:
            msgspec.json.decode(
                response.content, type=OpenAiError if operation.is_openai else Error
            )
        elif version in PRESENTERS:
            _check_body(operation, version, response)

    def find(self, method: str, path: str) -> tuple[str, Operation] | None:
        for known, pattern, template, operation in self._operations:
            if known == method and pattern.fullmatch(path):
                return template, operation
        return None


def _declared_statuses(routes: list[DescribedRoute]) -> _Statuses:
    """Return what the documents declare: of the same routes, as of the last call."""
    if _LAST and _LAST[0][0] == routes:
        return _LAST[0][1]
    statuses: _Statuses = {}
    for version, presenter in PRESENTERS.items():
        paths: Any = build_document(routes, presenter, ".")["paths"]
        for route in routes:
            declared = set(paths[route.path][route.method]["responses"])
            statuses[version, route.method, route.path] = declared
            if route.method == "get":
                statuses[version, "head", route.path] = declared
    _LAST[:] = [(routes, statuses)]
    return statuses


def _pattern(template: str) -> str:
    return re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template))


def _check_body(operation: Operation, version: str, response: httpx.Response) -> None:
    answer = operation.answers[response.status_code]
    if answer.body is None or answer.media_type != JSON:
        return
    if answer.is_nullable and response.content == b"null":
        return
    expected = answer.body(PRESENTERS[version].wire)  # type: ignore[index]
    decoded = msgspec.json.decode(response.content, type=expected)
    # What the type does not have is lost on the way through it.
    again = msgspec.json.decode(msgspec.json.encode(decoded))
    assert again == msgspec.json.decode(response.content), f"{answer.description}: other members"
