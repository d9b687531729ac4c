"""A synchronous client of the API, version 2026-05-11.

The miner, the command line and the devnet stand on it. A client opens no connection until it is
used, and no call waits longer than it states.
"""

import hashlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self
from urllib.parse import quote

from aitbc.digests import ChainTags
from aitbc.errors import ApiError, InvalidValue, JobFailed, JobTimeout
from aitbc.http import Request, RetryPolicy, Sink, Transport
from aitbc.json_values import Answer, JsonValue, unexpected

API_VERSION = "2026-05-11"
"""Version that every request of this client names."""

ENDED_STATES = frozenset({"COMPLETED", "FAILED", "CANCELLED", "EXPIRED"})
"""States that a job does not leave."""

_PIECE_BYTES = 1 << 16
_TRANSFER_TIMEOUT_S = 300.0
_FINAL_TIMEOUT_S = 30.0


class Client:
    """A client of one node.

    Args:
        base_url: address of the node, such as ``http://localhost:8011``.
        api_key: key to send; a loopback devnet needs none.
        timeout_s: limit of each exchange; calls that wait state their own.
        retry: how exchanges are repeated.

    Every method raises `ApiError` when the node answers with an error and `ConnectionFailed` when
    it does not answer.
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
        payload: Mapping[str, JsonValue],
        *,
        ttl_seconds: int = 900,
        max_price: str | None = None,
        constraints: Mapping[str, JsonValue] | None = None,
    ) -> Answer:
        """Submit a job and return its first state.

        Args:
            payload: what to run: ``prompt`` and ``model``, or ``service`` and its input.
            ttl_seconds: seconds after which an unfinished job expires and is refunded.
            max_price: most to pay, a decimal text of AITBC; the service's default when None.
            constraints: requirements on the miner.
        """
        body: dict[str, JsonValue] = {"payload": payload, "ttl_seconds": ttl_seconds}
        if constraints:
            body["constraints"] = constraints
        if max_price is not None:
            body |= {"payment_amount": max_price, "payment_currency": "AITBC"}
        return self.http.call(Request("POST", "/v1/jobs", json=body))

    def get_job(self, job_id: str) -> Answer:
        """Return a job's state."""
        return self.http.call(Request("GET", f"/v1/jobs/{_segment(job_id)}"))

    def wait_for_job(self, job_id: str, timeout_s: float = 300.0) -> Answer:
        """Wait until a job has ended, whatever its end, and return it.

        Raises:
            JobTimeout: it has not ended after `timeout_s`.
        """
        for job in self.watch_job(job_id, timeout_s):
            if job["state"] in ENDED_STATES:
                return job
        raise JobTimeout(f"job {job_id} has not ended after {timeout_s:.0f} s")

    def watch_job(self, job_id: str, timeout_s: float = 300.0) -> Iterator[Answer]:
        """Yield a job's state at first and whenever it was read again, until time is over."""
        deadline = time.monotonic() + timeout_s
        pause_s = 0.05
        while True:
            yield self.get_job(job_id)
            if time.monotonic() + pause_s > deadline:
                return
            time.sleep(pause_s)
            pause_s = min(1.0, pause_s * 1.3)

    def get_job_result(self, job_id: str, timeout_s: float = 300.0) -> Answer:
        """Wait for a job and return its ``result`` and ``receipt``.

        Raises:
            JobFailed: it ended without a result.
            JobTimeout: it has not ended after `timeout_s`.
        """
        job = self.wait_for_job(job_id, timeout_s)
        if job["state"] != "COMPLETED":
            raise JobFailed(job_id, job["state"], job.get("error") or "no reason given")
        return self.http.call(Request("GET", f"/v1/jobs/{_segment(job_id)}/result"))

    def cancel_job(self, job_id: str) -> Answer:
        """Cancel a job; answers when the cancellation is final."""
        path = f"/v1/jobs/{_segment(job_id)}/cancel"
        # A job that is cancelled already gets the same answer (E3).
        return self.http.call(Request("POST", path, repeatable=True))

    def get_payment(self, job_id: str) -> Answer:
        """Return a job's payment."""
        return self.http.call(Request("GET", f"/v1/jobs/{_segment(job_id)}/payment"))

    def get_receipt(self, job_id: str) -> Answer:
        """Return a job's receipt in the shape of version 2026-01-24, with units and price."""
        path = f"/v1/receipts/{_segment(job_id)}"
        return self.http.call(Request("GET", path, headers={"AITBC-Version": "2026-01-24"}))

    def upload_artifact(self, path: Path) -> str:
        """Upload a file in pieces and return its name, ``sha256:…``.

        Raises:
            ApiError: refused, or the node names another digest than the file has.
        """
        name = f"sha256:{_file_digest(path)}"

        def pieces() -> Iterator[bytes]:
            with path.open("rb") as source:
                while piece := source.read(_PIECE_BYTES):
                    yield piece

        answer = self.http.call(
            Request(
                "POST",
                "/v1/artifacts",
                content=pieces,
                headers={
                    "Content-Type": "application/octet-stream",
                    "Content-Length": str(path.stat().st_size),
                },
                repeatable=True,
            )
        )
        if answer["artifact"] != name:
            raise ApiError(
                200, "ARTIFACT_MISMATCH", f"node stored {answer['artifact']}, not {name}"
            )
        return name

    def download_artifact(self, name: str, target: Path, bytes_max: int = 1 << 30) -> int:
        """Download an artifact into `target`, check its digest, and return its size in bytes.

        Raises:
            InvalidValue: the name is none, or the content's digest is not the name's.
            ApiError: refused, or the content is larger than `bytes_max`.

        In each case nothing is left at `target`.
        """
        if not name.startswith("sha256:"):
            raise InvalidValue("artifact", f"{name!r} does not begin with sha256:")
        request = Request("GET", f"/v1/artifacts/{_segment(name)}", timeout_s=_TRANSFER_TIMEOUT_S)
        try:
            with target.open("wb") as file:

                def begin() -> Sink:
                    file.seek(0)
                    file.truncate()
                    return file.write

                self.http.download(request, bytes_max, begin)
            if f"sha256:{_file_digest(target)}" != name:
                raise InvalidValue("artifact", f"content does not have the digest of {name}")
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        return target.stat().st_size

    def chain_status(self) -> Answer:
        """Return the chain's id, heads and what the node waits for."""
        return self.http.call(Request("GET", "/v1/chain/status"))

    def chain_parameters(self) -> dict[str, int]:
        """Return the chain's parameters in force by name, amounts in nait."""
        named = self.http.call(Request("GET", "/v1/chain/parameters"))["parameters"]
        if not isinstance(named, dict):
            raise unexpected("the node's parameters are no object")
        return {name: int(value) for name, value in named.items()}

    def chain_time_ms(self) -> int:
        """Return the time of the newest final block, from which validity derives (J26)."""
        return int(self.chain_status()["timestamp_ms"])

    def chain_tags(self) -> ChainTags:
        """Return the tags of the node's chain; pin the genesis digest to trust no node for it."""
        status = self.chain_status()
        try:
            return ChainTags(str(status["chain_id"]), bytes.fromhex(status["genesis_digest"]))
        except (TypeError, ValueError, InvalidValue) as error:
            raise unexpected(f"the node's chain cannot be one: {error}") from None

    def get_validators(self) -> Answer:
        """Return the validators, the quorum, and what waits for the epoch's end."""
        return self.http.call(Request("GET", "/v1/chain/validators"))

    def list_ballots(self, status: str = "open", before: str | None = None) -> Answer:
        """Return a page of ballots: ``open``, ``passed`` or ``expired`` ones.

        Args:
            status: which ones.
            before: ``next`` of the page before.
        """
        params = {"status": status} | ({} if before is None else {"before": before})
        return self.http.call(Request("GET", "/v1/chain/ballots", params=params))

    def get_ballot(self, ballot_id: str) -> Answer:
        """Return a ballot, open or closed, with its votes."""
        return self.http.call(Request("GET", f"/v1/chain/ballots/{_segment(ballot_id)}"))

    def get_account(self, address: str) -> Answer:
        """Return an account's balance and the height that it holds at."""
        return self.http.call(Request("GET", f"/v1/chain/accounts/{_segment(address)}"))

    def get_transaction(self, transaction_id: str) -> Answer:
        """Return where a transaction is: ``status`` and, once final, ``height`` and ``signed``."""
        path = f"/v1/chain/transactions/{_segment(transaction_id)}"
        return self.http.call(Request("GET", path))

    def send_transaction(self, signed: bytes, *, wait_final: bool = False) -> Answer:
        """Submit a signed transaction; sending it twice is harmless (T1).

        Returns:
            ``transaction_id``, ``status`` and, when rejected, ``code`` and ``detail``.
        """
        return self.http.call(
            Request(
                "POST",
                "/v1/chain/transactions",
                json={"transaction": signed.hex()},
                params={"wait": "final"} if wait_final else None,
                timeout_s=_FINAL_TIMEOUT_S if wait_final else None,
                repeatable=True,
            )
        )


def _segment(text: str) -> str:
    """Return one segment of a path; whatever is in it cannot lead elsewhere."""
    if text in {"", ".", ".."}:
        raise InvalidValue("id", f"{text!r} is none")
    return quote(text, safe=":")


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
