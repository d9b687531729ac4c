"""A miner without a key of its own that speaks the REST protocol, for tests against real nodes."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from tests.processes import NodeProcess

WAIT_S = 2
"""How long one poll waits; a miner that is to stop does so within that."""


@dataclass(frozen=True)
class RestMiner:
    """A registered miner."""

    node: NodeProcess
    name: str

    @classmethod
    def registered(cls, node: NodeProcess, name: str, *capabilities: str) -> "RestMiner":
        """Register a miner."""
        with node.client() as client:
            body = {"miner_id": name, "capabilities": capabilities}
            client.post("/v1/miners/register", json=body).raise_for_status()
        return cls(node, name)

    def do_next_job(self, result: str, *spoken: str) -> bool:
        """Do a job, if one comes: say the texts while working, then complete it."""
        with self.node.client() as client:
            body = {"miner_id": self.name, "wait_s": WAIT_S}
            polled = client.post("/v1/miners/poll", json=body).raise_for_status().json()
            if polled.get("job") is None:
                return False
            path = f"/v1/jobs/{polled['job']['job_id']}"
            self._work(client, path, result, spoken)
            return True

    def _work(self, client: httpx.Client, path: str, result: str, spoken: tuple[str, ...]) -> None:
        named = {"miner_id": self.name}
        claimed = client.post(f"{path}/claim", json=named).raise_for_status().json()
        offset = 0
        for text in spoken:
            said = {"attempt": claimed["attempt"], "offset": offset, "text": text}
            client.post(f"{path}/progress", json=named | said).raise_for_status()
            offset += len(text)
        client.post(f"{path}/complete", json=named | {"result": result}).raise_for_status()

    @contextmanager
    def working(self, result: str, *spoken: str) -> Iterator[None]:
        """Do each job that comes while the context lasts, in a thread.

        Raises:
            httpx.HTTPError: the node refused something.
        """
        stop = threading.Event()
        failures: list[httpx.HTTPError] = []

        def work() -> None:
            try:
                while not stop.is_set():
                    self.do_next_job(result, *spoken)
            except httpx.HTTPError as error:
                failures.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        if failures:
            raise failures[0]
