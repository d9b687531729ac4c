"""One HTTP exchange with a node: time limits, retries, typed errors."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from aitbc.errors import ApiError, ConnectionFailed, InvalidValue

REPEATABLE_METHODS = frozenset({"GET", "HEAD", "DELETE"})
"""Methods that may be sent again without being told that it is safe."""

RETRY_STATUSES = frozenset({429, 503})
"""Answers that ask for a later repetition; the node did nothing."""


@dataclass(frozen=True)
class RetryPolicy:
    """How often and how patiently an exchange is repeated."""

    attempts: int = 4
    """Exchanges in all; 1 means no repetition."""
    base_s: float = 0.25
    """First pause; doubles each time, with jitter between half and whole."""
    pause_max_s: float = 8.0
    """Longest pause, also for a `Retry-After` of the node."""


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
        """Remember where and how; `sleep` can be replaced where pauses must end early."""
        if not base_url.startswith(("http://", "https://")):
            raise InvalidValue("base_url", f"must begin with http:// or https://, not {base_url!r}")
        self.base_url = base_url.rstrip("/")
        self.retry = retry
        self._sleep = sleep
        self._http = httpx.Client(
            headers=dict(headers), timeout=timeout_s, follow_redirects=False, trust_env=False
        )

    def close(self) -> None:
        """Close open connections."""
        self._http.close()

    def exchange(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        content: Any = None,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str | int] | None = None,
        timeout_s: float | None = None,
        repeatable: bool | None = None,
    ) -> httpx.Response:
        """Send a request and return the answer if its status says success.

        Args:
            method: HTTP method.
            path: path below the base URL, beginning with a slash.
            json: body as JSON.
            content: body as bytes or an iterator of bytes; an iterator is never sent twice.
            headers: additional headers.
            params: query.
            timeout_s: limit of this exchange's connect, read and write, each.
            repeatable: whether sending it twice is safe; by default only for reading methods.

        Raises:
            ApiError: the node answered with an error.
            ConnectionFailed: it did not answer, after all repetitions that are safe.
        """
        safe = method in REPEATABLE_METHODS if repeatable is None else repeatable
        for attempt in range(1, self.retry.attempts + 1):
            last = attempt == self.retry.attempts
            try:
                response = self._http.request(
                    method,
                    self.base_url + path,
                    json=json,
                    content=content,
                    headers=headers,
                    params=params,
                    timeout=httpx.USE_CLIENT_DEFAULT if timeout_s is None else timeout_s,
                )
            except httpx.ConnectError as error:
                if last:
                    raise ConnectionFailed(f"no node answers at {self.base_url}: {error}") from None
            except httpx.TransportError as error:
                if last or not safe:
                    raise ConnectionFailed(f"{method} {path}: {_reason(error)}") from None
            else:
                if response.is_success:
                    return response
                failure = _api_error(response)
                if last or response.status_code not in RETRY_STATUSES:
                    raise failure
                self._pause(attempt, failure.retry_after_s)
                continue
            self._pause(attempt, None)
        raise AssertionError("the loop returns or raises")

    def _pause(self, attempt: int, retry_after_s: float | None) -> None:
        backoff = self.retry.base_s * 2 ** (attempt - 1) * random.uniform(0.5, 1.0)
        self._sleep(min(self.retry.pause_max_s, max(backoff, retry_after_s or 0.0)))


def _reason(error: httpx.TransportError) -> str:
    return str(error) or type(error).__name__


def _api_error(response: httpx.Response) -> ApiError:
    try:
        body = response.json()
    except ValueError:
        body = {}
    fields = body if isinstance(body, dict) else {}
    retry_after = response.headers.get("Retry-After", "")
    return ApiError(
        status=response.status_code,
        error_code=str(fields.get("error_code", f"HTTP_{response.status_code}")),
        detail=str(fields.get("detail", response.reason_phrase)),
        request_id=str(fields.get("request_id", "")),
        retry_after_s=float(retry_after) if retry_after.isdigit() else None,
    )
