"""Performs calls over blocking HTTP connections."""

import ssl
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import httpx

from aitbc.errors import InvalidValue
from aitbc.exchange import (
    Broken,
    Closed,
    Effect,
    Emit,
    Flow,
    Head,
    Hear,
    Listen,
    Open,
    Pause,
    Read,
    Request,
    Session,
    Steps,
    Stream,
    ask,
)
from aitbc.json_values import Answer

__all__ = [
    "Request",
    "Transport",
    "broken_by",
    "head_of",
    "needing_websockets",
    "settings_of",
    "wire_form",
]

_PLAIN_HTTP: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""What httpx is given to verify with where nothing is encrypted: it trusts nobody."""

_Result = TypeVar("_Result")


class Transport:
    """Performs calls against one node. Opens no connection until the first one.

    Attributes:
        session: what all exchanges have in common.
    """

    def __init__(self, session: Session, sleep: Callable[[float], None] = time.sleep) -> None:
        """Remember where and how; `sleep` can be replaced where pauses must end early.

        Raises:
            InvalidValue: the address is none.
        """
        self.session = session
        self._sleep = sleep
        self._http = httpx.Client(**settings_of(session))

    @property
    def base_url(self) -> str:
        """Address of the node."""
        return self.session.base_url

    def close(self) -> None:
        """Close open connections."""
        self._http.close()

    def call(self, request: Request) -> Answer:
        """Send a request and return the JSON object of its answer.

        Raises:
            ApiError: the node answered with an error, or with something else than an object.
            ConnectionFailed: it did not answer, after all repetitions that are safe.
        """
        return self.run(ask(self.session, request, Answer))

    def run(self, flow: Flow[_Result]) -> _Result:
        """Perform a call and return its result."""
        steps = Steps(flow)
        with _Exchange(self._http, self.session, self._sleep) as exchange:
            try:
                effect = steps.advance()
                while effect is not None:
                    assert not isinstance(effect, Emit), "a flow emits nothing"
                    effect = steps.advance(exchange.perform(effect))
            finally:
                steps.close()
        return steps.result()

    def stream(self, flow: Stream[_Result]) -> Generator[_Result, None, None]:
        """Perform a call and yield what it emits."""
        steps = Steps(flow)
        with _Exchange(self._http, self.session, self._sleep) as exchange:
            try:
                effect = steps.advance()
                while effect is not None:
                    if isinstance(effect, Emit):
                        yield effect.value
                        effect = steps.advance()
                    else:
                        effect = steps.advance(exchange.perform(effect))
            finally:
                steps.close()


class _Exchange:
    """The answer that is open while a call is performed."""

    def __init__(
        self, http: httpx.Client, session: Session, sleep: Callable[[float], None]
    ) -> None:
        self._http = http
        self._session = session
        self._sleep = sleep
        self._open = ExitStack()
        self._pieces: Iterator[bytes] = iter(())
        self._hear: Callable[[float], str | Closed] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def perform(self, effect: Effect) -> object:
        """Return what comes of an effect; a failure of the network is an outcome too."""
        try:
            match effect:
                case Open():
                    return self._begin(effect)
                case Read():
                    return next(self._pieces, None)
                case Listen():
                    return self._listen(effect)
                case Hear():
                    assert self._hear is not None, "a WebSocket is open"
                    return self._hear(effect.timeout_s)
                case Pause():
                    self._sleep(effect.seconds)
                    return None
            return effect.call()
        except httpx.RequestError as error:
            return broken_by(error)
        except Broken as broken:
            return broken

    def _begin(self, effect: Open) -> Head:
        self._open.close()
        request = effect.request
        response = self._open.enter_context(
            self._http.stream(
                **wire_form(effect), content=request.content() if request.content else None
            )
        )
        self._pieces = response.iter_bytes()
        return head_of(response)

    def _listen(self, effect: Listen) -> Head:
        self._open.close()
        with needing_websockets():
            from aitbc import sockets  # noqa: PLC0415 - an extra, which few programs need
        found = sockets.listen(self._session, effect, self._open)
        if isinstance(found, sockets.Refused):
            self._pieces = iter([found.body])
            return found.head
        self._hear = found.hear
        return sockets.OPEN


@contextmanager
def needing_websockets() -> Iterator[None]:
    """Say what to do where the package of WebSockets is not installed.

    Raises:
        InvalidValue: it is not.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "websockets":
            raise
        reason = "is not installed, and WebSockets need it: pip install 'websockets>=15.0'"
        raise InvalidValue("websockets", reason) from None


def settings_of(session: Session) -> dict[str, Any]:
    """Return the arguments of an httpx client for a session.

    Raises:
        InvalidValue: the address is none.
    """
    try:
        httpx.URL(session.base_url)
    except httpx.InvalidURL as error:
        raise InvalidValue("base_url", f"{session.base_url!r}: {error}") from None
    is_https = urlsplit(session.base_url).scheme == "https"
    return {
        "base_url": session.base_url,
        "headers": dict(session.headers),
        "follow_redirects": False,
        "trust_env": False,
        # To read the certificates that are trusted takes longer than a command's requests.
        "verify": True if is_https else _PLAIN_HTTP,
    }


def wire_form(effect: Open) -> Mapping[str, Any]:
    """Return the arguments of httpx's `stream` for a request, but for its body in pieces."""
    request = effect.request
    return {
        "method": request.method,
        "url": request.path,
        "json": request.json,
        "headers": request.headers,
        "params": request.params,
        "timeout": effect.timeout_s,
    }


def head_of(response: httpx.Response) -> Head:
    """Return the head of an answer."""
    return Head(response.status_code, response.reason_phrase, response.headers)


def broken_by(error: httpx.RequestError) -> Broken:
    """Return what a failure of the network means for a call."""
    was_sent = not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout)
    return Broken(str(error) or type(error).__name__, was_sent=was_sent)
