"""Routes of the miner protocol: find, claim, keep, give up, complete."""

from collections.abc import Mapping
from typing import Final, cast

from litestar import Response, get, post
from litestar.params import FromPath
from msgspec import UnsetType

from coordinator.errors import (
    JobAlreadyClaimed,
    JobAlreadyCompleted,
    JobNotClaimable,
    JobNotForMiner,
    JobNotFound,
    LeaseLost,
    MinerBusy,
    MinerNotFound,
    ReceiptInvalid,
    ResultMalformed,
    TransactionInvalid,
    Unavailable,
)
from coordinator.http import (
    Answer,
    HttpRequest,
    Operation,
    Parameter,
    Policy,
    answer,
    declared,
    exchange_of,
    same,
)
from coordinator.http.bodies import plain_json, plain_object, read_object, typed
from coordinator.http.context import Given
from coordinator.http.faults import FieldInvalid
from coordinator.http.operation import MINER
from coordinator.http.query import text_parameter
from coordinator.http.times import TimeInvalid, parse_time
from coordinator.http.waiting import while_connected
from coordinator.leases.errors import MinerDraining
from coordinator.leases.model import Completion, GiveUp, Output
from coordinator.leases.schemas import (
    ClaimRequest,
    GiveUpAnswer,
    GiveUpRequest,
    HeartbeatAnswer,
    HeartbeatRequest,
    JobResult,
    PollAnswer,
    PollRequest,
    SignedJobResult,
    heartbeat_answer,
    poll_answer,
)
from coordinator.presenters import presenter_of
from coordinator.values import ApiVersion
from coordinator.wire import job_text, parse_job_id
from ledger.types import TimestampMs

_DOCUMENTED: Final[frozenset[ApiVersion]] = frozenset({"2026-01-24"})

AVAILABLE: Final = Operation(
    summary="Get available jobs for miners",
    tag="Miners",
    access=MINER,
    policy=Policy.MINER,
    documents=_DOCUMENTED,
    description="One job that the miner may claim, or null. Assigns nothing.",
    parameters=(
        Parameter("miner_id", "The miner that asks.", {"type": "string"}, is_required=True),
    ),
    answers={200: Answer("Available job or null", lambda wire: wire.job, is_nullable=True)},
    errors=(MinerNotFound,),
)

POLL: Final = Operation(
    takes_key=False,
    summary="Wait for a job",
    tag="Miners",
    access=MINER,
    policy=Policy.MINER,
    description="Waits for a job that the miner may claim, and says why there is none. "
    "Assigns nothing.",
    body=same(PollRequest),
    answers={200: Answer("A job or null, with reasons", same(PollAnswer))},
    errors=(MinerNotFound,),
)

CLAIM: Final = Operation(
    takes_key=False,
    summary="Claim a job for processing",
    tag="Miners",
    access=MINER,
    policy=Policy.MINER,
    documents=_DOCUMENTED,
    description="Answers when the assignment is final, with the input. Claiming again gives the "
    "same lease.",
    body=same(ClaimRequest),
    answers={200: Answer("Job claimed", lambda wire: wire.lease)},
    errors=(
        JobNotFound,
        MinerNotFound,
        JobAlreadyClaimed,
        JobNotClaimable,
        JobNotForMiner,
        MinerBusy,
        MinerDraining,
        Unavailable,
    ),
)

HEARTBEAT: Final = Operation(
    takes_key=False,
    summary="Keep a lease",
    tag="Miners",
    access=MINER,
    policy=Policy.MINER,
    body=same(HeartbeatRequest),
    answers={200: Answer("Whether to go on", same(HeartbeatAnswer))},
    errors=(JobNotFound, MinerNotFound, LeaseLost),
)

RELEASE: Final = Operation(
    summary="Give a job back",
    tag="Miners",
    access=MINER,
    policy=Policy.MINER,
    description="Ends the attempt. The job is queued again, or fails if the reason is BAD_INPUT.",
    body=same(GiveUpRequest),
    answers={200: Answer("What became of the job", same(GiveUpAnswer))},
    errors=(JobNotFound, MinerNotFound, LeaseLost, TransactionInvalid, Unavailable),
)

COMPLETE: Final = Operation(
    takes_key=False,
    summary="Submit job result",
    tag="Miners",
    access=MINER,
    policy=Policy.MINER,
    documents=_DOCUMENTED,
    description="Answers with the receipt when that is final. The same result again gives the "
    "same answer.",
    body=same(JobResult | SignedJobResult),
    answers={200: Answer("Job completed", lambda wire: wire.receipt)},
    errors=(
        JobNotFound,
        MinerNotFound,
        LeaseLost,
        JobAlreadyCompleted,
        ReceiptInvalid,
        ResultMalformed,
        Unavailable,
    ),
)


@get("/v1/jobs/available", opt=declared(AVAILABLE))
async def available_job(request: HttpRequest, context: Given) -> Response[bytes]:
    """Return a job that the miner may claim, or null."""
    exchange = exchange_of(request)
    presenter = presenter_of(exchange.by_route())
    miner = text_parameter(request, "miner_id")
    if miner is None:
        raise FieldInvalid("miner_id", "is required", "REQUIRED")
    await _count(request, context, miner)
    job = await context.services.leases.available(exchange.caller, miner)
    return answer(request, None if job is None else presenter.job(job))


