"""Where the parts of a snapshot come from: a folder, or a node over HTTP. Both are hostile."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from ledger.state_chunks import CHUNK_BYTES_MAX
from node.snapshots.errors import SnapshotUnreadable
from node.snapshots.format import MANIFEST_BYTES_MAX, MANIFEST_NAME

if TYPE_CHECKING:
    import httpx

TIMEOUT_S: Final = 60.0
"""Longest wait for a node's next bytes."""


class SnapshotSource(Protocol):
    """Gives parts by name."""

    @property
    def name(self) -> str:
        """What it is, for messages."""

    def read(self, part: str) -> bytes:
        """Return a part's bytes, bounded in length.

        Raises:
            SnapshotUnreadable: it cannot be had.
        """


class FolderSource:
    """A snapshot in a folder, as `SnapshotWriter` leaves it."""

    def __init__(self, folder: Path) -> None:
        """Read from a folder."""
        self._folder = folder

    @property
    def name(self) -> str:
        """The folder."""
        return str(self._folder)

    def read(self, part: str) -> bytes:
        """Return a file's bytes; see `SnapshotSource.read`."""
        path = self._folder / part
        limit = _limit(part)
        try:
            with path.open("rb") as file:
                data = file.read(limit + 1)
        except OSError as error:
            raise SnapshotUnreadable(f"{path} cannot be read: {error.strerror}") from None
        _check_length(str(path), len(data), limit)
        return data


class NodeSource:
    """A snapshot that a node serves."""

    def __init__(self, url: str, client: "httpx.Client") -> None:
        """Read from a node's API.

        Args:
            url: of the snapshot, such as ``http://node:8011/v1/chain/snapshots/1200``.
            client: makes the requests; the caller closes it.
        """
        self._url = url.rstrip("/")
        self._client = client

    @property
    def name(self) -> str:
        """The URL."""
        return self._url

    def read(self, part: str) -> bytes:
        """Return a part's bytes; see `SnapshotSource.read`."""
        import httpx  # noqa: PLC0415 - a running node only serves, and starts without a client

        url, limit = f"{self._url}/{part}", _limit(part)
        data = bytearray()
        try:
            with self._client.stream("GET", url, timeout=TIMEOUT_S) as response:
                response.raise_for_status()
                for piece in response.iter_bytes():
                    data += piece
                    _check_length(url, len(data), limit)
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            raise SnapshotUnreadable(f"{url} answers with status {status}") from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SnapshotUnreadable(f"{url} cannot be read: {error!r}") from None
        return bytes(data)


def _limit(part: str) -> int:
    return MANIFEST_BYTES_MAX if part == MANIFEST_NAME else CHUNK_BYTES_MAX


def _check_length(name: str, size: int, limit: int) -> None:
    if size > limit:
        raise SnapshotUnreadable(f"{name} is longer than {limit} bytes")
