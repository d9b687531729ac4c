"""The miner: register, poll, claim, work, deliver; until told to stop."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aitbc import AitbcError, ApiError, Client, RetryPolicy, SigningKey
from miner.attempt import Attempt
from miner.delivery import Courier
from miner.log import Log
from miner.node_api import NodeApi
from miner.registration import Capabilities, register
from miner.removal import remove_folder
from miner.runners.python import PythonRunner
from miner.signing import ChainClock, Signer
from miner.spool import Spool, SpoolEntry
from miner.work import Output, Runner, RunnerFailed, Work

POLL_WAIT_S = 20
"""How long a poll waits for work."""

RETRY_S = 2.0
"""Pause after a fault of the node before asking again."""

CLAIM_REFUSED_S = 0.2
"""Pause after somebody else was faster, so that a stale suggestion is not asked for in a loop."""

_REGISTRATION_FINAL = frozenset({400, 401, 403, 409})


@dataclass(frozen=True)
class Settings:
    """What a miner is told by its operator."""

    name: str
    """Name to register under."""
    node_urls: Sequence[str]
    """Nodes; the first one's coordinator gives the work, receipts go to the first two (J8)."""
    directory: Path
    """Where spool and scratch files are."""
    api_key: str | None = None
    """Key with the scope `miner`; a loopback devnet needs none."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Model names that a model of this machine answers for (S3)."""
    price: str | None = None
    """Asked price of a job, a decimal text of AITBC; None takes the service's own."""
    price_floor: int = 0
    """The same in nait, 0 for None."""


class _PollInterrupted(Exception):
    """The operator's signal came while nothing but a poll was going on."""


class Agent:
    """A miner at work. `run` returns when it was drained or the node refused it for good."""

    def __init__(
        self, settings: Settings, key: SigningKey, runners: Sequence[Runner], log: Log
    ) -> None:
        """Prepare; no connection is opened yet."""
        self._settings = settings
        self._key = key
        self._runners = {runner.service: runner for runner in runners}
        self._log = log
        self._stopping = threading.Event()
        self._aborting = threading.Event()
        self._attempt: Attempt | None = None
        self._is_polling = False
        settings.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._scratch = settings.directory / "scratch"
        # A miner that was killed leaves files of its last job behind.
        try:
            remove_folder(self._scratch)
        except OSError as error:
            log.warning("could not remove files of an earlier job", error=error)
        self._scratch.mkdir(mode=0o700, exist_ok=True)
        self._nodes = [
            Client(url, settings.api_key, retry=RetryPolicy(attempts=3))
            for url in settings.node_urls
        ]
        self._api = NodeApi(self._nodes[0], settings.name)
        self._spool = Spool(settings.directory / "spool")

    def drain(self) -> None:
        """Finish the current job, take no further one, and return from `run`.

        Meant for a signal handler of the thread that runs `run`: a poll that waits for work is
        ended by an exception, since nothing is lost with it.
        """
        self._stopping.set()
        if self._is_polling:
            raise _PollInterrupted

    def abort(self) -> None:
        """Stop the current job too, or the one that is being claimed; it is released."""
        self._stopping.set()
        self._aborting.set()
        if self._attempt is not None:
            self._attempt.stop()

    def run(self) -> None:
        """Register and work until drained.

        Raises:
            ApiError: the registration was refused for good.
        """
        try:
            signer = self._register()
            if signer is not None:
                courier = Courier(self._api, self._nodes, self._spool, signer, self._log)
                while not self._stopping.is_set():
                    self._turn(signer, courier)
        except _PollInterrupted:
            pass
        finally:
            for node in self._nodes:
                node.close()

    def _turn(self, signer: Signer, courier: Courier) -> None:
        """Deliver what is left, then wait for a job and do it."""
        try:
            courier.deliver_spooled(self._stopping)
            job_id, reasons = self._poll()
            if job_id is not None:
                self._work_on(job_id, signer, courier)
            elif reasons:
                self._log.info("no work", reasons=reasons)
        except AitbcError as error:
            self._log.warning("node fault", error=error)
            self._stopping.wait(RETRY_S)

    def _poll(self) -> tuple[str | None, dict[str, int]]:
        self._is_polling = not self._stopping.is_set()
        try:
            return self._api.poll(POLL_WAIT_S)
        finally:
            self._is_polling = False

    def _register(self) -> Signer | None:
        while not self._stopping.is_set():
            try:
                challenge = register(self._api, self._key, self._capabilities())
            except ApiError as error:
                if error.status in _REGISTRATION_FINAL:
                    raise
                self._log.warning("registration failed", error=error)
            except AitbcError as error:
                self._log.warning("registration failed", error=error)
            else:
                self._log.info("registered", miner_id=self._settings.name)
                clock = ChainClock(self._api.client, challenge.chain_time_ms)
                return Signer(self._key, challenge.tags, clock)
            self._stopping.wait(RETRY_S)
        return None

    def _capabilities(self) -> Capabilities:
        entries = [
            entry
            for service, runner in sorted(self._runners.items())
            for entry in (service, *runner.models)
        ]
        python = self._runners.get(PythonRunner.service)
        return Capabilities(
            entries=entries,
            aliases=self._settings.aliases,
            gpu_info={},
            price=self._settings.price,
            price_floor=self._settings.price_floor,
            python=python.support() if isinstance(python, PythonRunner) else None,
        )

    def _work_on(self, job_id: str, signer: Signer, courier: Courier) -> None:
        try:
            lease = self._api.claim(job_id)
        except ApiError as error:
            self._log.info("claim refused", job_id=job_id, code=error.error_code)
            self._stopping.wait(CLAIM_REFUSED_S)
            return
        attempt = Attempt(self._api, self._nodes[-1], signer, lease, self._log)
        self._attempt = attempt
        if self._aborting.is_set():
            # The signal came while the claim was under way, and found no attempt to stop.
            attempt.stop()
        try:
            runner = self._runners.get(lease.service) or _NoRunner(lease.service)
            entry = attempt.run(runner, self._scratch)
        finally:
            self._attempt = None
        if entry is not None:
            self._write_down(entry)
            courier.deliver(entry, self._stopping)

    def _write_down(self, entry: SpoolEntry) -> None:
        try:
            self._spool.add(entry)
        except OSError as error:
            # It can be delivered all the same; only a death before that would lose it.
            self._log.warning("could not keep finished work on disk", error=error)


class _NoRunner:
    """Stands for a runner that this machine does not have."""

    models: tuple[str, ...] = ()

    def __init__(self, service: str) -> None:
        self.service = service

    def run(self, work: Work) -> Output:
        """Refuse: another miner may have it."""
        raise RunnerFailed(f"this miner has no runner for {work.service}")

    def close(self) -> None:
        """Nothing to end."""
