"""Routes of the service registry: what may be asked for, with which input, and at what price."""

from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath

from coordinator.errors import ServiceNotFound, TooLarge
from coordinator.http import Answer, HttpRequest, Operation, Parameter, answer, declared, same
from coordinator.http.bodies import plain_object, read_object, typed
from coordinator.http.context import Given
from coordinator.http.faults import FieldInvalid
from coordinator.http.operation import PUBLIC
from coordinator.http.query import text_parameter
from coordinator.registry.bounds import text_bytes
from coordinator.registry.schemas import (
    ServiceList,
    ServiceRequirements,
    ServiceView,
    ValidationAnswer,
    ValidationRequest,
    requirements_view,
    service_summary,
    service_view,
    validation_answer,
)
from coordinator.values import ApiVersion, JsonValue
from coordinator.wire import AnyJson

_DOCUMENTED: Final[frozenset[ApiVersion]] = frozenset({"2024-01-01"})

CATEGORIES: Final = ("ai_ml", "media_processing", "scientific_computing")
"""Groups of services (S5)."""

LIST: Final = Operation(
    summary="List services",
    tag="Services",
    access=PUBLIC,
    documents=_DOCUMENTED,
    description="All services that jobs may ask for, by id, without the schemas of their inputs.",
    parameters=(
        Parameter("category", "Only services of it.", {"type": "string", "enum": [*CATEGORIES]}),
        Parameter(
            "search",
            "Only services with all of these words in id, name, description or a tag.",
            {"type": "string", "maxLength": 128},
        ),
    ),
    answers={200: Answer("Services", same(ServiceList))},
)

GET: Final = Operation(
    summary="Get a service",
    tag="Services",
    access=PUBLIC,
    documents=_DOCUMENTED,
    answers={200: Answer("The service, with its input's schema", same(ServiceView))},
    errors=(ServiceNotFound,),
)

SCHEMA: Final = Operation(
    summary="Get the JSON Schema of a service's input",
    tag="Services",
    access=PUBLIC,
    documents=_DOCUMENTED,
    description="Draft 2020-12, of input, parameters and model as one flat object.",
    answers={200: Answer("The schema", same(dict[str, AnyJson]))},
    errors=(ServiceNotFound,),
)

REQUIREMENTS: Final = Operation(
    summary="Get what a miner's machine needs to offer a service",
    tag="Services",
    access=PUBLIC,
    documents=_DOCUMENTED,
    answers={200: Answer("Requirements", same(ServiceRequirements))},
    errors=(ServiceNotFound,),
)

VALIDATE: Final = Operation(
    summary="Validate an input of a service",
    tag="Services",
    access=PUBLIC,
    documents=_DOCUMENTED,
    description="Holds an input against the service's schema, as a submission does. An input that "
    "is not valid is a successful answer.",
    takes_key=False,
    body=same(ValidationRequest),
    answers={200: Answer("Whether it is valid, and why not", same(ValidationAnswer))},
    errors=(ServiceNotFound, TooLarge),
)


@get("/v1/registry/services", opt=declared(LIST))
async def list_services(request: HttpRequest, context: Given) -> Response[bytes]:
    """Return the services that fit the parameters."""
    category = text_parameter(request, "category")
    if category is not None and category not in CATEGORIES:
        raise FieldInvalid("category", f"must be one of {', '.join(CATEGORIES)}")
    search = text_parameter(request, "search") or ""
    found = context.services.registry.find(category=category, search=search)
    services = [service_summary(service) for service in found]
    return answer(request, ServiceList(services=services, total=len(services)))


@get("/v1/registry/services/{service_id:str}", opt=declared(GET))
async def get_service(
    request: HttpRequest, context: Given, service_id: FromPath[str]
) -> Response[bytes]:
    """Return a service."""
    registry = context.services.registry
    service = registry.named(service_id)
    return answer(request, service_view(service, registry.schema(service.service_id)))


@get("/v1/registry/services/{service_id:str}/schema", opt=declared(SCHEMA))
async def get_schema(
    request: HttpRequest, context: Given, service_id: FromPath[str]
) -> Response[bytes]:
    """Return the schema of a service's input."""
    registry = context.services.registry
    return answer(request, registry.schema(registry.named(service_id).service_id))


@get("/v1/registry/services/{service_id:str}/requirements", opt=declared(REQUIREMENTS))
async def get_requirements(
    request: HttpRequest, context: Given, service_id: FromPath[str]
) -> Response[bytes]:
    """Return what a service needs."""
    return answer(request, requirements_view(context.services.registry.named(service_id)))


@post("/v1/registry/services/validate", status_code=200, opt=declared(VALIDATE))
async def validate_input(request: HttpRequest, context: Given) -> Response[bytes]:
    """Hold an input against a service's schema."""
    wanted = typed(await read_object(request), ValidationRequest)
    registry = context.services.registry
    service = registry.named(wanted.service_id)
    data = plain_object(wanted.request_data, "/request_data")
    _check_size(data, context.services.core.config.limits.payload_bytes_max)
    return answer(request, validation_answer(registry.check_input(service.service_id, data)))


def _check_size(data: JsonValue, bytes_max: int) -> None:
    """Refuse what no payload can hold; counted without the marks around members and items.

    Raises:
        TooLarge: its texts alone are longer than `bytes_max`.
    """
    if text_bytes(data) > bytes_max:
        raise TooLarge(
            f"The input has more than {bytes_max} bytes: upload larger inputs as artifacts"
        )


HANDLERS: Final = (list_services, get_service, get_schema, get_requirements, validate_input)
"""The routes of this slice."""
