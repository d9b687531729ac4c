"""The configuration of each node of a local network; written anew at every start."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import tomli_w

from devnet.network.directory import DevnetDirectory
from devnet.network.plan import LOOPBACK, NodePlan
from devnet.network.provision import FAUCET_KEY


@dataclass(frozen=True, slots=True)
class Wiring:
    """How one node reaches the others."""

    peers: Sequence[str]
    """Addresses that it dials, ``host:port``."""
    advertise: str | None
    """Address that it tells others; None where all are told by hand."""


@dataclass(frozen=True, slots=True)
class Extras:
    """What the nodes of a network have beyond the ordinary."""

    sections: Mapping[str, Any] = field(default_factory=dict)
    """Members of every node's configuration; they come before the ordinary ones, at any depth."""


def direct_wiring(node: NodePlan, nodes: Sequence[NodePlan]) -> Wiring:
    """Return the wiring of a network without proxies: validators dial validators, all dial them."""
    peers = [_peer_address(other) for other in nodes if other.key and other is not node]
    return Wiring(peers, _peer_address(node) if node.key else None)


def write_config(
    directory: DevnetDirectory, node: NodePlan, wiring: Wiring, extras: Extras = Extras()
) -> None:
    """Write a node's configuration into its folder, which is made if it is missing."""
    config = _merged(_config(directory, node, wiring), extras.sections)
    directory.folder(node.name).mkdir(parents=True, exist_ok=True)
    directory.config_file(node.name).write_text(tomli_w.dumps(config))


def _config(directory: DevnetDirectory, node: NodePlan, wiring: Wiring) -> dict[str, Any]:
    passphrase = str(directory.passphrase)
    config: dict[str, Any] = {
        "data_directory": str(directory.data(node.name)),
        "genesis": str(directory.genesis),
        "http": {"listen": _api_addresses(node)},
        # A network's processes share two cores or so: each verifies for itself.
        "signatures": {"workers": 1 if node.coordinator else 0},
        "environment": "devnet",
        "check_invariants": True,
        "log": {"format": "console", "level": "info"},
    }
    if wiring.peers:
        config["p2p"] = {"listen": [_peer_address(node)], "peers": list(wiring.peers)}
        if wiring.advertise:
            config["p2p"]["advertise"] = wiring.advertise
    if node.key:
        key_file = str(directory.key_file(node.key))
        config["validator"] = {"key_file": key_file, "passphrase_file": passphrase}
    if node.coordinator:
        config["coordinator"] = {
            "key_file": str(directory.key_file(node.coordinator)),
            "passphrase_file": passphrase,
            "devnet": True,
            "webhooks_to_loopback": True,
            "faucet_key_file": str(directory.key_file(FAUCET_KEY)),
        }
    return config


def _merged(ordinary: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(ordinary)
    for name, value in extra.items():
        is_table = isinstance(value, Mapping)
        merged[name] = _merged(ordinary.get(name, {}), value) if is_table else value
    return merged


def _api_addresses(node: NodePlan) -> list[str]:
    hosts = [node.host, "[::1]"] if node.host == LOOPBACK else [node.host]
    return [f"{host}:{port}" for port in node.http_ports for host in hosts]


def _peer_address(node: NodePlan) -> str:
    return f"{node.host}:{node.p2p_port}"
