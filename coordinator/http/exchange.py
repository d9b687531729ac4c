"""One request and what is known about it so far: identity, version, limit.

The edge makes it before routing, admission fills it in, handlers choose the version, and the
edge writes what it says into the answer's headers.
"""

import random
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias, cast

from litestar import Request
from litestar.datastructures import State

from coordinator.clients import Principal
from coordinator.http.operation import Operation
from coordinator.http.socket import Session
from coordinator.http.versions import Choice, body_choice, object_choice, route_choice
from coordinator.idempotency import Claim
from coordinator.values import ApiVersion
from ledger.types import Height

HttpRequest: TypeAlias = Request[object, object, State]
"""Litestar's request; who calls is in its `Exchange`."""

_STATE_KEY: Final = "aitbc_exchange"

# Ids of requests are no secrets. Asking the system for each would hand the interpreter to another
# thread in the middle of every request.
_IDS: Final = random.Random(secrets.randbits(256))

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


@dataclass(slots=True)
class Exchange:
    """What is known about one request; made by the edge, filled in on the way."""

    request_id: str
    """Id in logs and errors; the caller's own if it sent a usable one."""
    prefix: str = ""
    """Base path that the caller used: `/api` or nothing."""
    operation: Operation | None = None
    """Declaration of the route, once it is known."""
    principal: Principal | None = None
    """Who calls; None on public routes without a key."""
    explicit: Choice | None = None
    """Version that the caller asked for."""
    choice: Choice = field(default_factory=lambda: route_choice(()))
    """Version that the answer is in, as far as it is known."""
    as_of_height: Height | None = None
    """Final height that the answer follows (K1)."""
    body: bytes | None = None
    """The body, where it was read before the handler asked for it."""
    claim: Claim | None = None
    """Right to have the effect of a request that carries an `Idempotency-Key`."""
    is_upgrade: bool = False
    """Whether the caller asks for a WebSocket."""
    session: Session | None = None
    """What happens on the WebSocket, once its route agreed."""
    headers: dict[str, str] = field(default_factory=dict)
    """Headers that the answer gets besides its own."""

    @property
    def caller(self) -> Principal:
        """The caller of a route that needs a key."""
        assert self.principal is not None, "only routes that are not public ask who calls"
        return self.principal

    def by_route(self) -> ApiVersion:
        """Serve in the version asked for, else the route's newest (V1, 5 and 6)."""
        self.choice = self.explicit or route_choice(self._documents)
        return self.choice.version

    def by_body(self, body: Mapping[str, object]) -> ApiVersion:
        """Serve in the version of a job body; see `body_choice`."""
        self.choice = body_choice(self.explicit, body)
        return self.choice.version

    def by_object(self, created_in: ApiVersion) -> ApiVersion:
        """Serve in the version in which the object was made; see `object_choice`."""
        self.choice = object_choice(self.explicit, created_in, self._documents)
        return self.choice.version

    @property
    def _documents(self) -> frozenset[ApiVersion]:
        return self.operation.documents if self.operation else frozenset()


def new_request_id() -> str:
    """Return the id of a request whose caller gave it none."""
    return f"req_{_IDS.getrandbits(96):024x}"


def new_exchange(suggested_id: str | None, prefix: str) -> Exchange:
    """Return an exchange with the caller's request id if that is usable, else with a new one."""
    if suggested_id is not None and _REQUEST_ID.fullmatch(suggested_id):
        return Exchange(suggested_id, prefix)
    return Exchange(new_request_id(), prefix)


def attach(scope: Mapping[str, object], exchange: Exchange) -> None:
    """Put an exchange where `exchange_of` finds it."""
    cast("dict[str, object]", scope)[_STATE_KEY] = exchange


def exchange_of(request: HttpRequest) -> Exchange:
    """Return the exchange of a request.

    Raises:
        RuntimeError: the application is served without the edge around it.
    """
    return attached(request.scope)


def attached(scope: Mapping[str, object]) -> Exchange:
    """Return the exchange that `attach` put there.

    Raises:
        RuntimeError: nobody did.
    """
    exchange = scope.get(_STATE_KEY)
    if not isinstance(exchange, Exchange):
        raise RuntimeError("serve the application through coordinator.http.edge")
    return exchange
