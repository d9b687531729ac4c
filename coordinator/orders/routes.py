"""Routes of orders: one for each service that the documents order by a route of its own."""

from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Final

from litestar import Response, post
from litestar.handlers import HTTPRouteHandler

from coordinator.http import Answer, HttpRequest, Operation, Policy, declared, exchange_of
from coordinator.http.bodies import read_object
from coordinator.http.context import Given
from coordinator.http.operation import CLIENT
from coordinator.jobs.submission import ERRORS, OFFER_ERRORS, PREFER, submit
from coordinator.orders.bodies import VERSION, body_type, order_spec
from coordinator.presenters import presenter_of
from coordinator.registry import ServiceRegistry
from coordinator.registry.definitions import DEFINITIONS

PATHS: Final[Mapping[str, str]] = {
    "whisper_transcribe": "whisper/transcribe",
    "stable_diffusion": "stable-diffusion/generate",
    "llm_inference": "llm/inference",
    "ffmpeg_transcode": "ffmpeg/transcode",
    "blender_render": "blender/render",
}
"""Path below `/v1/services/` by service."""

_NAMES: Final = {definition.service_id: definition.name for definition in DEFINITIONS}


@cache
def _schemas() -> ServiceRegistry:
    """Return the services as documents describe them; checking their schemas takes a while."""
    return ServiceRegistry()


def _handler(service: str, path: str) -> HTTPRouteHandler:
    operation = Operation(
        summary=f"Order {_NAMES[service]}",
        tag="Services",
        access=CLIENT,
        policy=Policy.SUBMIT,
        documents=frozenset({VERSION}),
        description="Makes a job of the service. The body is held against the service's schema in "
        "the registry; members that the schema does not know are passed on to the miner.",
        parameters=(PREFER,),
        body=lambda _: body_type(_schemas(), service),
        answers={201: Answer("Job created", lambda wire: wire.created)},
        errors=ERRORS + OFFER_ERRORS,
    )
    return post(f"/v1/services/{path}", opt=declared(operation))(_ordering(service))


def _ordering(
    service: str,
) -> Callable[[HttpRequest, Given], Awaitable[Response[bytes]]]:
    async def order(request: HttpRequest, context: Given) -> Response[bytes]:
        """Make a job of the service."""
        presenter = presenter_of(exchange_of(request).by_route())
        body = await read_object(request)
        spec = order_spec(context.services.registry, service, body)
        return await submit(request, context, presenter, spec)

    return order


HANDLERS: Final = tuple(_handler(service, path) for service, path in PATHS.items())
"""The routes of this slice."""
