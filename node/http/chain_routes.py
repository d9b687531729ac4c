"""Routes of the chain: public reads, and submission of signed transactions.

They belong to no reference document, so they are the same in every version.
"""

import re
from typing import Final, TypeAlias

import msgspec
from litestar import Response, Router, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, SkipValidation

from coordinator.http import (
    PUBLIC,
    Answer,
    HttpRequest,
    Operation,
    Parameter,
    answer,
    declared,
    exchange_of,
    remote_of,
    same,
)
from coordinator.http.faults import FieldInvalid
from coordinator.http.query import text_parameter
from coordinator.ports import SubmitOutcome
from ledger.block import Block
from ledger.codec import encode
from ledger.errors import AddressInvalid
from ledger.keys import parse_address
from ledger.types import Hash
from node.http.body_room import SubmissionsFull
from node.http.chain_api import WAIT_SECONDS, BlockNotFound, ChainApi, TransactionNotFound
from node.http.chain_bodies import MESSAGEPACK, SubmitBody, read_submission
from node.http.chain_views import (
    AccountView,
    BlockView,
    ChainStatusView,
    HeaderView,
    ParametersView,
    SubmittedBatchView,
    SubmittedView,
    TransactionView,
    block_view,
    header_view,
)

Api: TypeAlias = NamedDependency[SkipValidation[ChainApi]]
"""Type of the parameter `chain_api` of a handler."""

TAG: Final = "Chain"

_HEIGHT: Final = re.compile(r"(?:0|[1-9][0-9]{0,17})", re.ASCII)
_ID: Final = re.compile(r"(?:tx_|job_|receipt_)?([0-9a-f]{64})", re.ASCII)


def _reads(summary: str, view: type[msgspec.Struct], description: str = "") -> Operation:
    return Operation(
        summary=summary,
        tag=TAG,
        access=PUBLIC,
        description=description,
        answers={200: Answer(summary, same(view))},
    )


STATUS: Final = _reads("Where the node stands", ChainStatusView)
PARAMETERS: Final = _reads("Parameters in force", ParametersView)
HEAD: Final = _reads("Header of the newest final block", HeaderView)
ACCOUNT: Final = _reads("Balance of an account", AccountView)
BLOCK: Final = Operation(
    summary="A final block by height or id",
    tag=TAG,
    access=PUBLIC,
    answers={200: Answer("The block", same(BlockView))},
    errors=(BlockNotFound,),
)
BLOCK_BYTES: Final = Operation(
    summary="The canonical bytes of a final block",
    tag=TAG,
    access=PUBLIC,
    description="The block's id is the tagged hash of the header in it.",
    answers={200: Answer("The bytes", media_type=MESSAGEPACK)},
    errors=(BlockNotFound,),
)
TRANSACTION: Final = Operation(
    summary="Where a transaction is",
    tag=TAG,
    access=PUBLIC,
    description="The id with or without a prefix; jobs and receipts are transactions too.",
    answers={200: Answer("The transaction", same(TransactionView))},
    errors=(TransactionNotFound,),
)
SUBMIT: Final = Operation(
    # Transactions have ids: sent twice they are included once.
    takes_key=False,
    summary="Submit signed transactions",
    tag=TAG,
    access=PUBLIC,
    description="One or a batch, as JSON or as MessagePack (`bin`, or an array of them). Each "
    "gets an explicit outcome. Sending one again is harmless.",
    parameters=(
        Parameter(
            "wait",
            f"`final`: answer when each is final or dropped, after {WAIT_SECONDS} s at the latest.",
            {"type": "string", "enum": ["final"]},
        ),
    ),
    body=same(SubmitBody),
    answers={200: Answer("What became of each", same(SubmittedView | SubmittedBatchView))},
    errors=(SubmissionsFull,),
)


@get("/v1/chain/status", opt=declared(STATUS))
async def chain_status(request: HttpRequest, chain_api: Api) -> Response[bytes]:
    """Answer with where the node stands."""
    status = chain_api.status()
    return answer(request, status, as_of_height=status.height)


@get("/v1/chain/parameters", opt=declared(PARAMETERS))
async def chain_parameters(request: HttpRequest, chain_api: Api) -> Response[bytes]:
    """Answer with the parameters in force."""
    height = chain_api.chain.head().height
    named = msgspec.structs.asdict(chain_api.chain.parameters())
    view = ParametersView(as_of_height=height, parameters=named)
    return answer(request, view, as_of_height=height)


