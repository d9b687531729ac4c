"""A synchronous client of the API, version 2026-05-11.

The miner, the command line and the devnet stand on it. A client opens no connection until it is
used, and no call waits longer than it states.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from aitbc.digests import ChainTags
from aitbc.errors import ApiError, InvalidValue, JobFailed, JobTimeout
from aitbc.http import RetryPolicy, Transport

API_VERSION = "2026-05-11"
"""Version that every request of this client names."""

ENDED_STATES = frozenset({"COMPLETED", "FAILED", "CANCELLED", "EXPIRED"})
"""States that a job does not leave."""

_CHUNK_BYTES = 1 << 16


class Client:
    """A client of one node.

    Args:
        base_url: address of the node, such as ``http://localhost:8011``.
        api_key: key to send; a loopback devnet needs none.
        timeout_s: limit of each exchange; calls that wait state their own.
        retry: how exchanges are repeated.
    """

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timeout_s: float = 30.0,
        retry: RetryPolicy | None = None,
    ) -> None:
        headers = {
            "AITBC-Version": API_VERSION,
            "Accept": "application/problem+json, application/json",
        }
        if api_key:
            headers["X-Api-Key"] = api_key
        self.http = Transport(base_url, headers, timeout_s, retry or RetryPolicy())

    def __enter__(self) -> Self:
        """Return the client; leaving the block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close open connections."""
        self.close()

    def close(self) -> None:
        """Close open connections."""
        self.http.close()

    def submit_job(
        self,
        payload: Mapping[str, Any],
        *,
        ttl_seconds: int = 900,
        max_price: str | None = None,
        constraints: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Submit a job and return its first state.

        Args:
            payload: what to run: ``prompt`` and ``model``, or ``service`` and its input.
            ttl_seconds: seconds after which an unfinished job expires and is refunded.
            max_price: most to pay, a decimal text of AITBC; the service's default when None.
            constraints: requirements on the miner.
        """
        body: dict[str, Any] = {"payload": dict(payload), "ttl_seconds": ttl_seconds}
        if constraints:
            body["constraints"] = dict(constraints)
        if max_price is not None:
            body |= {"payment_amount": max_price, "payment_currency": "AITBC"}
        return self._json("POST", "/v1/jobs", json=body)

    def get_job(self, job_id: str) -> dict[str, Any]:
        """Return a job's state."""
        return self._json("GET", f"/v1/jobs/{job_id}")

    def wait_for_job(self, job_id: str, timeout_s: float = 300.0) -> dict[str, Any]:
        """Wait until a job has ended, whatever its end, and return it.

        Raises:
            JobTimeout: it has not ended after `timeout_s`.
        """
        for job in self.watch_job(job_id, timeout_s):
            if job["state"] in ENDED_STATES:
                return job
        raise JobTimeout(f"job {job_id} has not ended after {timeout_s:.0f} s")

    def watch_job(self, job_id: str, timeout_s: float = 300.0) -> Iterator[dict[str, Any]]:
        """Yield a job's state at first and whenever it was read again, until time is over."""
        deadline = time.monotonic() + timeout_s
        pause_s = 0.05
        while True:
            yield self.get_job(job_id)
            if time.monotonic() + pause_s > deadline:
                return
            time.sleep(pause_s)
            pause_s = min(1.0, pause_s * 1.3)

    def get_job_result(self, job_id: str, timeout_s: float = 300.0) -> dict[str, Any]:
        """Wait for a job and return its ``result`` and ``receipt``.

        Raises:
            JobFailed: it ended without a result.
            JobTimeout: it has not ended after `timeout_s`.
        """
        job = self.wait_for_job(job_id, timeout_s)
        if job["state"] != "COMPLETED":
            raise JobFailed(job_id, job["state"], job.get("error") or "no reason given")
        return self._json("GET", f"/v1/jobs/{job_id}/result")

    def cancel_job(self, job_id: str) -> dict[str, Any]:
        """Cancel a job; answers when the cancellation is final."""
        return self._json("POST", f"/v1/jobs/{job_id}/cancel")

    def get_payment(self, job_id: str) -> dict[str, Any]:
        """Return a job's payment."""
        return self._json("GET", f"/v1/jobs/{job_id}/payment")

    def get_receipt(self, job_id: str) -> dict[str, Any]:
        """Return a job's receipt in the shape of version 2026-01-24, with units and price."""
        receipt_path = f"/v1/receipts/{job_id}"
        answer = self.http.exchange("GET", receipt_path, headers={"AITBC-Version": "2026-01-24"})
        return _object(answer.json())

    def upload_artifact(self, path: Path) -> str:
        """Upload a file in pieces and return its name, ``sha256:…``.

        Raises:
            ApiError: refused, or the node names another digest than the file has.
        """
        digest = hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            with path.open("rb") as source:
                while piece := source.read(_CHUNK_BYTES):
                    digest.update(piece)
                    yield piece

        answer = self._json(
            "POST",
            "/v1/artifacts",
            content=pieces(),
            headers={
                "Content-Type": "application/octet-stream",
                "Content-Length": str(path.stat().st_size),
            },
        )
        name = f"sha256:{digest.hexdigest()}"
        if answer["artifact"] != name:
            raise ApiError(
                200, "ARTIFACT_MISMATCH", f"node stored {answer['artifact']}, not {name}"
            )
        return name

    def download_artifact(self, name: str, target: Path, bytes_max: int = 1 << 30) -> int:
        """Download an artifact into `target`, check its digest, and return its size in bytes.

        Raises:
            InvalidValue: the name is none, the content is larger than `bytes_max`, or its digest
                is not the name's; `target` is then removed.
        """
        if not name.startswith("sha256:"):
            raise InvalidValue("artifact", f"{name!r} does not begin with sha256:")
        response = self.http.exchange("GET", f"/v1/artifacts/{name}")
        content = response.content
        if len(content) > bytes_max:
            raise InvalidValue("artifact", f"{name} has more than {bytes_max} bytes")
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != name:
            raise InvalidValue("artifact", f"content does not have the digest of {name}")
        target.write_bytes(content)
        return len(content)

    def chain_status(self) -> dict[str, Any]:
        """Return the chain's id, heads and what the node waits for."""
        return self._json("GET", "/v1/chain/status")

    def chain_time_ms(self) -> int:
        """Return the time of the newest final block, from which validity derives (J26)."""
        return int(self.chain_status()["timestamp_ms"])

    def chain_tags(self) -> ChainTags:
        """Return the tags of the node's chain; pin the genesis digest to trust no node for it."""
        status = self.chain_status()
        return ChainTags(status["chain_id"], bytes.fromhex(status["genesis_digest"]))

    def get_account(self, address: str) -> dict[str, Any]:
        """Return an account's balance and the height that it holds at."""
        return self._json("GET", f"/v1/chain/accounts/{address}")

    def get_transaction(self, transaction_id: str) -> dict[str, Any]:
        """Return where a transaction is: ``status`` and, once included, ``height``."""
        return self._json("GET", f"/v1/chain/transactions/{transaction_id}")

    def send_transaction(self, signed: bytes, *, wait_final: bool = False) -> dict[str, Any]:
        """Submit a signed transaction; sending it twice is harmless (T1).

        Returns:
            ``transaction_id``, ``status`` and, when rejected, ``code`` and ``detail``.
        """
        return self._json(
            "POST",
            "/v1/chain/transactions",
            json={"transaction": signed.hex()},
            params={"wait": "final"} if wait_final else None,
            repeatable=True,
        )

    def _json(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        return _object(self.http.exchange(method, path, **options).json())


def _object(body: object) -> dict[str, Any]:
    if not isinstance(body, dict):
        raise ApiError(
            200, "UNEXPECTED_ANSWER", "the node answered with something else than an object"
        )
    return body
