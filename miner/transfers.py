"""Artifacts of jobs, fetched from and stored at the node."""

from pathlib import Path

from aitbc import ApiError, Client
from aitbc.errors import InvalidValue
from miner.work import BadInput


class NodeArtifacts:
    """Implements `work.Artifacts` with a node's artifact store."""

    def __init__(self, client: Client) -> None:
        """Use the node that `client` speaks to."""
        self._client = client

    def download(self, name: str, target: Path, bytes_max: int) -> None:
        """Fetch an artifact into `target`; see `work.Artifacts.download`."""
        try:
            self._client.download_artifact(name, target, bytes_max)
        except InvalidValue as error:
            raise BadInput("artifact", str(error)) from None
        except ApiError as error:
            if error.status in (404, 410):
                raise BadInput("artifact", f"{name} is not stored at the node") from None
            raise

    def upload(self, path: Path) -> str:
        """Store a file at the node and return its name."""
        return self._client.upload_artifact(path)
