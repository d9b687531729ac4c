"""One HTTP exchange with a node: time limits, size limits, retries, typed errors."""

import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlsplit

import httpx

from aitbc.errors import ApiError, ConnectionFailed, InvalidValue
from aitbc.json_values import Answer, JsonValue, parse_json, read_answer, unexpected

REPEATABLE_METHODS: Final = frozenset({"GET", "HEAD", "DELETE"})
"""Methods that may be sent again without being told that it is safe."""

ANSWER_BYTES_MAX: Final = 16 * 1_048_576
"""Largest answer that is read into memory."""

ERROR_BYTES_MAX: Final = 65_536
"""Largest error that is read."""

_PLAIN_HTTP: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""What httpx is given to verify with where nothing is encrypted: it trusts nobody."""

Pieces = Callable[[], Iterator[bytes]]
"""Begins a body anew each time that it is called."""

Sink = Callable[[bytes], object]
"""Takes a piece of an answer."""

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently an exchange is repeated."""

    attempts: int = 4
    """Exchanges in all; 1 means no repetition."""
    base_s: float = 0.25
    """First pause; doubles each time, with jitter between half and whole."""
    pause_max_s: float = 8.0
    """Longest pause. A node that asks for a longer one is not asked again: the error says it."""


@dataclass(frozen=True)
class Request:
    """What is sent."""

    method: str
    """HTTP method."""
    path: str
    """Path below the base URL, beginning with a slash, its segments quoted."""
    json: JsonValue = None
    """Body as JSON."""
    content: Pieces | None = None
    """Body in pieces."""
    headers: Mapping[str, str] | None = None
    """Additional headers."""
    params: Mapping[str, str | int] | None = None
    """Query."""
    timeout_s: float | None = None
    """Limit of connecting, of each write and of each read, and of the answer's body as a whole;
    None takes the client's own."""
    repeatable: bool | None = None
    """Whether sending it twice is safe; None: only for reading methods."""

    @property
    def is_repeatable(self) -> bool:
        """Return whether sending it twice is safe."""
        return self.method in REPEATABLE_METHODS if self.repeatable is None else self.repeatable


