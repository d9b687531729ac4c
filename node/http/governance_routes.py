"""Routes of governance: public reads of validators, ballots, and what they changed.

Open ballots and the set come from the final state (K1), closed ballots and the list of changes from
the index, which may lag a little.
"""

import asyncio
import re
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias

from litestar import Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, SkipValidation
from msgspec import UNSET, UnsetType

from coordinator.errors import NotFound
from coordinator.http import (
    PUBLIC,
    Answer,
    HttpRequest,
    Operation,
    Parameter,
    answer,
    declared,
    same,
)
from coordinator.http.faults import FieldInvalid
from coordinator.http.query import number_parameter, text_parameter
from ledger import find_ballot
from ledger.governance_rejections import BallotClosed
from ledger.store import BallotRow, BallotStatus, IndexReader, OutcomeRow, Position
from ledger.types import Hash, Height
from node.chain import ChainNode
from node.http.governance_views import (
    BallotsView,
    BallotView,
    ChangesView,
    ValidatorsView,
    change_view,
    closed_ballot_view,
    open_ballot_view,
    open_ballot_views,
    validators_view,
)

TAG: Final = "Governance"
PAGE_DEFAULT: Final = 25
PAGE_MAX: Final = 100
VOTES_MAX: Final = 1_000
"""Outcomes of a closed ballot that are read; each authority votes twice at most."""

INDEX_PATIENCE_S: Final = 2.0
"""How long an answer about a closed ballot waits for the index."""

_ID: Final = re.compile(r"(?:tx_)?([0-9a-f]{64})", re.ASCII)
_BEFORE: Final = re.compile(r"([0-9]{1,15})-([0-9]{1,9})", re.ASCII)


class BallotNotFound(NotFound):
    """No ballot of this id, open or closed."""

    code = "BALLOT_NOT_FOUND"
    text = "Ballot not found"


class IndexProgress(Protocol):
    """How far the index is; `node.index_process.IndexProcess` is one."""

    async def wait_for(self, height: Height, timeout_s: float) -> bool:
        """Wait until a height is indexed; return whether it is."""


@dataclass(frozen=True, slots=True)
class Governance:
    """What the routes stand on."""

    chain: ChainNode
    """The final state."""
    index: IndexReader
    """Closed ballots and changes."""
    progress: IndexProgress
    """Says when the index has reached a block."""

    async def ballot(self, ballot_id: Hash) -> BallotView:
        """Return a ballot, open or closed.

        Raises:
            BallotNotFound: there is none.
        """
        state = self.chain.tree.final_view.state
        try:
            return open_ballot_view(state, ballot_id, find_ballot(state, ballot_id))
        except BallotClosed:
            row, told = await self._closed(ballot_id)
        if row is None:
            raise BallotNotFound
        return closed_ballot_view(row, told)

    async def _closed(self, ballot_id: Hash) -> tuple[BallotRow | None, list[OutcomeRow]]:
        """Return what the index knows of a ballot that is open no more.

        Whoever has cast the vote that closed it asks at once: the index is given a moment to reach
        that block, or it would call the ballot open.
        """
        head = self.chain.head().height
        row, told = await asyncio.to_thread(self._indexed, ballot_id)
        if row is not None and row.status is not BallotStatus.OPEN:
            return row, told
        await self.progress.wait_for(head, INDEX_PATIENCE_S)
        return await asyncio.to_thread(self._indexed, ballot_id)

    def _indexed(self, ballot_id: Hash) -> tuple[BallotRow | None, list[OutcomeRow]]:
        row = self.index.ballot(ballot_id)
        if row is None:
            return None, []
        return row, self.index.outcomes(limit=VOTES_MAX, object_id=ballot_id)


Base: TypeAlias = NamedDependency[SkipValidation[Governance]]
"""Type of the parameter `governance` of a handler."""

_PAGE: Final = (
    Parameter("limit", "Entries of a page.", {"type": "integer", "default": PAGE_DEFAULT}),
    Parameter("before", "`next` of the page before.", {"type": "string"}),
)

