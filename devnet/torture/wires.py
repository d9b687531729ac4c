"""What a wire between two nodes is to a scenario, however it is made."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

from devnet.torture.step_types import Step


class Wires(AbstractAsyncContextManager["Wires"], ABC):
    """All wires of a network, two for each pair of nodes; a context manager.

    A wire that is cut loses what is sent and says nothing: both ends have to find out.
    """

    lacks: ClassVar[tuple[type[Step], ...]]
    """Steps that wires of this kind cannot do."""

    def __init__(self, names: Iterable[str]) -> None:
        """Prepare a wire from each node to each other one."""
        names = list(names)
        self.ends = [(source, target) for source in names for target in names if source != target]
        """Source and target of each wire."""

    def host(self, name: str) -> str:  # noqa: ARG002 - others differ by node
        """Return the address at which this machine reaches a node."""
        return "127.0.0.1"

    def launcher(self, name: str) -> tuple[str, ...]:  # noqa: ARG002 - others differ by node
        """Return the program that a node's process is started by, empty for none."""
        return ()

    @abstractmethod
    def peer_address(self, source: str, target: str) -> str:
        """Return where `source` reaches `target`, ``host:port``."""

    @abstractmethod
    def cut(self, source: str, target: str) -> None:
        """Let nothing through from `source` to `target`; the other direction stays."""

    @abstractmethod
    async def tear(self, name: str) -> None:
        """Close all connections of a node."""

    @abstractmethod
    def slow(self, names: Iterable[str], delay_s: float, bytes_per_s: float) -> None:
        """Slow all wires from and to some nodes.

        Args:
            names: the nodes.
            delay_s: time one way.
            bytes_per_s: what fits through.
        """

    @abstractmethod
    def heal(self) -> None:
        """Let everything through again at full speed."""

    def part(self, groups: Iterable[Iterable[str]]) -> None:
        """Let nothing through between nodes of different groups; who is in none is alone."""
        group_of: dict[str, int | str] = {
            name: at for at, group in enumerate(groups) for name in group
        }
        for source, target in self.ends:
            if group_of.get(source, source) != group_of.get(target, target):
                self.cut(source, target)