class Transport:
    """Sends requests to one node. Opens no connection until the first request."""

    def __init__(
        self,
        base_url: str,
        headers: Mapping[str, str],
        timeout_s: float,
        retry: RetryPolicy,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Remember where and how; `sleep` can be replaced where pauses must end early.

        Raises:
            InvalidValue: the address is none.
        """
        self.base_url = _checked(base_url).rstrip("/")
        self.retry = retry
        self._timeout_s = timeout_s
        self._sleep = sleep
        self._http = httpx.Client(
            headers=dict(headers),
            timeout=timeout_s,
            follow_redirects=False,
            trust_env=False,
            # To read the certificates that are trusted takes longer than a command's requests.
            verify=True if urlsplit(self.base_url).scheme == "https" else _PLAIN_HTTP,
        )

    def close(self) -> None:
        """Close open connections."""
        self._http.close()

    def call(self, request: Request) -> Answer:
        """Send a request and return the JSON object of its answer.

        Raises:
            ApiError: the node answered with an error, or with something else than an object.
            ConnectionFailed: it did not answer, after all repetitions that are safe.
        """

        def exchange() -> Answer:
            with self._sent(request) as response:
                return read_answer(b"".join(self._body(response, request, ANSWER_BYTES_MAX)))

        return self._repeat(request, exchange)

    def download(self, request: Request, bytes_max: int, begin: Callable[[], Sink]) -> None:
        """Send a request and pass its answer on in pieces.

        Args:
            request: what to send.
            bytes_max: largest answer.
            begin: called at each repetition; the sink that it returns takes the pieces.

        Raises:
            ApiError: the node answered with an error, or with more than `bytes_max` bytes.
            ConnectionFailed: it did not answer, after all repetitions that are safe.
        """

        def exchange() -> None:
            with self._sent(request) as response:
                sink = begin()
                for piece in self._body(response, request, bytes_max):
                    sink(piece)

        self._repeat(request, exchange)

    @contextmanager
    def _sent(self, request: Request) -> Iterator[httpx.Response]:
        """Give the response whose status says success; the body is not read yet."""
        with self._http.stream(
            request.method,
            self.base_url + request.path,
            json=request.json,
            content=request.content() if request.content else None,
            headers=request.headers,
            params=request.params,
            timeout=self._limit_of(request),
        ) as response:
            if not response.is_success:
                raise _api_error(response, b"".join(self._body(response, request, ERROR_BYTES_MAX)))
            yield response

    def _body(self, response: httpx.Response, request: Request, bytes_max: int) -> Iterator[bytes]:
        deadline = time.monotonic() + self._limit_of(request)
        size = 0
        for piece in response.iter_bytes():
            size += len(piece)
            if size > bytes_max:
                raise unexpected(f"the answer has more than {bytes_max} bytes")
            if time.monotonic() > deadline:
                raise httpx.ReadTimeout("the answer did not end in time")
            yield piece

    def _limit_of(self, request: Request) -> float:
        return self._timeout_s if request.timeout_s is None else request.timeout_s

    def _repeat(self, request: Request, exchange: Callable[[], _Result]) -> _Result:
        for attempt in range(1, self.retry.attempts + 1):
            last = attempt == self.retry.attempts
            pause_s = self.retry.base_s * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)
            try:
                return exchange()
            except httpx.ConnectError as error:
                if last:
                    raise ConnectionFailed(f"no node answers at {self.base_url}: {error}") from None
            except httpx.TransportError as error:
                if last or not request.is_repeatable:
                    reason = str(error) or type(error).__name__
                    text = f"{request.method} {self.base_url}{request.path}: {reason}"
                    raise ConnectionFailed(text) from None
            except ApiError as error:
                wanted_s = error.retry_after_s or 0.0
                if last or wanted_s > self.retry.pause_max_s or not _may_repeat(request, error):
                    raise
                pause_s = max(pause_s, wanted_s)
            self._sleep(min(self.retry.pause_max_s, pause_s))
        raise AssertionError("the loop returns or raises")


def _checked(base_url: str) -> str:
    try:
        parts, parsed = urlsplit(base_url), httpx.URL(base_url)
        is_address = parts.scheme in {"http", "https"} and bool(parts.hostname and parsed.host)
        _ = parts.port
    except (ValueError, httpx.InvalidURL):
        is_address = False
    if not is_address:
        raise InvalidValue("base_url", f"must be http://… or https://…, not {base_url!r}")
    return base_url


def _may_repeat(request: Request, error: ApiError) -> bool:
    """Return whether an answer asks for a later repetition, and that is safe.

    429 comes before anything was done. 503 does too where a node of this API says it, which names
    a code (E2); something on the way to the node may not know.
    """
    if error.status == httpx.codes.TOO_MANY_REQUESTS:
        return True
    if error.status != httpx.codes.SERVICE_UNAVAILABLE:
        return False
    return request.is_repeatable or not error.error_code.startswith("HTTP_")


def _api_error(response: httpx.Response, body: bytes) -> ApiError:
    found = parse_json(body)
    fields = found if isinstance(found, Mapping) else {}
    faults = fields.get("errors")
    retry_after = response.headers.get("Retry-After", "")
    return ApiError(
        status=response.status_code,
        error_code=str(fields.get("error_code", f"HTTP_{response.status_code}")),
        detail=str(fields.get("detail", response.reason_phrase)),
        request_id=str(fields.get("request_id", "")),
        retry_after_s=float(retry_after) if retry_after.isdecimal() else None,
        pointers=tuple(
            str(fault.get("pointer", ""))
            for fault in (faults if isinstance(faults, list) else ())
            if isinstance(fault, Mapping)
        ),
    )
