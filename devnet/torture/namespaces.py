"""Wires between nodes as packets: each node has a network namespace of its own on one bridge.

Needs root and `ip`. A wire is cut by a neighbour entry that leads nowhere: packets leave the node
and are lost, and neither end is told. So here the kernel's TCP finds out what happens when packets
are lost, where a proxy only holds bytes back.
"""

import os
import random
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from typing import Self

from devnet.network.errors import DevnetError
from devnet.torture.step_types import Slow, Tear
from devnet.torture.wires import Wires

NOWHERE = "02:00:00:00:00:ff"
"""A link-layer address that nobody has."""


class NamespacesMissing(DevnetError):
    """This machine does not let this process make network namespaces; says what it said."""

    exit_code = 3


class NamespaceWires(Wires):
    """All wires of a network, made of the system's own; a context manager."""

    lacks = (Slow, Tear)

    def __init__(self, p2p_ports: Mapping[str, int]) -> None:
        """Choose names and addresses; nothing is made yet.

        Args:
            p2p_ports: where each node listens for peers, by its name.
        """
        super().__init__(p2p_ports)
        self._ports = dict(p2p_ports)
        self._numbers = {name: number for number, name in enumerate(p2p_ports, 1)}
        self._network = f"10.{random.randrange(200, 250)}.{random.randrange(256)}"
        self._tag = f"ai{os.getpid() % 1_000_000}"
        self._cuts: set[tuple[str, str]] = set()
        self._made = False

    async def __aenter__(self) -> Self:
        """Make the bridge and the namespaces.

        Raises:
            NamespacesMissing: this process may not.
        """
        bridge = self._tag
        try:
            _ip("link", "add", bridge, "type", "bridge")
            self._made = True
            _ip("address", "add", f"{self._network}.254/24", "dev", bridge)
            _ip("link", "set", bridge, "up")
            for name, number in self._numbers.items():
                space, outside = self._space(name), f"{self._tag}-{number}"
                _ip("netns", "add", space)
                _ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", space)
                _ip("link", "set", outside, "master", bridge, "up")
                _ip("-n", space, "address", "add", f"{self.host(name)}/24", "dev", "eth0")
                for device in ("lo", "eth0"):
                    _ip("-n", space, "link", "set", device, "up")
        except NamespacesMissing:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        """Take everything away; no process is left in a namespace."""
        if self._made:
            for name in self._numbers:
                _ip("netns", "delete", self._space(name), is_needed=False)
            _ip("link", "delete", self._tag)
            self._made = False

    def host(self, name: str) -> str:
        """Return a node's address on the bridge."""
        return f"{self._network}.{self._numbers[name]}"

    def launcher(self, name: str) -> tuple[str, ...]:
        """Return the program that starts another one in a node's namespace."""
        return (_program(), "netns", "exec", self._space(name))

    def peer_address(self, source: str, target: str) -> str:  # noqa: ARG002 - the same for all
        """Return a node's own address."""
        return f"{self.host(target)}:{self._ports[target]}"

    def cut(self, source: str, target: str) -> None:
        """Let the packets of `source` to `target` lead nowhere."""
        entry = ("neighbour", "replace", self.host(target), "lladdr", NOWHERE, "dev", "eth0")
        _ip("-n", self._space(source), *entry, "nud", "permanent")
        self._cuts.add((source, target))

    async def tear(self, name: str) -> None:
        """Not possible: see `lacks`."""
        raise NotImplementedError(f"connections of {name} cannot be torn")

    def slow(self, names: Iterable[str], delay_s: float, bytes_per_s: float) -> None:
        """Not possible: see `lacks`."""
        raise NotImplementedError(f"wires of {names} cannot take {delay_s} s at {bytes_per_s}")

    def heal(self) -> None:
        """Forget where the packets went."""
        for source, target in self._cuts:
            entry = ("neighbour", "delete", self.host(target), "dev", "eth0")
            _ip("-n", self._space(source), *entry)
        self._cuts.clear()

    def _space(self, name: str) -> str:
        return f"{self._tag}-{name}"


def _ip(*arguments: str, is_needed: bool = True) -> None:
    """Run `ip`.

    Raises:
        NamespacesMissing: it failed.
    """
    done = subprocess.run([_program(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode and is_needed:
        raise NamespacesMissing(f"ip {' '.join(arguments)}: {done.stderr.strip()}")


def _program() -> str:
    found = shutil.which("ip", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin:/sbin")
    if found is None:
        raise NamespacesMissing("there is no program named ip: install iproute2")
    return found
