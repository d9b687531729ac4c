"""Where a job's input file comes from: an artifact of the node, or a public address.

An address is hostile: a miner stands in somebody's network, and a job must not reach what is in
there. So the name is resolved once, every answer must be a public address, the connection goes to
the address that was checked, and redirects are not followed.
"""

import hashlib
import ipaddress
import re
import socket
import time
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, urlsplit

import httpx

from miner.work import Artifacts, BadInput

ARTIFACT: Final = re.compile(r"artifact:(sha256:[0-9a-f]{64})", re.ASCII)
DOWNLOAD_SECONDS_MAX: Final = 300.0
_EXCHANGE_TIMEOUT_S: Final = 30.0
_FIELD: Final = "input_url"


def fetch_source(reference: str, target: Path, bytes_max: int, artifacts: Artifacts) -> str:
    """Fetch what `reference` names into `target` and return its SHA-256 in hex.

    Args:
        reference: ``artifact:sha256:…``, or a public http or https address.
        target: file to write.
        bytes_max: largest content.
        artifacts: where artifacts come from.

    Raises:
        BadInput: neither form, refused, unreachable, or too large.
    """
    if found := ARTIFACT.fullmatch(reference):
        artifacts.download(found.group(1), target, bytes_max)
    else:
        _fetch_url(_checked_url(reference), target, bytes_max)
    with target.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checked_url(reference: str) -> SplitResult:
    try:
        url = urlsplit(reference)
        _ = url.port
    except ValueError:
        raise BadInput(_FIELD, "is not an address") from None
    if url.scheme not in ("http", "https") or not url.hostname:
        raise BadInput(_FIELD, "must be artifact:sha256:… or a public http or https address")
    if url.username is not None or url.password is not None:
        raise BadInput(_FIELD, "must not carry a user name or password")
    return url


def public_address(host: str, port: int) -> str:
    """Return one address of `host`, after checking that all of them are public.

    Raises:
        BadInput: the name is unknown, or one of its addresses is not public.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise BadInput(_FIELD, "names a host that cannot be found") from None
    addresses = [ipaddress.ip_address(answer[4][0]) for answer in answers]
    for address in addresses:
        mapped = getattr(address, "ipv4_mapped", None)
        if not (mapped or address).is_global or address.is_multicast:
            raise BadInput(_FIELD, "names a host that is not on the public internet")
    return str(addresses[0])


def _fetch_url(url: SplitResult, target: Path, bytes_max: int) -> None:
    host = url.hostname or ""
    port = url.port or (443 if url.scheme == "https" else 80)
    address = public_address(host, port)
    literal = f"[{address}]" if ":" in address else address
    pinned = url._replace(netloc=f"{literal}:{port}", fragment="").geturl()
    deadline = time.monotonic() + DOWNLOAD_SECONDS_MAX
    try:
        with (
            httpx.Client(
                timeout=_EXCHANGE_TIMEOUT_S, follow_redirects=False, trust_env=False
            ) as client,
            client.stream(
                "GET", pinned, headers={"Host": url.netloc}, extensions={"sni_hostname": host}
            ) as response,
        ):
            if response.status_code != httpx.codes.OK:
                raise BadInput(_FIELD, f"answers with status {response.status_code}")
            _save(response, target, bytes_max, deadline)
    except httpx.HTTPError:
        raise BadInput(_FIELD, "cannot be fetched") from None


def _save(response: httpx.Response, target: Path, bytes_max: int, deadline: float) -> None:
    size = 0
    with target.open("wb") as file:
        for piece in response.iter_bytes(1 << 16):
            size += len(piece)
            if size > bytes_max:
                raise BadInput(_FIELD, f"has more than {bytes_max} bytes")
            if time.monotonic() > deadline:
                raise BadInput(_FIELD, f"takes more than {DOWNLOAD_SECONDS_MAX:.0f} s to fetch")
            file.write(piece)
