"""Where the documents are: `/openapi.json`, `/openapi/<version>.json`, `/docs`, `/redoc`.

All addresses in the pages are relative, so that they hold under `/api` and behind any proxy. The
pages load nothing from elsewhere, and their policy says so to the browser.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import msgspec
from litestar import Litestar, Response, get
from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.routes import HTTPRoute

from coordinator.errors import NotFound
from coordinator.http import OPERATION_KEY, HttpRequest, Operation
from coordinator.openapi.document import DescribedRoute, build_document
from coordinator.presenters import PRESENTERS, SERVED
from coordinator.values import ApiVersion

_STATIC: Final = Path(__file__).parent / "static"

_SCRIPT: Final = "text/javascript"
_STYLE: Final = "text/css"

_ASSETS: Final = {
    "swagger-ui.css": ("vendor/swagger-ui/swagger-ui.css", _STYLE),
    "swagger-ui.js": ("vendor/swagger-ui/swagger-ui-bundle.js", _SCRIPT),
    "redoc.js": ("vendor/redoc/redoc.standalone.js", _SCRIPT),
    "pages.css": ("pages.css", _STYLE),
    "show-swagger-ui.js": ("show-swagger-ui.js", _SCRIPT),
    "show-redoc.js": ("show-redoc.js", _SCRIPT),
}
"""Files that the pages load, by the name that they load them under."""

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Both viewers set styles from their scripts, and ReDoc searches in a worker made from a blob."""


def described_routes(app: Litestar) -> Iterator[DescribedRoute]:
    """Yield every route of an application that declares an operation."""
    for route in app.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            operation = cast("Operation | None", handler.opt.get(OPERATION_KEY))
            for method in handler.http_methods if operation is not None else ():
                if method != HttpMethod.OPTIONS:
                    assert operation is not None
                    path = route.path_format
                    yield DescribedRoute(path, method.lower(), operation)


class Documents:
    """The documents of one application, made when they are first asked for."""

    def __init__(self) -> None:
        """Begin without any."""
        self._made: dict[tuple[ApiVersion, str], bytes] = {}

    def get(self, app: Litestar, version: ApiVersion, server_url: str) -> bytes:
        """Return the JSON of a version's document."""
        key = (version, server_url)
        if key not in self._made:
            document = build_document(described_routes(app), PRESENTERS[version], server_url)
            self._made[key] = msgspec.json.format(msgspec.json.encode(document))
        return self._made[key]


def document_handlers() -> list[HTTPRouteHandler]:
    """Return the routes of the documents and of the pages that show them."""
    documents = Documents()

    @get("/openapi.json", sync_to_thread=False)
    def newest(request: HttpRequest) -> Response[bytes]:
        return _json(documents.get(request.app, SERVED[-1], "."))

    @get("/openapi/{name:str}", sync_to_thread=False)
    def of_version(request: HttpRequest, name: FromPath[str]) -> Response[bytes]:
        for version in SERVED:
            if name == f"{version}.json":
                return _json(documents.get(request.app, version, ".."))
        raise NotFound(f"there are documents of the versions {', '.join(SERVED)}")

    @get("/docs", sync_to_thread=True)
    def swagger_ui() -> Response[bytes]:
        return _page("swagger-ui.html")

    @get("/redoc", sync_to_thread=True)
    def redoc() -> Response[bytes]:
        return _page("redoc.html")

    @get("/docs-assets/{name:str}", sync_to_thread=True)
    def asset(name: FromPath[str]) -> Response[bytes]:
        if name not in _ASSETS:
            raise NotFound("the pages load no such file")
        path, media_type = _ASSETS[name]
        content = (_STATIC / path).read_bytes()
        headers = {"cache-control": "public, max-age=3600"}
        return Response(content=content, media_type=media_type, headers=headers)

    return [newest, of_version, swagger_ui, redoc, asset]


def _json(document: bytes) -> Response[bytes]:
    return Response(content=document, media_type="application/json")


def _page(name: str) -> Response[bytes]:
    return Response(
        content=(_STATIC / name).read_bytes(),
        media_type="text/html",
        headers={"content-security-policy": _POLICY, "referrer-policy": "no-referrer"},
    )
