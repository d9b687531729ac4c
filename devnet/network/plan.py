"""Which nodes a local network has: names, roles and ports."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from devnet.network.ports import FreePorts
from ledger.params import VALIDATORS_MAX

VALIDATORS_DEFAULT = 4
"""The smallest network that goes on when one validator fails: f = ⌊(4 − 1) / 3⌋ = 1."""

FOLLOWERS_MAX = 16
"""Bounds the processes of one machine; a node takes 32 peers from one address."""


COORDINATORS_MAX = 8
"""Each has a miner, which holds a language model in memory."""

LOOPBACK = "127.0.0.1"

P2P_PORTS_ABOVE = 1_000
"""A node's port for peers is its API's port and this, where it is free."""


class Store(StrEnum):
    """Where nodes keep their databases."""

    SQLITE = "sqlite"
    """In files of their data folders."""
    POSTGRESQL = "postgresql"
    """In a server of the network's own, a database for each node."""


@dataclass(frozen=True, slots=True)
class Shape:
    """How many nodes of each kind, and where they keep their databases."""

    validators: int = VALIDATORS_DEFAULT
    """Validators that the genesis names."""
    followers: int = 0
    """Nodes that follow and vote for nothing."""
    coordinators: int = 1
    """Validators, counted from the first, that also run a coordinator."""
    store: Store = Store.SQLITE
    """Where all of them keep their databases."""

    def __post_init__(self) -> None:
        """Assert what callers have checked."""
        assert 1 <= self.validators <= VALIDATORS_MAX
        assert 0 <= self.followers <= FOLLOWERS_MAX
        assert 0 <= self.coordinators <= self.validators


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A node of the network."""

    name: str
    """Name of its folder, its log and its lines: ``node-1``, ``follower-1``."""
    key: str | None
    """Name of its validator key file; None for a follower."""
    coordinator: str | None
    """Name of its coordinator key file; None where no coordinator runs."""
    http_ports: tuple[int, ...]
    """Ports of its API; links show the first."""
    p2p_port: int
    """Port at which its peers reach it."""
    host: str = LOOPBACK
    """Address of its ports, reached from this machine only."""

    @property
    def url(self) -> str:
        """Address of its API and pages, for people."""
        return f"http://localhost:{self.http_ports[0]}"

    @property
    def database(self) -> str:
        """Name of its database, where the network has a server."""
        return self.name.replace("-", "_")

    @property
    def role(self) -> str:
        """What it is, in a word."""
        return "validator" if self.key else "follower"


def validator_name(number: int) -> str:
    """Return the name of a validator's key, counted from 1."""
    return f"validator-{number}"


def coordinator_name(number: int) -> str:
    """Return the name of a coordinator's key, counted from 1."""
    return f"coordinator-{number}"


def plan_nodes(
    shape: Shape, api_ports: Sequence[int], free: FreePorts | None = None
) -> tuple[NodePlan, ...]:
    """Return the nodes of a network, validators first.

    Args:
        shape: how many of each kind.
        api_ports: ports of the first node's API; the other nodes get the next ones where free.
        free: gives all other ports; a network of its own machine has its own.

    Raises:
        PortInUse: the machine has not enough free ports.
    """
    free = free or FreePorts(api_ports)
    plans = []
    for at in range(shape.validators + shape.followers):
        number = at + 1
        is_validator = number <= shape.validators
        plans.append(
            NodePlan(
                name=f"node-{number}" if is_validator else f"follower-{number - shape.validators}",
                key=validator_name(number) if is_validator else None,
                coordinator=coordinator_name(number) if number <= shape.coordinators else None,
                http_ports=(free.take(api_ports[0] + at),) if at else tuple(api_ports),
                p2p_port=free.take(api_ports[0] + P2P_PORTS_ABOVE + at),
            )
        )
    return tuple(plans)