@get("/v1/chain/head", opt=declared(HEAD))
async def chain_head(request: HttpRequest, chain_api: Api) -> Response[bytes]:
    """Answer with the newest final header."""
    view = chain_api.chain.tree.final_view
    return answer(request, header_view(view), as_of_height=view.header.height)


@get("/v1/chain/blocks/{reference:str}", opt=declared(BLOCK))
async def chain_block(
    request: HttpRequest, reference: FromPath[str], chain_api: Api
) -> Response[bytes]:
    """Answer with a final block."""
    block = await chain_api.block(_block_reference(reference))
    return answer(request, block_view(block), as_of_height=chain_api.chain.head().height)


@get("/v1/chain/blocks/{reference:str}/bytes", opt=declared(BLOCK_BYTES))
async def chain_block_bytes(
    request: HttpRequest, reference: FromPath[str], chain_api: Api
) -> Response[bytes]:
    """Answer with a final block as whoever checks it hashes it."""
    block = await chain_api.block(_block_reference(reference))
    exchange_of(request).as_of_height = chain_api.chain.head().height
    return Response(encode(Block(block.header, block.transactions)), media_type=MESSAGEPACK)


@get("/v1/chain/accounts/{address:str}", opt=declared(ACCOUNT))
async def chain_account(
    request: HttpRequest, address: FromPath[str], chain_api: Api
) -> Response[bytes]:
    """Answer with an account's balance."""
    try:
        parsed = parse_address(address)
    except AddressInvalid as error:
        raise FieldInvalid("address", str(error)) from None
    account = chain_api.account(parsed)
    return answer(request, account, as_of_height=account.as_of_height)


@get("/v1/chain/transactions/{transaction_id:str}", opt=declared(TRANSACTION))
async def chain_transaction(
    request: HttpRequest, transaction_id: FromPath[str], chain_api: Api
) -> Response[bytes]:
    """Answer with where a transaction is."""
    reference = transaction_reference(transaction_id)
    height = chain_api.chain.head().height
    view = await chain_api.transaction(reference)
    return answer(request, view, as_of_height=height)


@post("/v1/chain/transactions", opt=declared(SUBMIT), status_code=200)
async def chain_submit(request: HttpRequest, chain_api: Api) -> Response[bytes]:
    """Admit transactions, and answer with an outcome for each."""
    wait = text_parameter(request, "wait")
    if wait not in {None, "final"}:
        raise FieldInvalid("wait", "must be `final`")
    outcomes, is_batch = await _admit(request, chain_api)
    views = await chain_api.answers(outcomes, wait_final=wait is not None)
    if is_batch:
        return answer(request, SubmittedBatchView(transactions=views))
    return answer(request, views[0])


async def _admit(request: HttpRequest, chain_api: ChainApi) -> tuple[list[SubmitOutcome], bool]:
    """Give what a request submits to the pool; return what it says, and whether it is a batch."""
    source = remote_of(request)
    with chain_api.room.share(source) as share:
        submission = await read_submission(request, chain_api.request_bytes_max, share)
        return await chain_api.chain.submit(submission.signed, source), submission.is_batch


def chain_handlers(api: ChainApi) -> list[Router]:
    """Return the chain's routes.

    Args:
        api: what they stand on.
    """
    return [
        Router(
            path="/",
            route_handlers=[
                chain_status,
                chain_parameters,
                chain_head,
                chain_block,
                chain_block_bytes,
                chain_account,
                chain_transaction,
                chain_submit,
            ],
            dependencies={"chain_api": Provide(lambda: api, sync_to_thread=False)},
            # A submission bounds its own body, with an error that names the bound.
            request_max_body_size=None,
        )
    ]


def transaction_reference(text: str) -> Hash:
    """Return the id that a path names.

    Raises:
        TransactionNotFound: it is no id.
    """
    match = _ID.fullmatch(text)
    if match is None:
        raise TransactionNotFound
    return bytes.fromhex(match[1])


def _block_reference(text: str) -> int | Hash:
    """Return the height or the id that a path names; what is neither names no block."""
    if _HEIGHT.fullmatch(text):
        return int(text)
    match = _ID.fullmatch(text)
    if match is None or not text.startswith(match[1]):
        raise BlockNotFound
    return bytes.fromhex(match[1])
