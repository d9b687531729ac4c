"""Routes of the operator."""

from typing import Final

from litestar import Response, get, put
from litestar.params import FromPath
from msgspec import UnsetType
from msgspec.structs import asdict

from coordinator.admin.schemas import Invariants, KeyLimits, invariants_view
from coordinator.clients import Scope
from coordinator.errors import NotFound
from coordinator.http import Answer, HttpRequest, Operation, answer, declared, same
from coordinator.http.bodies import read_object, typed
from coordinator.http.context import Given

INVARIANTS: Final = Operation(
    summary="Check the invariants",
    tag="Operation",
    access=frozenset({Scope.ADMIN}),
    description="Compares the coordinator's tables with the chain: escrows with open jobs, ends "
    "with releases, leases with running jobs, and the lines of accounts with their balances.",
    answers={200: Answer("What was found", same(Invariants))},
)


LIMITS: Final = Operation(
    summary="Set the limits of a key",
    tag="Operation",
    access=frozenset({Scope.ADMIN}),
    description="In place of those that it had; `{}` gives it the node's again. They count from "
    "the next request on.",
    body=same(KeyLimits),
    answers={200: Answer("Limits of the key", same(KeyLimits))},
    errors=(NotFound,),
)


@get("/v1/admin/invariants", opt=declared(INVARIANTS))
async def get_invariants(request: HttpRequest, context: Given) -> Response[bytes]:
    """Check what must hold."""
    report = await context.services.invariants()
    return answer(request, invariants_view(report), as_of_height=report.as_of_height)


@put("/v1/admin/keys/{key_id:str}/limits", opt=declared(LIMITS))
async def set_limits(
    request: HttpRequest, context: Given, key_id: FromPath[str]
) -> Response[bytes]:
    """Give a key limits of its own."""
    wanted = typed(await read_object(request), KeyLimits)
    quotas = {
        name: quota for name, quota in asdict(wanted).items() if not isinstance(quota, UnsetType)
    }
    if not await context.services.clients.set_quotas(key_id, quotas):
        raise NotFound("Key not found")
    return answer(request, wanted)


HANDLERS: Final = (get_invariants, set_limits)
"""The routes of this slice."""
