"""Artifacts of jobs, fetched from and stored at the node."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from aitbc import ApiError, Client, ConnectionFailed, InvalidValue
from miner.work import BadInput, WorkCancelled

RETRY_S: Final = 2.0
_GONE: Final = frozenset({404, 410})
_SERVER_FAULT: Final = 500

_Result = TypeVar("_Result")


class NodeArtifacts:
    """Implements `work.Artifacts` with a node's artifact store.

    While the node does not answer, both directions wait for it: a restart of the coordinator must
    not cost finished work.
    """

    def __init__(self, client: Client, stop: threading.Event) -> None:
        """Use the node that `client` speaks to, until `stop` is set."""
        self._client = client
        self._stop = stop

    def download(self, name: str, target: Path, bytes_max: int) -> None:
        """Fetch an artifact into `target`; see `work.Artifacts.download`."""
        try:
            self._patiently(lambda: self._client.download_artifact(name, target, bytes_max))
        except InvalidValue as error:
            raise BadInput("input_url", str(error)) from None
        except ApiError as error:
            if error.status in _GONE:
                raise BadInput("input_url", f"{name} is not stored at the node") from None
            if error.error_code == "UNEXPECTED_ANSWER":
                raise BadInput("input_url", f"{name}: {error.detail}") from None
            raise

    def upload(self, path: Path) -> str:
        """Store a file at the node and return its name."""
        return self._patiently(lambda: self._client.upload_artifact(path))

    def _patiently(self, transfer: Callable[[], _Result]) -> _Result:
        while True:
            try:
                return transfer()
            except ConnectionFailed:
                pass
            except ApiError as error:
                if error.status < _SERVER_FAULT:
                    raise
            if self._stop.wait(RETRY_S):
                raise WorkCancelled
