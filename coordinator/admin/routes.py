"""Routes of the operator."""

from typing import Final

from litestar import Response, get

from coordinator.admin.schemas import Invariants, invariants_view
from coordinator.clients import Scope
from coordinator.http import Answer, HttpRequest, Operation, answer, declared, same
from coordinator.http.context import Given

INVARIANTS: Final = Operation(
    summary="Check the invariants",
    tag="Operation",
    access=frozenset({Scope.ADMIN}),
    description="Compares the coordinator's tables with the chain: escrows with open jobs, ends "
    "with releases, leases with running jobs, and the lines of accounts with their balances.",
    answers={200: Answer("What was found", same(Invariants))},
)


@get("/v1/admin/invariants", opt=declared(INVARIANTS))
async def get_invariants(request: HttpRequest, context: Given) -> Response[bytes]:
    """Check what must hold."""
    report = await context.services.invariants()
    return answer(request, invariants_view(report), as_of_height=report.as_of_height)


HANDLERS: Final = (get_invariants,)
"""The routes of this slice."""
