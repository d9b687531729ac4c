"""From a request to an answer: reads in threads, renders, packs, says how long it may be kept.

Every HTML page carries the status strip, so it may be stored but is asked for again: its weak
ETag is that of the heads, and costs two point reads. What never changes is kept longer: static
files, whose address has their digest, and the JSON twins of ended or final objects that are
addressed by an id. Twins addressed by height are not, since another chain may be at this address
tomorrow.
"""

import gzip
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Final, TypeAlias

import msgspec
from litestar import Request, Response
from litestar.datastructures import State
from litestar.response import Stream

from coordinator.http import remote_of
from explorer_web.absence import INDEX_LAGS, absent_page
from explorer_web.assets import Assets
from explorer_web.health import ChainHealth, HealthReader, chain_health
from explorer_web.listings import CSV_ROWS_FIRST, Listing, Rows, csv_chunks, listing_page
from explorer_web.page import Absence, Absent, Moved, Page
from explorer_web.ports import ExplorerReads, Standing
from explorer_web.references import TWIN_SUFFIX, PageKind
from explorer_web.rendering import Renderer
from explorer_web.turns import RETRY_S, Downloads, Refused, Turns
from ledger.store import StoreError

HtmlRequest: TypeAlias = Request[object, object, State]

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

SECURITY_HEADERS: Final[dict[str, str]] = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer of the explorer."""

ASK_AGAIN: Final = "no-cache"
KEEP_A_DAY: Final = "public, max-age=86400, immutable"
KEEP_NOT: Final = "no-store"

PACKING: Final = 5
"""How hard pages are packed: less takes a third less time for an eighth more bytes."""

_VARY: Final = {"Vary": "Accept-Encoding"}

Builder: TypeAlias = Callable[[Standing], Page | Moved]
"""Makes a page, in a thread; raises `Absent` if there is none."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """In which form a page is wanted."""

    is_twin: bool = False
    """As JSON."""
    is_part: bool = False
    """As a part that replaces one of an open page."""
    block: str = ""
    """Block of the template that is the part; empty where the part has a template of its own."""
    query: str = ""
    """What the search box shows."""
    is_measured: bool = False
    """Whether it shows what this node measures, which differs without a new block."""
    takes_gzip: bool = False
    """Whether the reader unpacks what is packed."""


class Site:
    """Answers requests for pages."""

    def __init__(self, reads: ExplorerReads) -> None:
        """Prepare templates and static files.

        Args:
            reads: what pages are made of.
        """
        self.reads = reads
        self._health = HealthReader(reads.index)
        self.assets = Assets()
        self._renderer = Renderer(self.assets)
        self._turns = Turns()
        self._downloads = Downloads(self._turns)

    async def answer(
        self, request: HtmlRequest, build: Builder, wanted: Wanted | None = None
    ) -> Response[bytes]:
        """Return the answer to a request.

        Args:
            request: for its conditional headers.
            build: makes the page; called in a thread.
            wanted: in which form.
        """
        wanted = replace(wanted or Wanted(), takes_gzip=takes_gzip(request))
        standing = await self.reads.node.standing()
        known = request.headers.get("if-none-match", "")
        make = partial(self._answer, standing, build, wanted, known)
        try:
            return await self._in_turn(request, make)
        except Absent as absent:
            return await self.absent(request, absent, standing, wanted)
        except StoreError as error:
            return await self._in_turn(request, partial(self._unreachable, error, standing, wanted))

    async def listing(
        self, request: HtmlRequest, make: Callable[[Mapping[str, str]], Listing]
    ) -> Response[bytes] | Stream:
        """Return a list as a page, as JSON or as CSV, as its address ends.

        Args:
            request: its address and parameters.
            make: makes the list from the parameters; called in a thread.
        """
        query = {name: value for name, value in request.query_params.items() if value}
        before = query.get("before", "")
        if request.url.path.endswith(".csv"):
            try:
                return await self._csv(request, partial(make, query), before)
            except Absent as absent:
                return await self.absent(request, absent)
            except StoreError as error:
                standing = await self.reads.node.standing()
                write = partial(self._unreachable, error, standing, Wanted())
                return await self._in_turn(request, write)
            except Refused as refused:
                return _refused(refused)
        wanted = Wanted(is_twin=request.url.path.endswith(TWIN_SUFFIX))
        return await self.answer(request, lambda _: listing_page(make(query), before), wanted)

    async def _csv(
        self, request: HtmlRequest, make: Callable[[], Listing], before: str
    ) -> Response[bytes] | Stream:
        """Return a list as CSV, streamed; what can be refused is refused before it begins."""

        def begin() -> tuple[Listing, Rows]:
            listing = make()
            return listing, listing.read(before, CSV_ROWS_FIRST)

        place = self._downloads.place(remote_of(request))
        try:
            listing, first = await self._turns.run(place.remote, begin)
            name = f'attachment; filename="{listing.name}.csv"'
            headers = {**_headers(KEEP_NOT), "Content-Disposition": name}
            content = self._downloads.stream(place, csv_chunks(listing, first))
        except BaseException:
            place.leave()
            raise
        return Stream(content, media_type="text/csv", headers=headers)

    async def absent(
        self,
        request: HtmlRequest,
        absent: Absent,
        standing: Standing | None = None,
        wanted: Wanted | None = None,
    ) -> Response[bytes]:
        """Return the answer that says why there is no page.

        Args:
            request: who asked.
            absent: what was asked for.
            standing: where the chain stands, if that is known already.
            wanted: in which form.
        """
        standing = standing or await self.reads.node.standing()
        wanted = replace(wanted or Wanted(), takes_gzip=takes_gzip(request))
        if absent.absence is Absence.UNKNOWN and absent.object_id is not None:
            absent = await self._ask_node(absent, absent.object_id)
        try:
            return await self._in_turn(request, partial(self._absent, absent, standing, wanted))
        except StoreError as error:
            return await self._in_turn(request, partial(self._unreachable, error, standing, wanted))

    async def _in_turn(
        self, request: HtmlRequest, write: Callable[[], Response[bytes]]
    ) -> Response[bytes]:
        """Return the answer that a thread writes, or that too many requests wait."""
        try:
            return await self._turns.run(remote_of(request), write)
        except Refused as refused:
            return _refused(refused)

    async def _ask_node(self, absent: Absent, object_id: bytes) -> Absent:
        """Return why there is no page, as the node knows it."""
        is_block = absent.kind is PageKind.BLOCK
        node = self.reads.node
        at = await (node.block_status(object_id) if is_block else node.whereabouts(object_id))
        return Absent(
            absent.kind,
            absent.reference,
            absence=INDEX_LAGS.get(at.status, Absence.UNKNOWN),
            object_id=object_id,
            detail=f"{at.code}: {at.detail}" if at.code else "",
        )

    def _unreachable(
        self, error: StoreError, standing: Standing, wanted: Wanted
    ) -> Response[bytes]:
        """Return the answer while the index fails, without asking it for anything."""
        absent = Absent(None, "", absence=Absence.UNREACHABLE, detail=type(error).__name__)
        page = absent_page(absent)
        if wanted.is_twin:
            return _json(page.twin, page.status, _headers(KEEP_NOT))
        health = chain_health(replace(standing, index_fault=type(error).__name__), -1)
        return self._html(page, health, wanted, _headers(KEEP_NOT))

    def _answer(
        self, standing: Standing, build: Builder, wanted: Wanted, known: str
    ) -> Response[bytes]:
        health = self._health.of(standing)
        etag = f'W/"{self.assets.digest}-{health.tag}"'
        is_whole = not wanted.is_twin and not wanted.is_part
        if is_whole and not wanted.is_measured and etag in known:
            return Response(b"", status_code=304, headers=_headers(ASK_AGAIN, etag) | _VARY)
        page = build(standing)
        if isinstance(page, Moved):
            return Response(
                b"", status_code=302, headers={"Location": page.url, **_headers(KEEP_NOT)}
            )
        if wanted.is_twin:
            return self._twin(page, health, known)
        # A part carries the node's clock, so it is made anew each time.
        is_kept = is_whole and not wanted.is_measured
        headers = _headers(ASK_AGAIN, etag) if is_kept else _headers(KEEP_NOT)
        return self._html(page, health, wanted, headers)

    def _absent(self, absent: Absent, standing: Standing, wanted: Wanted) -> Response[bytes]:
        """Return the page that says why there is none, which must not be kept."""
        kept = self.reads.index.kept() if absent.absence is Absence.UNKNOWN else None
        page = absent_page(absent, kept)
        health = self._health.of(standing)
        if wanted.is_twin:
            return _json(page.twin, page.status, _headers(KEEP_NOT))
        return self._html(page, health, wanted, _headers(KEEP_NOT))

    def _twin(self, page: Page, health: ChainHealth, known: str) -> Response[bytes]:
        twin = page.twin
        assert isinstance(twin, dict), "only pages with a twin have its address"
        if page.is_unchanging:
            content, kept = msgspec.json.encode(twin), KEEP_A_DAY
        else:
            content, kept = msgspec.json.encode({**twin, "chain": health.json}), ASK_AGAIN
        headers = _headers(kept, f'"{sha256(content).hexdigest()[:32]}"')
        if headers["ETag"] in known:
            return Response(b"", status_code=304, headers=headers)
        return Response(content, media_type="application/json", headers=headers)

    def _html(
        self, page: Page, health: ChainHealth, wanted: Wanted, headers: dict[str, str]
    ) -> Response[bytes]:
        if wanted.block:
            content = self._renderer.block(page, health, wanted.block)
        else:
            content = self._renderer.page(page, health, wanted.query)
        headers = headers | _VARY
        if wanted.takes_gzip:
            # No page holds a secret, whose length a stranger could learn by packing it with words.
            content = gzip.compress(content, PACKING, mtime=0)
            headers["Content-Encoding"] = "gzip"
        return Response(content, status_code=page.status, media_type="text/html", headers=headers)


def takes_gzip(request: HtmlRequest) -> bool:
    """Return whether the reader of an answer unpacks it."""
    return "gzip" in request.headers.get("accept-encoding", "")


def _headers(kept: str, etag: str = "") -> dict[str, str]:
    headers = {**SECURITY_HEADERS, "Cache-Control": kept}
    return {**headers, "ETag": etag} if etag else headers


def _json(value: object, status: int, headers: dict[str, str]) -> Response[bytes]:
    content = msgspec.json.encode(value)
    return Response(content, status_code=status, media_type="application/json", headers=headers)


def _refused(refused: Refused) -> Response[bytes]:
    """Return the answer to who asks for too much; it takes no thread."""
    headers = {**_headers(KEEP_NOT), "Retry-After": str(RETRY_S)}
    text = f"{refused} Ask again in {RETRY_S} seconds.".encode()
    return Response(text, status_code=refused.status, media_type="text/plain", headers=headers)
