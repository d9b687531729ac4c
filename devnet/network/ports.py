"""Ports of a local network: the ones that were asked for must be free, others are found."""

import errno
import random
import socket
from collections.abc import Sequence

from devnet.network.errors import PortInUse

FOUND_PORTS = range(20_000, 32_000)
"""Where free ports are looked for: below those that systems give to outgoing connections."""

_PORTS = 65_536
_LOOPBACKS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def require_free(ports: Sequence[int]) -> None:
    """Check that nothing listens on the loopback addresses at `ports`.

    Raises:
        PortInUse: something does; the text names the port and the remedy.
    """
    for port in ports:
        for family, host in _LOOPBACKS:
            _require_bindable(family, host, port)


class FreePorts:
    """Hands out ports that are free now, each one once."""

    def __init__(self, taken: Sequence[int] = ()) -> None:
        """Never give one of `taken`."""
        self._given = set(taken)

    def take(self, preferred: int = 0) -> int:
        """Return `preferred` if it is free, else any port that is.

        Raises:
            PortInUse: there is none.
        """
        for port in (preferred, *random.sample(FOUND_PORTS, len(FOUND_PORTS))):
            if 0 < port < _PORTS and port not in self._given and _is_free(port):
                self._given.add(port)
                return port
        raise PortInUse("this machine has no free port left")


def _is_free(port: int) -> bool:
    try:
        require_free((port,))
    except PortInUse:
        return False
    return True


def _require_bindable(family: socket.AddressFamily, host: str, port: int) -> None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PortInUse(
                f"port {port} is in use on {host}. If that is another devnet, use it or stop it; "
                "otherwise choose other ports: --port 8021 --port 8022"
            ) from None
        if family is not socket.AF_INET6:
            raise PortInUse(f"cannot listen on {host}:{port}: {error.strerror}") from None
