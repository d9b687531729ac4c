"""Checks, before anything starts, that the devnet's ports are free."""

import errno
import socket

from devnet.network.errors import PortInUse


def require_free(ports: tuple[int, ...]) -> None:
    """Check that nothing listens on the loopback addresses at `ports`.

    Raises:
        PortInUse: something does; the text names the port and the remedy.
    """
    for port in ports:
        for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            _require_bindable(family, host, port)


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
