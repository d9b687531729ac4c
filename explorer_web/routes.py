"""The addresses of the explorer."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

from litestar import Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, SkipValidation
from litestar.response import Stream

from explorer_web.accounts import account_page
from explorer_web.ballots import ballot_page
from explorer_web.blocks import Slice, block_page
from explorer_web.home import home_page
from explorer_web.jobs import job_id_of, job_page
from explorer_web.listings import Listing
from explorer_web.lists import (
    activity_listing,
    blocks_listing,
    jobs_listing,
    miners_listing,
    receipts_listing,
    transactions_listing,
)
from explorer_web.live import LiveHub, NewsDesk
from explorer_web.live.route import live
from explorer_web.market import market_page, offers_listing
from explorer_web.miners import miner_page
from explorer_web.page import Absence, Absent, Moved, Page, account_of
from explorer_web.ports import ExplorerReads, Standing
from explorer_web.receipts import receipt_page
from explorer_web.references import TWIN_SUFFIX, PageKind, parse_height, split_twin
from explorer_web.rendering import Renderer
from explorer_web.search import search_page, search_twin, suggestions, underway_hit
from explorer_web.site import (
    KEEP_A_DAY,
    SECURITY_HEADERS,
    HtmlRequest,
    Site,
    Wanted,
    takes_gzip,
)
from explorer_web.stats import failures_listing, hours_listing, stats_page
from explorer_web.styleguide import styleguide_page
from explorer_web.transactions import transaction_page
from explorer_web.validators import ballots_listing, changes_listing, validators_page
from explorer_web.verification import offline, saved_verifier, verify
from explorer_web.wrong_address import ErrorPage, error_page

Given: TypeAlias = NamedDependency[SkipValidation[Site]]
"""Type of the parameter `site` of a handler."""

ListAnswer: TypeAlias = Response[bytes] | Stream
"""A list as a page, as JSON, or streamed as CSV."""

STRIP: Final = Page(template="strip.html", title="Status", crumbs=())
"""The status strip alone."""


@get(["/", "/index.json"])
async def home(request: HtmlRequest, site: Given) -> Response[bytes]:
    """Answer with the overview."""
    wanted = Wanted(is_twin=request.url.path.endswith(".json"))
    return await site.answer(request, lambda _: home_page(site.reads.index), wanted)


@get("/fragments/strip")
async def strip(request: HtmlRequest, site: Given) -> Response[bytes]:
    """Answer with the status strip, for any open page."""
    return await site.answer(request, lambda _: STRIP, Wanted(is_part=True))


@get(["/blocks", "/blocks.json", "/blocks.csv"])
async def blocks(request: HtmlRequest, site: Given) -> ListAnswer:
    """Answer with the list of blocks."""
    return await site.listing(request, partial(blocks_listing, site.reads.index))


@get(["/transactions", "/transactions.json", "/transactions.csv"])
async def transactions(request: HtmlRequest, site: Given) -> ListAnswer:
    """Answer with the list of transactions."""
    return await site.listing(request, partial(transactions_listing, site.reads.index))


@get(["/jobs", "/jobs.json", "/jobs.csv"])
async def jobs(request: HtmlRequest, site: Given) -> ListAnswer:
    """Answer with the list of jobs."""
    return await site.listing(request, partial(jobs_listing, site.reads.index))


@get(["/receipts", "/receipts.json", "/receipts.csv"])
async def receipts(request: HtmlRequest, site: Given) -> ListAnswer:
    """Answer with the list of receipts."""
    return await site.listing(request, partial(receipts_listing, site.reads.index))


@get(["/miners", "/miners.json", "/miners.csv"])
async def miners(request: HtmlRequest, site: Given) -> ListAnswer:
    """Answer with the list of miners."""
    return await site.listing(request, partial(miners_listing, site.reads.index))


@get(["/stats", "/stats.json"])
async def stats(request: HtmlRequest, site: Given) -> Response[bytes]:
    """Answer with the statistics."""
    wanted = Wanted(is_twin=request.url.path.endswith(TWIN_SUFFIX), is_measured=True)
    finality = site.reads.node.finality()
    query = dict(request.query_params.items())
    build = partial(stats_page, site.reads.index, query, finality)
    return await site.answer(request, lambda _: build(), wanted)


@get(["/stats/hours", "/stats/hours.json", "/stats/hours.csv"])
async def hours(request: HtmlRequest, site: Given) -> ListAnswer:
    """Answer with the counters of every hour."""
    return await site.listing(request, partial(hours_listing, site.reads.index))


@get(["/stats/failures", "/stats/failures.json", "/stats/failures.csv"])
async def failures(request: HtmlRequest, site: Given) -> ListAnswer:
    """Answer with why attempts and jobs ended without pay."""
    return await site.listing(request, partial(failures_listing, site.reads.index))


@get(["/market", "/market.json"])
async def market(request: HtmlRequest, site: Given) -> Response[bytes]:
    """Answer with the marketplace."""
    wanted = Wanted(is_twin=request.url.path.endswith(TWIN_SUFFIX))
    build = partial(market_page, site.reads.index, dict(request.query_params.items()))
    return await site.answer(request, lambda _: build(), wanted)


@get(["/market/offers", "/market/offers.json", "/market/offers.csv"])
async def offers(request: HtmlRequest, site: Given) -> ListAnswer:
    """Answer with the offers."""
    return await site.listing(request, partial(offers_listing, site.reads.index))


@get(["/validators", "/validators.json"])
async def validators(request: HtmlRequest, site: Given) -> Response[bytes]:
    """Answer with the validators."""
    wanted = Wanted(is_twin=request.url.path.endswith(TWIN_SUFFIX), is_measured=True)
    build = partial(validators_page, site.reads.index, await site.reads.node.validators())
    return await site.answer(request, lambda _: build(), wanted)


@get(["/validators/changes", "/validators/changes.json", "/validators/changes.csv"])
async def changes(request: HtmlRequest, site: Given) -> ListAnswer:
    """Answer with what governance changed."""
    return await site.listing(request, partial(changes_listing, site.reads.index))


@get(["/validators/ballots", "/validators/ballots.json", "/validators/ballots.csv"])
async def ballots(request: HtmlRequest, site: Given) -> ListAnswer:
    """Answer with the ballots."""
    return await site.listing(request, partial(ballots_listing, site.reads.index))


@get("/validators/ballots/{reference:str}")
async def ballot(request: HtmlRequest, reference: FromPath[str], site: Given) -> Response[bytes]:
    """Answer with a ballot."""
    bare, is_twin = split_twin(reference)
    build = partial(ballot_page, site.reads.index, bare, site.reads.node.members_of)
    return await site.answer(request, lambda _: build(), Wanted(is_twin=is_twin))


@get("/miners/{reference:str}")
async def miner(request: HtmlRequest, reference: FromPath[str], site: Given) -> Response[bytes]:
    """Answer with a miner."""
    bare, is_twin = split_twin(reference)

    def build(standing: Standing) -> Page:
        address = account_of(PageKind.MINER, bare)
        return miner_page(site.reads.index, address, standing)

    return await site.answer(request, build, Wanted(is_twin=is_twin))


@get("/accounts/{reference:str}")
async def account(request: HtmlRequest, reference: FromPath[str], site: Given) -> Response[bytes]:
    """Answer with an account."""
    bare, is_twin = split_twin(reference)
    wanted = Wanted(is_twin=is_twin)
    try:
        address = account_of(PageKind.ACCOUNT, bare)
    except Absent as absent:
        return await site.absent(request, absent, wanted=wanted)
    build = partial(account_page, site.reads.index, address, await site.reads.node.account(address))
    return await site.answer(request, lambda _: build(), wanted)


@get(
    [
        "/accounts/{reference:str}/activity",
        "/accounts/{reference:str}/activity.json",
        "/accounts/{reference:str}/activity.csv",
    ]
)
async def activity(request: HtmlRequest, reference: FromPath[str], site: Given) -> ListAnswer:
    """Answer with what concerned an account."""

    def make(_: Mapping[str, str]) -> Listing:
        return activity_listing(site.reads.index, account_of(PageKind.ACCOUNT, reference))

    return await site.listing(request, make)


@get("/blocks/{reference:str}")
async def block(request: HtmlRequest, reference: FromPath[str], site: Given) -> Response[bytes]:
    """Answer with a block."""
    bare, is_twin = split_twin(reference)
    reads = site.reads

    def build(standing: Standing) -> Page:
        shown = Slice(_first(request, "transactions"), _first(request, "outcomes"))
        return block_page(reads.index, standing, bare, shown, reads.node.members_of)

    return await site.answer(request, build, Wanted(is_twin=is_twin))


@get("/transactions/{reference:str}")
async def transaction(
    request: HtmlRequest, reference: FromPath[str], site: Given
) -> Response[bytes]:
    """Answer with a transaction."""
    bare, is_twin = split_twin(reference)
    build = partial(transaction_page, site.reads.index, bare)
    return await site.answer(request, lambda _: build(), Wanted(is_twin=is_twin))


@get("/receipts/{reference:str}")
async def receipt(request: HtmlRequest, reference: FromPath[str], site: Given) -> Response[bytes]:
    """Answer with a receipt."""
    bare, is_twin = split_twin(reference)
    build = partial(receipt_page, site.reads.index, bare)
    return await site.answer(request, lambda _: build(), Wanted(is_twin=is_twin))


@get("/jobs/{reference:str}")
async def job(request: HtmlRequest, reference: FromPath[str], site: Given) -> Response[bytes]:
    """Answer with a job."""
    bare, is_twin = split_twin(reference)
    wanted = Wanted(is_twin=is_twin)
    try:
        job_id = job_id_of(bare)
    except Absent as absent:
        return await site.absent(request, absent, wanted=wanted)
    live = await site.reads.node.live_job(job_id)
    build = partial(job_page, site.reads.index, job_id, live)
    return await site.answer(request, lambda _: build(), wanted)


@get("/search")
async def search(request: HtmlRequest, site: Given) -> Response[bytes]:
    """Answer with what a search found."""
    text = request.query_params.get("q", "")
    underway = await underway_hit(site.reads.node, text)

    def build(_: Standing) -> Page | Moved:
        return search_page(site.reads.index, text, underway)

    return await site.answer(request, build, Wanted(query=text[:200]))


@get("/search.json")
async def search_as_json(request: HtmlRequest, site: Given) -> Response[bytes]:
    """Answer with what a search found, as JSON."""
    text = request.query_params.get("q", "")
    build = partial(search_twin, site.reads.index, text, await underway_hit(site.reads.node, text))
    return await site.answer(request, lambda _: build(), Wanted(is_twin=True))


@get("/fragments/suggestions")
async def suggested(request: HtmlRequest, site: Given) -> Response[bytes]:
    """Answer with what a search would find, for the box of an open page."""
    text = request.query_params.get("q", "")
    build = partial(suggestions, site.reads.index, text, await underway_hit(site.reads.node, text))
    return await site.answer(request, lambda _: build(), Wanted(is_part=True))


@get("/styleguide")
async def styleguide(request: HtmlRequest, site: Given) -> Response[bytes]:
    """Answer with every component in every state."""
    return await site.answer(request, lambda _: styleguide_page())


@get("/static/{name:str}")
async def static(request: HtmlRequest, name: FromPath[str], site: Given) -> Response[bytes]:
    """Answer with a static file."""
    asset = site.assets.find(name)
    if asset is None:
        no_page = Absent(None, request.url.path, absence=Absence.NO_PAGE)
        return await site.absent(request, no_page)
    is_packed = takes_gzip(request)
    headers = {
        **SECURITY_HEADERS,
        "Cache-Control": KEEP_A_DAY,
        "ETag": f'"{asset.digest}-gzip"' if is_packed else f'"{asset.digest}"',
        "Vary": "Accept-Encoding",
    }
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(b"", status_code=304, headers=headers)
    if is_packed:
        headers["Content-Encoding"] = "gzip"
    content = asset.packed if is_packed else asset.content
    return Response(content, media_type=asset.media_type, headers=headers)


@dataclass(frozen=True, slots=True)
class Explorer:
    """The explorer, to be made a part of an application."""

    handlers: list[Router]
    """Its routes, to be mounted at the root of a site."""
    error_page: ErrorPage
    """Answers a person whose address leads nowhere."""


def build_explorer(reads: ExplorerReads) -> Explorer:
    """Return the explorer.

    Args:
        reads: the index, and the node's answers.
    """
    site = Site(reads)
    return Explorer(_handlers(site), error_page(site))


def _handlers(site: Site) -> list[Router]:
    renderer = Renderer(site.assets)
    hub = LiveHub(NewsDesk(site.reads, renderer))
    saved = saved_verifier(site.assets, renderer)
    return [
        Router(
            path="/",
            route_handlers=[
                home,
                strip,
                blocks,
                transactions,
                receipts,
                jobs,
                miners,
                block,
                transaction,
                receipt,
                job,
                market,
                offers,
                validators,
                changes,
                ballots,
                ballot,
                stats,
                hours,
                failures,
                miner,
                account,
                activity,
                search,
                search_as_json,
                suggested,
                live,
                verify,
                offline,
                styleguide,
                static,
            ],
            dependencies={
                "site": Provide(lambda: site, sync_to_thread=False),
                "hub": Provide(lambda: hub, sync_to_thread=False),
                "saved": Provide(lambda: saved, sync_to_thread=False),
            },
        )
    ]


def _first(request: HtmlRequest, name: str) -> int:
    """Return where a block's list begins.

    Raises:
        Absent: not an index.
    """
    text = request.query_params.get(name, "0")
    first = parse_height(text)
    if first is None:
        wanted = f"`{name}` is an index: digits, such as 50"
        raise Absent(PageKind.BLOCK, text, absence=Absence.MALFORMED, detail=wanted)
    return first
