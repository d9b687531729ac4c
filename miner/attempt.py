"""One attempt at a job: check the terms, run, sign the receipt, deliver or give up."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aitbc import (
    AitbcError,
    ApiError,
    ChainTags,
    SigningKey,
    action_array,
    canonical_json,
    sign_transaction,
)
from aitbc.transactions import REASONS, UNIT_TYPES, SignedTransaction
from miner.log import Log
from miner.node_api import Lease, NodeApi
from miner.registration import VALIDITY_MS
from miner.spool import SpoolEntry
from miner.transfers import NodeArtifacts
from miner.work import BadInput, Output, Runner, RunnerFailed, Work, WorkCancelled

LOST_CODES = frozenset({"LEASE_LOST", "JOB_NOT_FOUND", "JOB_NOT_CLAIMABLE"})
"""Answers that say that the attempt is no longer this miner's."""


class PayloadMismatch(Exception):
    """The input is not what the chain holds the digest of (K4)."""


def receipt_price(lease: Lease, units_micro: int) -> int:
    """Return what the receipt may claim (J1).

    By unit: min(price_cap, ceil(units_micro × unit_price / 10^6)); otherwise the cap, which the
    assignment set to the agreed price.
    """
    if lease.unit_type == "none":
        return lease.price_cap
    return min(lease.price_cap, -(-units_micro * lease.unit_price // 1_000_000))


class Attempt:
    """Does one leased job with one runner."""

    def __init__(
        self, api: NodeApi, key: SigningKey, tags: ChainTags, lease: Lease, log: Log
    ) -> None:
        """Prepare; nothing happens until `run`."""
        self._api = api
        self._key = key
        self._tags = tags
        self._lease = lease
        self._log = log.bind(job_id=lease.job_id, attempt=lease.attempt)
        self._progress = 0
        self._stop = threading.Event()
        self._ended = threading.Event()

    def stop(self) -> None:
        """Stop the work soon; the attempt is released."""
        self._stop.set()

    def run(self, runner: Runner, folder: Path) -> SpoolEntry | None:
        """Do the work and return what to deliver, None if the attempt ended without a result."""
        heartbeats = threading.Thread(target=self._send_heartbeats, daemon=True)
        heartbeats.start()
        workspace = Path(tempfile.mkdtemp(prefix="attempt-", dir=folder))
        started_ms = _now_ms()
        try:
            self._check_payload()
            output = runner.run(self._work(workspace))
            return self._entry(output, started_ms)
        except PayloadMismatch:
            self._give_up("release", "PAYLOAD_MISMATCH", "the input does not match the chain")
        except BadInput as error:
            self._give_up("fail", "BAD_INPUT", str(error))
        except RunnerFailed as error:
            self._give_up("release", "RUNNER_FAILED", str(error))
        except WorkCancelled:
            self._give_up("release", "MINER_DRAINING", "the work was stopped")
        finally:
            self._ended.set()
            heartbeats.join()
            shutil.rmtree(workspace, ignore_errors=True)
        return None

    def _check_payload(self) -> None:
        lease = self._lease
        document = {
            "input": dict(lease.input),
            "model": lease.model,
            "params": dict(lease.params),
            "service": lease.service,
        }
        digest = self._tags.payload_digest(lease.payload, lease.blind)
        if digest != lease.payload_digest or canonical_json(document) != lease.payload:
            raise PayloadMismatch

    def _work(self, workspace: Path) -> Work:
        lease = self._lease
        return Work(
            service=lease.service,
            model=lease.model,
            input=lease.input,
            params=lease.params,
            folder=workspace,
            artifacts=NodeArtifacts(self._api.client),
            report_progress=self._report,
            is_cancelled=self._stop.is_set,
        )

    def _report(self, per_cent: int) -> None:
        self._progress = max(self._progress, per_cent)

    def _send_heartbeats(self) -> None:
        while not self._ended.wait(self._lease.heartbeat_interval_s):
            try:
                cancelled = self._api.heartbeat(self._lease, self._progress)
            except ApiError as error:
                cancelled = error.error_code in LOST_CODES
            except AitbcError as error:
                self._log.warning("heartbeat failed", error=str(error))
                continue
            if cancelled:
                self._log.warning("stopped by the coordinator")
                self._stop.set()
                return

    def _entry(self, output: Output, started_ms: int) -> SpoolEntry:
        lease, salt = self._lease, os.urandom(32)
        document = output.document()
        digest = self._tags.result_digest(
            lease.job_digest, lease.attempt, self._key.address, salt, canonical_json(document)
        )
        action = action_array(
            "post_receipt",
            job_id=lease.job_digest,
            attempt=lease.attempt,
            client=lease.client,
            coordinator=lease.coordinator,
            payload_digest=lease.payload_digest,
            price_cap=lease.price_cap,
            result_digest=digest,
            units_micro=output.units_micro,
            unit_type=UNIT_TYPES[output.unit_type],
            price=receipt_price(lease, output.units_micro),
            model=output.model,
            started_ms=started_ms,
            completed_ms=max(started_ms, _now_ms()),
        )
        receipt = self._sign(action)
        return SpoolEntry(
            job_id=lease.job_id,
            attempt=lease.attempt,
            transaction=receipt.signed.hex(),
            valid_until_ms=receipt.valid_until_ms,
            body={
                "attempt": lease.attempt,
                "output": document,
                "salt": salt.hex(),
                "transaction": receipt.signed.hex(),
            },
        )

    def _give_up(self, verb: str, reason: str, message: str) -> None:
        self._log.warning("gives up", reason=reason, message=message)
        lease = self._lease
        code = REASONS[reason]
        try:
            release = self._sign(
                action_array(
                    "release_job", job_id=lease.job_digest, attempt=lease.attempt, reason=code
                )
            )
            self._api.give_up(lease, verb, reason, message, release.signed)
        except AitbcError as error:
            # The lease runs out by itself; the job costs its client time and nothing else.
            self._log.warning("could not give up", error=str(error))

    def _sign(self, action: list[Any]) -> SignedTransaction:
        valid_until_ms = self._api.client.chain_time_ms() + VALIDITY_MS
        return sign_transaction(self._tags, self._key, action, fee=0, valid_until_ms=valid_until_ms)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


RunnerChoice = Callable[[str], Runner | None]
"""Finds the runner of a service."""
