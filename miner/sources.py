"""Where a job's input file comes from: an artifact of the node, or a public address.

An address is hostile: a miner stands in somebody's network, and a job must not reach what is in
there. So the name is resolved once, every answer must be a public address, the connection goes to
the address that was checked, and redirects are not followed.
"""

import hashlib
import ipaddress
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpcore
import httpx

from miner.work import Artifacts, BadInput

ARTIFACT: Final = re.compile(r"artifact:(sha256:[0-9a-f]{64})", re.ASCII)
DOWNLOAD_SECONDS_MAX: Final = 300.0
_EXCHANGE_TIMEOUT_S: Final = 30.0
_PIECE_BYTES: Final = 1 << 16
_FIELD: Final = "input_url"
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def public_address(host: str, port: int) -> str:
    """Return one address of `host`, after checking that all of them are public.

    Raises:
        BadInput: the name is unknown, or one of its addresses is not public.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [ipaddress.ip_address(answer[4][0]) for answer in answers]
    except (OSError, ValueError):
        raise BadInput(_FIELD, "names a host that cannot be found") from None
    if not addresses or not all(is_public(address) for address in addresses):
        raise BadInput(_FIELD, "names a host that is not on the public internet")
    return str(addresses[0])


def is_public(address: IpAddress) -> bool:
    """Return whether an address, and any address inside it, is one of the public internet."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or _in_nat64(address)
        if address.teredo is not None or address.is_site_local:
            return False
        if inner is not None:
            return is_public(inner)
    special = address.is_multicast or address.is_reserved or address.is_unspecified
    return address.is_global and not special


def _in_nat64(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(address.packed[-4:]) if address in _NAT64 else None


@dataclass(frozen=True)
class Bounds:
    """What fetching a file may take, and where it may go."""

    bytes_max: int
    """Largest content."""
    seconds_max: float = DOWNLOAD_SECONDS_MAX
    """Longest time of a download from an address, whatever the server does."""
    locate: Callable[[str, int], str] = public_address
    """Returns the address of a host and port, or raises `BadInput`."""


def fetch_source(reference: str, target: Path, bounds: Bounds, artifacts: Artifacts) -> str:
    """Fetch what `reference` names into `target` and return its SHA-256 in hex.

    Args:
        reference: ``artifact:sha256:…``, or a public http or https address.
        target: file to write.
        bounds: what it may take.
        artifacts: where artifacts come from.

    Raises:
        BadInput: neither form, refused, unreachable, or too large.
    """
    if found := ARTIFACT.fullmatch(reference):
        artifacts.download(found.group(1), target, bounds.bytes_max)
    else:
        _fetch_url(_checked_url(reference), target, bounds)
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked_url(reference: str) -> SplitResult:
    try:
        url = urlsplit(reference)
        _ = url.port
    except ValueError:
        raise BadInput(_FIELD, "is not an address") from None
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise BadInput(_FIELD, "must be artifact:sha256:… or a public http or https address")
    if url.username is not None or url.password is not None:
        raise BadInput(_FIELD, "must not carry a user name or password")
    if not reference.isascii() or not reference.isprintable() or " " in reference:
        raise BadInput(_FIELD, "has characters that addresses must write as %XX")
    return url


def _fetch_url(url: SplitResult, target: Path, bounds: Bounds) -> None:
    host = url.hostname or ""
    port = url.port or (443 if url.scheme == "https" else 80)
    address = bounds.locate(host, port)
    literal = f"[{address}]" if ":" in address else address
    pinned = url._replace(netloc=f"{literal}:{port}", fragment="").geturl()
    watch = _Watch(bounds.seconds_max)
    try:
        with (
            watch,
            httpx.Client(
                timeout=min(_EXCHANGE_TIMEOUT_S, bounds.seconds_max),
                follow_redirects=False,
                trust_env=False,
            ) as client,
            client.stream(
                "GET",
                pinned,
                # No compression: the limit is on what is sent, and it cannot unfold to more.
                headers={"Host": url.netloc, "Accept-Encoding": "identity"},
                extensions={"sni_hostname": host, "trace": watch.trace},
            ) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise BadInput(_FIELD, f"answers with status {response.status_code}")
            _save(response.iter_raw(_PIECE_BYTES), target, bounds.bytes_max)
    except (httpx.HTTPError, httpx.InvalidURL):
        if watch.is_over:
            text = f"takes more than {bounds.seconds_max:.0f} s to fetch"
            raise BadInput(_FIELD, text) from None
        raise BadInput(_FIELD, "cannot be fetched") from None


def _save(pieces: Iterator[bytes], target: Path, bytes_max: int) -> None:
    size = 0
    with target.open("wb") as file:
        for piece in pieces:
            size += len(piece)
            if size > bytes_max:
                raise BadInput(_FIELD, f"has more than {bytes_max} bytes")
            file.write(piece)


class _Watch:
    """Cuts a connection when its time is over.

    Time limits of single reads do not bound a server that sends a byte now and then.
    """

    def __init__(self, seconds: float) -> None:
        self.is_over = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        self._timer.join()

    def trace(self, event: str, info: Mapping[str, object]) -> None:
        """Learn of the connection from httpx."""
        if event in {"connection.connect_tcp.complete", "connection.start_tls.complete"}:
            stream = info["return_value"]
            assert isinstance(stream, httpcore.NetworkStream)
            with self._lock:
                self._sockets.append(stream.get_extra_info("socket"))
                if self.is_over:
                    self._shut()

    def _cut(self) -> None:
        with self._lock:
            self.is_over = True
            self._shut()

    def _shut(self) -> None:
        for connection in self._sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
