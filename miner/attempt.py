"""One attempt at a job: check the terms, run, sign the receipt; or give up and say why."""

import os
import tempfile
import threading
import time
from pathlib import Path
from typing import Final

from aitbc import (
    REASONS,
    UNIT_TYPES,
    AitbcError,
    ApiError,
    Client,
    action_array,
    canonical_json,
)
from miner.log import Log
from miner.node_api import Lease, NodeApi
from miner.removal import remove_folder
from miner.signing import Signer
from miner.speaker import Speaker
from miner.spool import SpoolEntry
from miner.terms import PayloadMismatch, check_escrow, check_payload
from miner.transfers import NodeArtifacts
from miner.work import BadInput, NoSource, Output, Runner, RunnerFailed, Work, WorkCancelled

LOST_CODES: Final = frozenset({"LEASE_LOST", "JOB_NOT_FOUND", "JOB_NOT_CLAIMABLE"})
"""Answers that say that the attempt is no longer this miner's."""

MESSAGE_CHARACTERS_MAX: Final = 500
"""Longest message to the client about a job that was given up."""


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
        self, api: NodeApi, witness: Client, signer: Signer, lease: Lease, log: Log
    ) -> None:
        """Prepare; nothing happens until `run`.

        Args:
            api: the node whose coordinator leased the job.
            witness: a node that shows the chain, another one where there is one.
            signer: the miner's key.
            lease: what was leased.
            log: where events go.
        """
        self._api = api
        self._witness = witness
        self._signer = signer
        self._lease = lease
        self._log = log.bind(job_id=lease.job_id, attempt=lease.attempt)
        self._progress = 0
        self._stop = threading.Event()
        self._ended = threading.Event()
        self._lost = threading.Event()
        self._speaker = Speaker(api, lease, self._log, self._refused)

    def stop(self) -> None:
        """Stop the work soon; the attempt is released."""
        self._stop.set()

    def run(self, runner: Runner, folder: Path) -> SpoolEntry | None:
        """Do the work and return what to deliver, None if the attempt ended without a result."""
        heartbeats = threading.Thread(target=self._send_heartbeats, daemon=True)
        heartbeats.start()
        workspace = None
        try:
            workspace = Path(tempfile.mkdtemp(prefix="attempt-", dir=folder))
            return self._entry_of(runner, workspace)
        except PayloadMismatch as error:
            self._give_up("release", "PAYLOAD_MISMATCH", str(error))
        except NoSource as error:
            self._give_up("fail", "NO_SOURCE", str(error))
        except BadInput as error:
            self._give_up("fail", "BAD_INPUT", str(error))
        except RunnerFailed as error:
            self._give_up("release", "RUNNER_FAILED", str(error))
        except WorkCancelled:
            self._give_up("release", "MINER_DRAINING", "the work was stopped")
        except AitbcError as error:
            self._give_up("release", "RUNNER_FAILED", f"the miner's node failed: {error}")
        except Exception as error:  # noqa: BLE001  (one job's fault must not end the miner)
            kind = type(error).__name__
            self._log.warning("runner fault, please report it", kind=kind, error=error)
            self._give_up("release", "RUNNER_FAILED", f"the runner failed: {kind}")
        finally:
            self._ended.set()
            heartbeats.join()
            if workspace is not None:
                self._remove(workspace)
        return None

    def _remove(self, workspace: Path) -> None:
        try:
            remove_folder(workspace)
        except OSError as error:
            self._log.warning("could not remove a job's files", folder=workspace, error=error)

    def _entry_of(self, runner: Runner, workspace: Path) -> SpoolEntry:
        started_ms = _now_ms()
        check_payload(self._lease, self._signer.tags)
        check_escrow(self._lease, self._signer.tags, self._witness)
        if self._stop.is_set():
            raise WorkCancelled
        self._log.info("works", service=self._lease.service)
        with self._speaker:
            output = runner.run(self._work(workspace))
        if self._lost.is_set():
            raise WorkCancelled
        if self._lease.unit_type not in {"none", output.unit_type}:
            raise RunnerFailed(f"paid by {self._lease.unit_type}, but it counts {output.unit_type}")
        return self._entry(output, started_ms)

    def _work(self, workspace: Path) -> Work:
        lease = self._lease
        return Work(
            service=lease.service,
            model=lease.model,
            input=lease.input,
            params=lease.params,
            folder=workspace,
            artifacts=NodeArtifacts(self._api.client, self._stop),
            report_progress=self._report,
            is_cancelled=self._stop.is_set,
            report_text=self._speaker.say,
        )

    def _report(self, per_cent: int) -> None:
        self._progress = max(self._progress, min(100, per_cent))

    def _send_heartbeats(self) -> None:
        while not self._ended.wait(self._lease.heartbeat_interval_s):
            try:
                if self._api.heartbeat(self._lease, self._progress):
                    self._lose()
            except ApiError as error:
                self._log.warning("heartbeat failed", code=error.error_code)
                self._refused(error.error_code)
            except AitbcError as error:
                self._log.warning("heartbeat failed", error=error)
            if self._lost.is_set():
                return

    def _refused(self, code: str) -> None:
        """Stop the work if a refusal of the node means that the attempt is over."""
        if code in LOST_CODES:
            self._lose()

    def _lose(self) -> None:
        self._lost.set()
        self._stop.set()

    def _entry(self, output: Output, started_ms: int) -> SpoolEntry:
        lease, salt = self._lease, os.urandom(32)
        document = output.document()
        digest = self._signer.tags.result_digest(
            lease.job_digest, lease.attempt, self._signer.address, salt, canonical_json(document)
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
        receipt = self._signer.sign(action)
        return SpoolEntry(
            job_id=lease.job_id,
            attempt=lease.attempt,
            transaction=receipt.signed.hex(),
            valid_until_ms=receipt.valid_until_ms,
            deadline_ms=lease.deadline_ms,
            output=document,
            salt=salt.hex(),
        )

    def _give_up(self, verb: str, reason: str, message: str) -> None:
        if self._lost.is_set():
            self._log.warning("stopped: the attempt is over at the coordinator")
            return
        self._log.warning("gives up", reason=reason, message=message)
        lease, code = self._lease, REASONS[reason]
        try:
            release = self._signer.sign(
                action_array(
                    "release_job", job_id=lease.job_digest, attempt=lease.attempt, reason=code
                )
            )
            text = message[:MESSAGE_CHARACTERS_MAX]
            self._api.give_up(lease, verb, reason, text, release.signed)
        except AitbcError as error:
            # The lease runs out by itself; the job costs its client time and nothing else.
            self._log.warning("could not give up", error=error)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