@post("/v1/miners/poll", status_code=200, opt=declared(POLL))
async def poll(request: HttpRequest, context: Given) -> Response[bytes]:
    """Wait for a job that the miner may claim."""
    wanted = typed(await read_object(request), PollRequest)
    await _count(request, context, wanted.miner_id)
    caller = exchange_of(request).caller
    polling = context.services.leases.poll(caller, wanted.miner_id, wanted.wait_s)
    # A job that is shown to a miner that went away is kept from the others for a moment.
    return answer(request, poll_answer(await while_connected(request, polling)))


@post("/v1/jobs/{job_id:str}/claim", status_code=200, opt=declared(CLAIM))
async def claim_job(request: HttpRequest, context: Given, job_id: FromPath[str]) -> Response[bytes]:
    """Assign a job to the miner."""
    exchange = exchange_of(request)
    presenter = presenter_of(exchange.by_route())
    claim = typed(await read_object(request), ClaimRequest)
    await _count(request, context, claim.miner_id)
    lease = await context.services.leases.claim(
        exchange.caller, claim.miner_id, parse_job_id(job_id), heartbeats=claim.heartbeat
    )
    return answer(request, presenter.lease(lease), as_of_height=lease.job.as_of_height)


@post("/v1/jobs/{job_id:str}/heartbeat", status_code=200, opt=declared(HEARTBEAT))
async def heartbeat(request: HttpRequest, context: Given, job_id: FromPath[str]) -> Response[bytes]:
    """Keep a lease."""
    beat = typed(await read_object(request), HeartbeatRequest)
    await _count(request, context, beat.miner_id)
    reply = await context.services.leases.heartbeat(
        exchange_of(request).caller,
        beat.miner_id,
        parse_job_id(job_id),
        beat.attempt,
        beat.progress,
    )
    return answer(request, heartbeat_answer(reply))


@post(
    ["/v1/jobs/{job_id:str}/release", "/v1/jobs/{job_id:str}/fail"],
    status_code=200,
    opt=declared(RELEASE),
)
async def release_job(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """End an attempt without a result; the reason decides what becomes of the job."""
    exchange = exchange_of(request)
    presenter = presenter_of(exchange.by_route())
    wanted = typed(await read_object(request), GiveUpRequest)
    await _count(request, context, wanted.miner_id)
    give_up = GiveUp(
        attempt=wanted.attempt,
        reason=wanted.reason,
        message=wanted.message,
        transaction=_bytes_of(wanted.transaction),
    )
    job = await context.services.leases.release(
        exchange.caller, wanted.miner_id, parse_job_id(job_id), give_up
    )
    view = GiveUpAnswer(job_id=job_text(job.job_id), status=presenter.status(job))
    return answer(request, view, as_of_height=job.as_of_height)


@post("/v1/jobs/{job_id:str}/complete", status_code=200, opt=declared(COMPLETE))
async def complete_job(
    request: HttpRequest, context: Given, job_id: FromPath[str]
) -> Response[bytes]:
    """Deliver a result."""
    exchange = exchange_of(request)
    presenter = presenter_of(exchange.by_route())
    body = await read_object(request)
    miner, completion = completion_of(body)
    await _count(request, context, miner)
    receipt = await context.services.leases.complete(
        exchange.caller, miner, parse_job_id(job_id), completion
    )
    return answer(request, presenter.receipt(receipt), as_of_height=receipt.height)


def completion_of(body: Mapping[str, object]) -> tuple[str, Completion]:
    """Return the miner and what it delivers: a literal `result`, or an `output` with a receipt.

    Raises:
        FieldInvalid: neither, both, or a member of another type.
    """
    if "output" not in body:
        literal = typed(body, JobResult)
        return literal.miner_id, Completion(
            output=Output(text=literal.result),
            attempt=literal.attempt,
            completed_ms=_completed_ms(literal.completed_at),
        )
    signed = typed(body, SignedJobResult)
    return signed.miner_id, Completion(
        output=_output_of(cast("Mapping[str, object]", body["output"])),
        attempt=signed.attempt,
        salt=_bytes_of(signed.salt),
        transaction=_bytes_of(signed.transaction),
        completed_ms=_completed_ms(signed.completed_at),
    )


def _output_of(output: Mapping[str, object]) -> Output:
    """Return an output whose types were checked, as it came: its digest is in the receipt."""
    artifacts = cast("list[object]", output.get("artifacts", []))
    metadata = cast("Mapping[str, object]", output.get("metadata", {}))
    return Output(
        text=cast("str | None", output.get("text")),
        json=plain_json(output.get("json"), "/output/json"),
        artifacts=tuple(plain_json(item, "/output/artifacts") for item in artifacts),
        metadata=plain_object(metadata, "/output/metadata"),
    )


def _completed_ms(text: str | UnsetType) -> TimestampMs | None:
    if isinstance(text, UnsetType):
        return None
    try:
        return parse_time(text)
    except TimeInvalid as error:
        raise FieldInvalid("/completed_at", str(error)) from None


def _bytes_of(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


async def _count(request: HttpRequest, context: Given, miner: str) -> None:
    """Count a call against the miner's limit (L1); only now is it known which miner calls."""
    exchange = exchange_of(request)
    subject = f"{exchange.caller.key_id}/{miner.lower()}"
    await context.admission.count(exchange, Policy.MINER, subject)


HANDLERS: Final = (
    available_job,
    poll,
    claim_job,
    heartbeat,
    release_job,
    complete_job,
)
"""The routes of this slice."""
