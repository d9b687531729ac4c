"""Routes of proofs: bundles that a reader checks without trusting this node (docs/proofs.md).

The bundles are made in threads, a few at a time: each reads a block, and many at once would keep
the chain's own reads waiting.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from litestar import Response, Router, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, SkipValidation

from coordinator.errors import ReceiptNotFound
from coordinator.http import (
    PUBLIC,
    Answer,
    HttpRequest,
    Operation,
    Parameter,
    declared,
    exchange_of,
    same,
)
from coordinator.http.faults import FieldInvalid
from coordinator.http.query import number_parameter
from coordinator.ports import TransactionStatus
from ledger.errors import AddressInvalid
from ledger.hashing import sha256
from ledger.keys import parse_address
from ledger.proofs import (
    AccountBundle,
    OutcomeBundle,
    ReceiptBundle,
    TransactionBundle,
    ValidatorsBundle,
    account_part,
)
from ledger.types import Epoch, Hash, Height
from ledger.views import ChainView
from node.chain import ChainNode
from node.http.chain_api import TransactionNotFound
from node.proofs import (
    EpochNotFound,
    OutcomeNotFound,
    ProofNotYet,
    ProofPruned,
    ProofTooLong,
    Prover,
)

TAG: Final = "Proofs"

CONCURRENT: Final = 4
"""Bundles that are made at once; further requests wait their turn."""

A_DAY: Final = "public, max-age=86400"
"""For bundles about an id: it is a digest under the chain's tag, so what they prove never changes.
A bundle may be of another form after an upgrade, hence no more than a day."""

ASK_AGAIN: Final = "public, no-cache"
"""For bundles about the newest final block, and for those about a height or an epoch: another chain
at the same address has other ones there. Whoever has the bundle is answered 304."""

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_ID: Final = re.compile(r"(?:tx_|job_|receipt_)?([0-9a-f]{64})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Made:
    """A bundle on its way to a reader."""

    data: bytes
    """The document, up to 16 MiB."""
    etag: str
    """Names it."""


@dataclass(frozen=True, slots=True)
class ProofApi:
    """What the routes stand on."""

    chain: ChainNode
    """The final state, and where transactions are."""
    prover: Prover
    """Makes bundles."""
    turns: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CONCURRENT))
    """Who makes one."""

    async def made(self, make: Callable[[], bytes]) -> Made:
        """Return a bundle that a thread makes.

        A thread cannot be stopped. So the turn of a request that goes away ends with its thread:
        else callers that give up could have any number of bundles made at once.
        """
        await self.turns.acquire()
        making = asyncio.create_task(asyncio.to_thread(_made, make))
        making.add_done_callback(lambda _: self.turns.release())
        return await asyncio.shield(making)

    async def height_of(self, transaction_id: Hash) -> Height:
        """Return the height of a final transaction.

        Raises:
            ProofNotYet: it is known, and not final.
            TransactionNotFound: it is not known here.
        """
        found = await self.chain.locate(transaction_id)
        if found.height is not None:
            return found.height
        if found.status is TransactionStatus.UNKNOWN:
            raise TransactionNotFound
        raise ProofNotYet(
            f"The transaction is {found.status.value}; a proof exists once it is final"
        )

    def newest(self) -> ChainView:
        """Return the newest final block.

        Raises:
            ProofNotYet: it is the genesis block, which nobody signed.
        """
        final = self.chain.tree.final_view
        if final.header.height == 0:
            raise ProofNotYet("No block after the genesis is final yet")
        return final


Api: TypeAlias = NamedDependency[SkipValidation[ProofApi]]
"""Type of the parameter `proof_api` of a handler."""

_SINCE: Final = Parameter(
    "since",
    "An epoch whose validator set the reader has verified: the chain of sets may start there.",
    {"type": "integer", "minimum": 0, "default": 0},
)


_PRUNED: Final = (ProofNotYet, ProofPruned, ProofTooLong)

_TRUSTLESS: Final = (
    "One JSON document that is checked offline, from the genesis digest on: `docs/proofs.md`. "
)

RECEIPT: Final = Operation(
    summary="Proof of a receipt",
    tag=TAG,
    access=PUBLIC,
    description=_TRUSTLESS + "The id with or without a prefix. Never changes once it exists.",
    parameters=(_SINCE,),
    answers={200: Answer("The bundle", same(ReceiptBundle))},
    errors=(ReceiptNotFound, *_PRUNED),
)
TRANSACTION: Final = Operation(
    summary="Proof of a transaction",
    tag=TAG,
    access=PUBLIC,
    description=_TRUSTLESS + "The id with or without a prefix. Never changes once it exists.",
    parameters=(_SINCE,),
    answers={200: Answer("The bundle", same(TransactionBundle))},
    errors=(TransactionNotFound, *_PRUNED),
)
OUTCOME: Final = Operation(
    summary="Proof of what a block did",
    tag=TAG,
    access=PUBLIC,
    description=_TRUSTLESS + "To be asked for again: a height is not bound to one chain.",
    parameters=(_SINCE,),
    answers={200: Answer("The bundle", same(OutcomeBundle))},
    errors=(OutcomeNotFound, *_PRUNED),
)
ACCOUNT: Final = Operation(
    summary="Proof of a balance, or of its absence",
    tag=TAG,
    access=PUBLIC,
    description=_TRUSTLESS + "It is of the state after the newest final block.",
    parameters=(_SINCE,),
    answers={200: Answer("The bundle", same(AccountBundle))},
    errors=_PRUNED,
)
VALIDATORS: Final = Operation(
    summary="Proof of a validator set",
    tag=TAG,
    access=PUBLIC,
    description=_TRUSTLESS + "By the newest final block, or by the last block of a past epoch.",
    parameters=(
        _SINCE,
        Parameter("epoch", "A past epoch.", {"type": "integer", "minimum": 0}),
    ),
    answers={200: Answer("The bundle", same(ValidatorsBundle))},
    errors=(EpochNotFound, *_PRUNED),
)


@get("/v1/proofs/receipt/{receipt_id:str}", opt=declared(RECEIPT))
async def proof_of_receipt(
    request: HttpRequest, receipt_id: FromPath[str], proof_api: Api
) -> Response[bytes]:
    """Answer with the proof of a receipt."""
    match, since = _ID.fullmatch(receipt_id), _since(request)
    if match is None:
        raise ReceiptNotFound
    identity = bytes.fromhex(match[1])
    try:
        height = await proof_api.height_of(identity)
    except TransactionNotFound:
        raise ReceiptNotFound from None
    prover = proof_api.prover
    made = await proof_api.made(
        lambda: prover.transaction(height, identity, since, as_receipt=True)
    )
    return _answer(request, proof_api, made, A_DAY)


@get("/v1/proofs/transaction/{transaction_id:str}", opt=declared(TRANSACTION))
async def proof_of_transaction(
    request: HttpRequest, transaction_id: FromPath[str], proof_api: Api
) -> Response[bytes]:
    """Answer with the proof of a transaction."""
    match, since = _ID.fullmatch(transaction_id), _since(request)
    if match is None:
        raise TransactionNotFound
    identity = bytes.fromhex(match[1])
    height = await proof_api.height_of(identity)
    prover = proof_api.prover
    made = await proof_api.made(lambda: prover.transaction(height, identity, since))
    return _answer(request, proof_api, made, A_DAY)


@get("/v1/proofs/outcome/{height:str}/{index:str}", opt=declared(OUTCOME))
async def proof_of_outcome(
    request: HttpRequest, height: FromPath[str], index: FromPath[str], proof_api: Api
) -> Response[bytes]:
    """Answer with the proof of an outcome."""
    since = _since(request)
    if not _NUMBER.fullmatch(height) or not _NUMBER.fullmatch(index):
        raise OutcomeNotFound
    at, prover = int(height), proof_api.prover
    # Block 0 did nothing, and what is above the head is not final for anybody yet (K1).
    if not 0 < at <= proof_api.chain.head().height:
        raise OutcomeNotFound(f"No final block of height {at}")
    made = await proof_api.made(lambda: prover.outcome(at, int(index), since))
    return _answer(request, proof_api, made, ASK_AGAIN)


@get("/v1/proofs/account/{address:str}", opt=declared(ACCOUNT))
async def proof_of_account(
    request: HttpRequest, address: FromPath[str], proof_api: Api
) -> Response[bytes]:
    """Answer with the proof of an account."""
    since = _since(request)
    try:
        parsed = parse_address(address)
    except AddressInvalid as error:
        raise FieldInvalid("address", str(error)) from None
    final, prover = proof_api.newest(), proof_api.prover
    # The state moves on the event loop, so what it says is taken here: a bucket and a path.
    account, header = account_part(final.state, parsed), final.header
    made = await proof_api.made(lambda: prover.account(account, header.height, header.epoch, since))
    return _answer(request, proof_api, made, ASK_AGAIN, as_of_height=header.height)


@get("/v1/proofs/validators", opt=declared(VALIDATORS))
async def proof_of_validators(request: HttpRequest, proof_api: Api) -> Response[bytes]:
    """Answer with the proof of a validator set."""
    since, header, prover = _since(request), proof_api.newest().header, proof_api.prover
    epoch = number_parameter(request, "epoch", default=header.epoch, least=0, most=None)
    if epoch > header.epoch:
        raise EpochNotFound
    if epoch < header.epoch:
        made = await proof_api.made(lambda: prover.validators(prover.end_of(epoch), epoch, since))
        return _answer(request, proof_api, made, ASK_AGAIN)
    made = await proof_api.made(lambda: prover.validators(header.height, epoch, since))
    return _answer(request, proof_api, made, ASK_AGAIN, as_of_height=header.height)


def proof_handlers(chain: ChainNode, prover: Prover) -> list[Router]:
    """Return the routes of proofs.

    Args:
        chain: the final state.
        prover: makes bundles.
    """
    api = ProofApi(chain, prover)
    return [
        Router(
            path="/",
            route_handlers=[
                proof_of_receipt,
                proof_of_transaction,
                proof_of_outcome,
                proof_of_account,
                proof_of_validators,
            ],
            dependencies={"proof_api": Provide(lambda: api, sync_to_thread=False)},
        )
    ]


def _made(make: Callable[[], bytes]) -> Made:
    data = make()
    return Made(data, f'"{sha256(data).hex()[:32]}"')


def _since(request: HttpRequest) -> Epoch:
    return number_parameter(request, "since", default=0, least=0, most=None)


def _answer(
    request: HttpRequest,
    api: ProofApi,
    made: Made,
    kept: str,
    *,
    as_of_height: Height | None = None,
) -> Response[bytes]:
    """Return a bundle, or that the reader has it already."""
    height = api.chain.head().height if as_of_height is None else as_of_height
    exchange_of(request).as_of_height = height
    headers = {"etag": made.etag, "cache-control": kept}
    if made.etag in _known(request):
        return Response(b"", status_code=304, headers=headers)
    return Response(made.data, media_type="application/json", headers=headers)


def _known(request: HttpRequest) -> list[str]:
    return [each.strip() for each in request.headers.get("if-none-match", "").split(",")]
