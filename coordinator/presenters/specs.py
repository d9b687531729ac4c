"""From the members of job bodies to the fields of the one `JobSpec`; shared by all versions."""

from collections.abc import Callable, Mapping
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from coordinator.errors import FieldFault, InvalidJobType
from coordinator.http.bodies import plain_object, typed
from coordinator.http.faults import FieldInvalid
from coordinator.http.money import MoneyInvalid, parse_amount
from coordinator.jobs.model import DISPUTE_WINDOW_S_MAX
from coordinator.marketplace import OfferNotFound
from coordinator.sizes import SizeInvalid, parse_gpus, parse_mib, parse_millicores
from coordinator.values import JsonValue
from coordinator.wire import find_offer_id
from ledger.types import Amount

LLM: Final = "llm_inference"
"""The service of jobs that name none and have a prompt."""

PYTHON: Final = "python"
"""The service that runs programs."""

CURRENCY: Final = "AITBC"

Seconds = Annotated[int, Meta(ge=1, le=86_400)]
"""Time to live (J5)."""


Window = Annotated[int, Meta(ge=0, le=DISPUTE_WINDOW_S_MAX)]
"""Dispute window (J4)."""


class LlmParams(msgspec.Struct, kw_only=True, frozen=True):
    """Parameters of an LLM job; others are passed on to the miner."""

    max_tokens: Annotated[int, Meta(ge=1, le=1_000_000)] = 256
    """Most tokens to generate."""
    temperature: Annotated[float, Meta(ge=0, le=2)] = 0.7
    """Randomness of the choice of tokens; 0 is greedy."""
    top_p: Annotated[float, Meta(ge=0, le=1)] = 0.9
    """Share of probability that tokens are chosen from."""


_KNOWN_PARAMS: Final = frozenset(LlmParams.__struct_fields__)


def llm_params(
    params: Mapping[str, object], pointer: str
) -> tuple[dict[str, JsonValue], tuple[str, ...]]:
    """Return an LLM job's parameters with their defaults, and warnings about unknown ones.

    Args:
        params: as they came.
        pointer: where they stand in the body.

    Raises:
        FieldInvalid: a known parameter of another type or out of range.
    """
    unknown = {name: value for name, value in params.items() if name not in _KNOWN_PARAMS}
    known = {name: value for name, value in params.items() if name in _KNOWN_PARAMS}
    checked: dict[str, JsonValue] = msgspec.to_builtins(typed(known, LlmParams, pointer))
    warnings = tuple(f"{pointer}/{name} is passed on; we do not know it" for name in unknown)
    return checked | plain_object(unknown, pointer), warnings


def amount_at(value: object, pointer: str) -> Amount:
    """Return an amount of money that a job may cost.

    Raises:
        FieldInvalid: no amount (P5), or zero: an escrow holds at least one nait.
    """
    try:
        amount = parse_amount(value)
    except MoneyInvalid as error:
        raise FieldInvalid(pointer, str(error)) from None
    if amount == 0:
        raise FieldInvalid(pointer, "must be more than zero")
    return amount


def check_currency(currency: str, pointer: str) -> None:
    """Check a currency.

    Raises:
        FieldInvalid: another than AITBC (P4).
    """
    if currency != CURRENCY:
        raise FieldInvalid(pointer, f"must be {CURRENCY}")


def offer_at(text: str | None) -> str:
    """Return the hex id of the offer that a body names; empty for none.

    Raises:
        OfferNotFound: a text that is no offer's; ids are opaque, so a malformed one is unknown.
    """
    if text is None:
        return ""
    offer_id = find_offer_id(text)
    if offer_id is None:
        raise OfferNotFound
    return offer_id.hex()


def mib_at(value: object, pointer: str) -> int:
    """Return the MiB of a size of memory.

    Raises:
        FieldInvalid: no size (S6).
    """
    return _size_at(value, pointer, parse_mib)


def millicores_at(value: object, pointer: str) -> int:
    """Return the thousandths of a core of a number of processors.

    Raises:
        FieldInvalid: no such number (S6).
    """
    return _size_at(value, pointer, parse_millicores)


def gpus_at(value: object, pointer: str) -> int:
    """Return a number of GPUs.

    Raises:
        FieldInvalid: no such number (S6).
    """
    return _size_at(value, pointer, parse_gpus)


def _size_at(value: object, pointer: str, parse: Callable[[object], int]) -> int:
    try:
        return parse(value)
    except SizeInvalid as error:
        raise FieldInvalid(pointer, str(error)) from None


def no_service(pointer: str) -> InvalidJobType:
    """Return the error of a body that names no service and has no prompt."""
    message = f"name a service, or give a prompt for {LLM}"
    return InvalidJobType(f"{pointer}: {message}", (FieldFault(pointer, "REQUIRED", message),))
