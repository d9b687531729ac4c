"""Bodies of orders: the service's input, parameters and model as one flat object, and terms."""

from collections.abc import Mapping
from typing import Annotated, Final, cast

import msgspec
from msgspec import Meta

from coordinator.errors import FieldFault, InvalidRequest
from coordinator.http.bodies import plain_object, typed
from coordinator.jobs.model import MODEL_DEFAULT, TTL_S_DEFAULT, JobSpec
from coordinator.presenters.specs import (
    LLM,
    LlmParams,
    Seconds,
    Window,
    amount_at,
    llm_params,
    offer_at,
)
from coordinator.registry import ServiceRegistry
from coordinator.values import ApiVersion, JsonValue
from coordinator.wire import AnyJson, MoneyInput

VERSION: Final[ApiVersion] = "2024-01-01"
"""Jobs from orders are of the version whose document has the routes (V1)."""


class OrderTerms(msgspec.Struct, kw_only=True, frozen=True):
    """Members that the orders of all services may have; the services' inputs name none of them."""

    max_price: MoneyInput | None = None
    """Most that the job may cost, in AITBC; the service's default if absent."""
    ttl_seconds: Seconds = TTL_S_DEFAULT
    """Seconds after which an unfinished job expires and is refunded."""
    hold: bool = False
    """Keep it out of the queue until its client accepts an offer for it (S2)."""
    offer_id: str | None = None
    """Offer that the job is taken to as soon as its escrow is final."""
    dispute_window_seconds: Window = 0
    """Seconds after the receipt in which the client may dispute it; it settles only then."""


_TERMS: Final = frozenset(OrderTerms.__struct_fields__)
_PARAMS: Final = frozenset(LlmParams.__struct_fields__)
_NOT_IN_BODIES: Final = ("$schema", "$id", "title", "maxProperties")


def order_spec(registry: ServiceRegistry, service: str, body: Mapping[str, object]) -> JobSpec:
    """Return the specification of an order.

    Args:
        registry: knows the service's schema.
        service: its id.
        body: as it came.

    Raises:
        InvalidRequest: the body is not what the service's schema describes.
        OfferNotFound: it names no offer.
    """
    terms = typed({name: body[name] for name in _TERMS & body.keys()}, OrderTerms)
    given = plain_object({n: value for n, value in body.items() if n not in _TERMS}, "")
    verdict = registry.check_input(service, given)
    if verdict.faults:
        faults = tuple(FieldFault(n.pointer, n.code, n.message) for n in verdict.faults)
        raise InvalidRequest(f"{faults[0].pointer or 'the body'}: {faults[0].message}", faults)
    model = str(given.pop("model", MODEL_DEFAULT if service == LLM else ""))
    return JobSpec(
        service=service,
        api_version=VERSION,
        model=model,
        input={n: value for n, value in given.items() if service != LLM or n not in _PARAMS},
        params=_params(service, given),
        shown_type=service,
        max_price=None if terms.max_price is None else amount_at(terms.max_price, "/max_price"),
        ttl_s=terms.ttl_seconds,
        hold=terms.hold,
        offer_id=offer_at(terms.offer_id),
        dispute_window_s=terms.dispute_window_seconds,
        warnings=tuple(f"{note.pointer} {note.message}" for note in verdict.warnings),
    )


def body_type(registry: ServiceRegistry, service: str) -> object:
    """Return the type of an order's body, for documents: the service's schema and the terms."""
    schema = {n: item for n, item in registry.schema(service).items() if n not in _NOT_IN_BODIES}
    (own,), components = msgspec.json.schema_components([OrderTerms])
    terms = cast("dict[str, JsonValue]", components[own["$ref"].rpartition("/")[2]])["properties"]
    properties = cast("dict[str, JsonValue]", schema["properties"])
    described = schema | {"properties": properties | cast("dict[str, JsonValue]", terms)}
    return Annotated[dict[str, AnyJson], Meta(extra_json_schema=described)]


def _params(service: str, given: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    if service != LLM:
        return {}
    # The schema takes 256.0 for an integer, as JSON Schema does.
    whole = {
        n: int(value) if isinstance(value, float) and value.is_integer() else value
        for n, value in given.items()
        if n in _PARAMS
    }
    params, _ = llm_params(whole, "")
    return params
