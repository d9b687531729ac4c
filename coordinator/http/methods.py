"""What `OPTIONS` answers: the methods of a path, `HEAD` with them."""

from litestar import Response
from litestar.routes import HTTPRoute

from coordinator.http.exchange import HttpRequest


def options_answer(request: HttpRequest) -> Response[bytes] | None:
    """Return the answer to `OPTIONS`; None for other methods.

    The framework's own answer names the methods of the first handler of a path alone, and does not
    know that the edge serves `HEAD`.
    """
    if request.method != "OPTIONS":
        return None
    template = request.scope["path_template"]
    methods = {
        str(method)
        for route in request.app.routes
        if isinstance(route, HTTPRoute) and route.path_format == template
        for method in route.methods
    }
    if "GET" in methods:
        methods.add("HEAD")
    return Response(
        content=b"", status_code=204, headers={"allow": ", ".join(sorted(methods))}, media_type=""
    )
