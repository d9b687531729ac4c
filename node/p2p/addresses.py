"""Where peers can be dialled: ``host:port``, with the key that has to answer if it is known."""

import ipaddress
import re
from dataclasses import dataclass
from typing import ClassVar, Final

from ledger.errors import KeyInvalid
from ledger.keys import check_public_key
from ledger.types import PublicKey

ADDRESS_CHARACTERS_MAX: Final = 255
"""Longest host name is 253 characters."""

_HOST_NAME: Final = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63})*")

_PORT: Final = re.compile(r"[1-9][0-9]{0,4}")


class AddressInvalid(ValueError):
    """A text that names no place to dial or to listen."""

    code: ClassVar[str] = "ADDRESS_INVALID"

    def __init__(self, text: str, wanted: str) -> None:
        """Quote the text, and give an example of what is wanted."""
        super().__init__(f"{text[:ADDRESS_CHARACTERS_MAX]!r} is not {wanted}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A place to dial."""

    host: str
    """Numeric address or host name."""
    port: int
    """TCP port."""

    def __str__(self) -> str:
        """Return it as `parse_endpoint` takes it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class KnownEndpoint:
    """A place to dial, and who has to answer."""

    endpoint: Endpoint
    """Where."""
    key: PublicKey | None
    """The only key that is accepted there; None accepts any."""


def parse_endpoint(text: str) -> Endpoint:
    """Return the place that ``host:port`` names.

    Raises:
        AddressInvalid: neither a numeric address nor a host name, or no port from 1 to 65535.
    """
    host, _, port = text.rpartition(":")
    is_bracketed = host.startswith("[") and host.endswith("]")
    if is_bracketed:
        host = host[1:-1]
    is_host = is_numeric(host) if is_bracketed or ":" in host else _is_name(host)
    if (
        len(text) > ADDRESS_CHARACTERS_MAX
        or not is_host
        or is_bracketed != (":" in host)
        or not _PORT.fullmatch(port)
        or int(port) > 65_535
    ):
        raise AddressInvalid(text, "an address such as peer.example:8012 or [::1]:8012")
    return Endpoint(host, int(port))


def parse_known_endpoint(text: str) -> KnownEndpoint:
    """Return the place, and the key if there is one, of ``key@host:port``.

    Raises:
        AddressInvalid: see `parse_endpoint`; or the key is not 64 hex digits of a usable key.
    """
    key_text, separator, address = text.rpartition("@")
    if not separator:
        return KnownEndpoint(parse_endpoint(text), None)
    try:
        if len(key_text) != 64:
            raise ValueError
        key = bytes.fromhex(key_text)
        check_public_key(key)
    except (ValueError, KeyInvalid):
        raise AddressInvalid(text, "a public key in hex, @ and an address") from None
    return KnownEndpoint(parse_endpoint(address), key)


def parse_listen_address(text: str) -> tuple[str, int]:
    """Return the numeric address and the port to listen on; port 0 lets the system choose.

    Raises:
        AddressInvalid: not a numeric address with a port.
    """
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if not is_numeric(host) or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65_535:
        raise AddressInvalid(text, "an address such as 127.0.0.1:8012 or [::1]:8012")
    return host, int(port)


def neighbourhood(host: str) -> str:
    """Return what limits for each address count by: an IPv4 address, or an IPv6 /64.

    Whoever has one IPv6 address has all of its /64.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.IPv6Network((address, 64), strict=False))
    return str(address)


def is_numeric(host: str) -> bool:
    """Return whether a host is a numeric address and no name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return "%" not in host


def _is_name(host: str) -> bool:
    """Return whether a host is a name, or a numeric IPv4 address."""
    if re.fullmatch(r"[0-9.]+", host):
        return is_numeric(host)
    return len(host) <= 253 and _HOST_NAME.fullmatch(host) is not None
