"""Handlers that are called without the framework's machinery answer as they do with it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from litestar import Litestar, Request, Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotAuthorizedException
from litestar.params import FromPath, FromQuery, SkipValidation
from litestar.types import Message, Scope

from coordinator.http.answers import Written
from coordinator.http.calls import called_with
from coordinator.http.exchange import HttpRequest


class Shared:
    """What all handlers are given."""

    word = "shared"


Given = NamedDependency[SkipValidation[Shared]]

SHARED = Shared()


def _text(text: str) -> Written:
    return Written(text.encode(), media_type="text/plain")


@get("/texts/{left:str}/{right:str}")
async def texts(request: HttpRequest, left: FromPath[str], right: FromPath[str]) -> Response[bytes]:
    """Return the texts of the path."""
    return _text(f"{request.method} {left} {right}")


@post("/given/{name:str}")
async def given(name: FromPath[str], context: Given) -> Response[bytes]:
    """Return what all are given."""
    return _text(f"{name} {context.word}")


@get("/other")
async def other() -> Response[bytes]:
    """Return an answer that the framework completes."""
    return Response(b"other", media_type="text/plain", headers={"x-own": "kept"})


@post("/nothing")
async def nothing(request: HttpRequest) -> None:
    """Return nothing."""
    await request.body()


@get("/failing/{name:str}")
async def failing(name: FromPath[str]) -> Response[bytes]:
    """Fail."""
    raise LookupError(name)


@get("/number/{number:int}")
async def number(number: FromPath[int]) -> Response[bytes]:
    """Return a number of the path: the framework's business."""
    return _text(f"{number + 1}")


@get("/query")
async def query(limit: FromQuery[int]) -> Response[bytes]:
    """Return a number of the query: the framework's business."""
    return _text(f"{limit + 1}")


@get("/plain", sync_to_thread=False)
def plain(context: Given) -> Response[bytes]:
    """Return at once: the framework's business."""
    return _text(context.word)


HANDLERS = [texts, given, other, nothing, failing, number, query, plain]


async def _before(request: HttpRequest) -> Response[bytes] | None:
    asked = request.headers.get("x-before")
    if asked == "refuse":
        raise NotAuthorizedException("refused before")
    return Response(b"before", media_type="text/plain") if asked == "answer" else None


def _failed(_request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    return Response(f"handled {error}".encode(), status_code=418, media_type="text/plain")


def _application(*, is_direct: bool, provide: Callable[[], Shared] = lambda: SHARED) -> Litestar:
    router = Router(
        path="/",
        route_handlers=HANDLERS,
        dependencies={"context": Provide(provide, sync_to_thread=False)},
        before_request=_before,
        middleware=[called_with({"context": SHARED})] if is_direct else [],
    )
    return Litestar(
        [router],
        openapi_config=None,
        logging_config=None,
        exception_handlers={LookupError: _failed},
    )


async def _answer(
    application: Litestar, method: str, target: str, headers: Mapping[str, str]
) -> list[Message]:
    """Return the messages of an answer."""
    path, _, query_string = target.partition("?")
    scope: dict[str, object] = {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": query_string.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
    }
    sent: list[Message] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    as_scope: Scope = scope  # type: ignore[assignment]
    await application(as_scope, receive, send)
    return sent


REQUESTS = [
    ("GET", "/texts/a/b%2Fc", {}),
    ("POST", "/given/x", {}),
    ("GET", "/other", {}),
    ("POST", "/nothing", {}),
    ("GET", "/failing/x", {}),
    ("GET", "/number/41", {}),
    ("GET", "/number/none", {}),
    ("GET", "/query?limit=41", {}),
    ("GET", "/query?limit=none", {}),
    ("GET", "/plain", {}),
    ("OPTIONS", "/texts/a/b", {}),
    ("GET", "/unknown", {}),
    ("GET", "/texts/a/b", {"x-before": "answer"}),
    ("GET", "/texts/a/b", {"x-before": "refuse"}),
    ("GET", "/plain", {"x-before": "answer"}),
]


@pytest.mark.parametrize(("method", "target", "headers"), REQUESTS)
async def test_a_handler_answers_as_the_framework_would_have_it_answer(
    method: str, target: str, headers: Mapping[str, str]
) -> None:
    by_framework = await _answer(_application(is_direct=False), method, target, headers)
    assert by_framework
    direct = _application(is_direct=True)
    for _ in range(2):
        assert await _answer(direct, method, target, headers) == by_framework


async def test_the_framework_looks_for_nothing_where_all_is_known_beforehand() -> None:
    provided: list[str] = []

    def provide() -> Shared:
        provided.append("context")
        return SHARED

    application = _application(is_direct=True, provide=provide)
    await _answer(application, "POST", "/given/x", {})
    assert provided == []
    await _answer(application, "GET", "/plain", {})
    assert provided == ["context"]
