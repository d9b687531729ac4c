"""The addresses of the verifier."""

from typing import TypeAlias

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import SkipValidation

from explorer_web.page import Crumb, Page
from explorer_web.site import ASK_AGAIN, SECURITY_HEADERS, HtmlRequest, Site
from explorer_web.verification.saved import SavedVerifier

SiteGiven: TypeAlias = NamedDependency[SkipValidation[Site]]
SavedGiven: TypeAlias = NamedDependency[SkipValidation[SavedVerifier]]

FILE_NAME = "aitbc-verifier.html"
"""What the saved file is called on the reader's disk."""


@get("/verify")
async def verify(request: HtmlRequest, site: SiteGiven, saved: SavedGiven) -> Response[bytes]:
    """Answer with the page on which bundles are checked."""
    page = Page(
        template="verify.html",
        title="Verify",
        crumbs=(Crumb("Verify"),),
        nav_url="/verify",
        content={"saved_bytes": len(saved.content), "saved_digest": saved.digest},
    )
    return await site.answer(request, lambda _: page)


@get("/verify/offline.html")
async def offline(request: HtmlRequest, saved: SavedGiven) -> Response[bytes]:
    """Answer with the verifier as one file, to be saved."""
    headers = {
        **SECURITY_HEADERS,
        "Cache-Control": ASK_AGAIN,
        "Content-Disposition": f'attachment; filename="{FILE_NAME}"',
        "ETag": f'"{saved.digest.hex()[:32]}"',
    }
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    return Response(saved.content, media_type="text/html", headers=headers)
