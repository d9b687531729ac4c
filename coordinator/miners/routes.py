"""Routes of miners: challenge, registration, reading."""

from collections.abc import Mapping
from typing import Final, cast

from litestar import Response, get, post
from litestar.params import FromPath

from coordinator.errors import (
    ChallengeInvalid,
    MinerAlreadyRegistered,
    MinerNameInvalid,
    MinerNotFound,
    SponsorshipExhausted,
    TransactionInvalid,
    Unavailable,
)
from coordinator.http import (
    PUBLIC,
    Answer,
    HttpRequest,
    Operation,
    Parameter,
    answer,
    declared,
    exchange_of,
    location,
    same,
)
from coordinator.http.bodies import plain_object, read_object, typed
from coordinator.http.context import Given
from coordinator.http.faults import FieldInvalid
from coordinator.http.money import MoneyInvalid, parse_amount
from coordinator.http.operation import MINER
from coordinator.http.paging import cursor_parameter, encode_cursor, next_link
from coordinator.http.query import CURSOR, limit_declaration, number_parameter, text_parameter
from coordinator.miners.model import MinerRegistration, OwnKey
from coordinator.miners.schemas import (
    ChallengeView,
    Miner,
    MinerList,
    OwnKeyProof,
    RegisteredMiner,
    challenge_view,
    miner_view,
    registered_view,
)
from coordinator.miners.schemas import MinerRegistration as RegistrationBody

_PUBLIC_KEY_DIGITS: Final = 64

_LIST: Final = "miners"
"""What its cursors belong to."""

_LIST_DEFAULT: Final = 100

CHALLENGE: Final = Operation(
    summary="Get a challenge to sign",
    tag="Miners",
    access=MINER,
    description="What a miner with its own key needs to prove that it holds it, and to register.",
    parameters=(
        Parameter(
            "public_key",
            "The miner's Ed25519 public key, hex.",
            {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            is_required=True,
        ),
    ),
    answers={200: Answer("Challenge", same(ChallengeView))},
)

REGISTER: Final = Operation(
    summary="Register a miner",
    tag="Miners",
    access=MINER,
    documents=frozenset({"2026-01-24"}),
    description="Answers when the registration is final. The same owner again changes what the "
    "miner declares.",
    body=same(RegistrationBody),
    answers={201: Answer("Miner registered", same(RegisteredMiner))},
    errors=(
        MinerNameInvalid,
        MinerAlreadyRegistered,
        ChallengeInvalid,
        TransactionInvalid,
        SponsorshipExhausted,
        Unavailable,
    ),
)

LIST: Final = Operation(
    summary="List miners",
    tag="Miners",
    access=PUBLIC,
    parameters=(limit_declaration(_LIST_DEFAULT, _LIST_DEFAULT), CURSOR),
    answers={200: Answer("Registered miners, newest first", same(MinerList))},
)

GET: Final = Operation(
    summary="Get a miner",
    tag="Miners",
    access=PUBLIC,
    answers={200: Answer("Miner", same(Miner))},
    errors=(MinerNotFound,),
)


@get("/v1/miners/challenge", opt=declared(CHALLENGE))
async def get_challenge(request: HttpRequest, context: Given) -> Response[bytes]:
    """Return what a miner with its own key has to sign."""
    text = text_parameter(request, "public_key")
    if text is None or len(text) != _PUBLIC_KEY_DIGITS or not _is_hex(text):
        raise FieldInvalid("public_key", f"must be {_PUBLIC_KEY_DIGITS} hex digits")
    challenge = await context.services.miners.challenge(bytes.fromhex(text))
    return answer(request, challenge_view(challenge))


@post("/v1/miners/register", opt=declared(REGISTER))
async def register_miner(request: HttpRequest, context: Given) -> Response[bytes]:
    """Register a miner or change what it declares."""
    registration = registration_of(await read_object(request))
    miner = await context.services.miners.register(exchange_of(request).caller, registration)
    return answer(
        request,
        registered_view(miner),
        status=201,
        headers=location(request, f"/v1/miners/{miner.name}"),
    )


@get("/v1/miners", opt=declared(LIST))
async def list_miners(request: HttpRequest, context: Given) -> Response[bytes]:
    """List miners."""
    limit = number_parameter(request, "limit", default=_LIST_DEFAULT, least=1, most=_LIST_DEFAULT)
    position = cursor_parameter(request, _LIST, [int, str])
    before = None if position is None else (int(position[0]), str(position[1]))
    miners, last = await context.services.miners.list(limit=limit, before=before)
    return answer(
        request,
        MinerList(miners=[miner_view(miner) for miner in miners]),
        headers=next_link(request, None if last is None else encode_cursor(_LIST, last)),
    )


@get("/v1/miners/{miner_id:str}", opt=declared(GET))
async def get_miner(
    request: HttpRequest, context: Given, miner_id: FromPath[str]
) -> Response[bytes]:
    """Return a miner."""
    return answer(request, miner_view(await context.services.miners.get(miner_id)))


def registration_of(body: Mapping[str, object]) -> MinerRegistration:
    """Return what a body declares; what is digested stays as the miner wrote it.

    Raises:
        FieldInvalid: the body is no registration.
    """
    declared_body = typed(body, RegistrationBody)
    price = declared_body.price
    gpu_info = cast("Mapping[str, object] | None", body.get("gpu_info"))
    python = cast("Mapping[str, object] | None", body.get("python"))
    return MinerRegistration(
        name=declared_body.miner_id,
        capabilities=tuple(declared_body.capabilities),
        gpu_info=None if gpu_info is None else plain_object(gpu_info, "/gpu_info"),
        aliases=dict(declared_body.aliases),
        price=None if price is None else _price_of(price),
        price_text=None if price is None else str(price),
        python=None if python is None else plain_object(python, "/python"),
        own_key=None if declared_body.own_key is None else _own_key_of(declared_body.own_key),
    )


def _price_of(price: object) -> int:
    try:
        return parse_amount(price)
    except MoneyInvalid as error:
        raise FieldInvalid("/price", str(error)) from None


def _own_key_of(proof: OwnKeyProof) -> OwnKey:
    return OwnKey(
        public_key=bytes.fromhex(proof.public_key),
        nonce=bytes.fromhex(proof.nonce),
        expires_at_ms=proof.expires_at_ms,
        signature=bytes.fromhex(proof.signature),
        transaction=bytes.fromhex(proof.transaction),
    )


def _is_hex(text: str) -> bool:
    return frozenset("0123456789abcdefABCDEF").issuperset(text)


HANDLERS: Final = (get_challenge, register_miner, list_miners, get_miner)
"""The routes of this slice."""