VALIDATORS: Final = Operation(
    summary="The validators, and what waits for the epoch's end",
    tag=TAG,
    access=PUBLIC,
    answers={200: Answer("The validators", same(ValidatorsView))},
)
BALLOTS: Final = Operation(
    summary="Ballots of the authorities",
    tag=TAG,
    access=PUBLIC,
    parameters=(
        Parameter(
            "status",
            "Which ones.",
            {"type": "string", "enum": ["open", "passed", "expired"], "default": "open"},
        ),
        *_PAGE,
    ),
    answers={200: Answer("A page of ballots", same(BallotsView))},
)
BALLOT: Final = Operation(
    summary="A ballot with its votes",
    tag=TAG,
    access=PUBLIC,
    answers={200: Answer("The ballot", same(BallotView))},
    errors=(BallotNotFound,),
)
CHANGES: Final = Operation(
    summary="What ballots, evidence and epochs' ends changed",
    tag=TAG,
    access=PUBLIC,
    parameters=_PAGE,
    answers={200: Answer("A page of changes", same(ChangesView))},
)


@get("/v1/chain/validators", opt=declared(VALIDATORS))
async def chain_validators(request: HttpRequest, governance: Base) -> Response[bytes]:
    """Answer with the validators."""
    view = validators_view(governance.chain.tree.final_view)
    return answer(request, view, as_of_height=view.as_of_height)


@get("/v1/chain/ballots", opt=declared(BALLOTS))
async def chain_ballots(request: HttpRequest, governance: Base) -> Response[bytes]:
    """Answer with ballots of one status."""
    status, limit, before = _status(request), _limit(request), _before(request)
    final = governance.chain.tree.final_view
    height = final.header.height
    if status is BallotStatus.OPEN:
        # At most 16 for each authority: all of them are one page (T11).
        return answer(
            request,
            BallotsView(as_of_height=height, ballots=open_ballot_views(final.state)),
            as_of_height=height,
        )
    rows = await asyncio.to_thread(governance.index.ballots, before, limit, status=status)
    view = BallotsView(
        as_of_height=height,
        ballots=[closed_ballot_view(row) for row in rows],
        next=_next([row.position for row in rows], limit),
    )
    return answer(request, view, as_of_height=height)


@get("/v1/chain/ballots/{ballot_id:str}", opt=declared(BALLOT))
async def chain_ballot(
    request: HttpRequest, ballot_id: FromPath[str], governance: Base
) -> Response[bytes]:
    """Answer with a ballot."""
    match = _ID.fullmatch(ballot_id)
    if match is None:
        raise BallotNotFound
    height = governance.chain.head().height
    view = await governance.ballot(bytes.fromhex(match[1]))
    return answer(request, view, as_of_height=height)


@get("/v1/chain/governance/changes", opt=declared(CHANGES))
async def chain_changes(request: HttpRequest, governance: Base) -> Response[bytes]:
    """Answer with what governance changed."""
    limit, before = _limit(request), _before(request)
    rows = await asyncio.to_thread(governance.index.governance_changes, before, limit)
    positions = [Position(row.height, row.index) for row in rows]
    view = ChangesView(changes=[change_view(row) for row in rows], next=_next(positions, limit))
    return answer(request, view, as_of_height=governance.chain.head().height)


def governance_handlers(
    chain: ChainNode, index: IndexReader, progress: IndexProgress
) -> list[Router]:
    """Return the routes of governance.

    Args:
        chain: the final state.
        index: closed ballots and changes.
        progress: says when the index has reached a block.
    """
    base = Governance(chain, index, progress)
    return [
        Router(
            path="/",
            route_handlers=[chain_validators, chain_ballots, chain_ballot, chain_changes],
            dependencies={"governance": Provide(lambda: base, sync_to_thread=False)},
        )
    ]


def _status(request: HttpRequest) -> BallotStatus:
    text = text_parameter(request, "status") or "open"
    if text not in {status.value.lower() for status in BallotStatus}:
        raise FieldInvalid("status", "must be `open`, `passed` or `expired`")
    return BallotStatus(text.upper())


def _limit(request: HttpRequest) -> int:
    return number_parameter(request, "limit", default=PAGE_DEFAULT, least=1, most=PAGE_MAX)


def _before(request: HttpRequest) -> tuple[int, int] | None:
    text = text_parameter(request, "before")
    if text is None:
        return None
    match = _BEFORE.fullmatch(text)
    if match is None:
        raise FieldInvalid("before", "must be `next` of the page before")
    return int(match[1]), int(match[2])


def _next(positions: list[Position], limit: int) -> str | UnsetType:
    """Return the value of `before` for the next page; nothing when this one is not full."""
    if len(positions) < limit:
        return UNSET
    return f"{positions[-1].height}-{positions[-1].entry}"
