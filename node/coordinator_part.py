"""The coordinator as a part of the node: its settings from the node's, its services, its routes."""

from dataclasses import dataclass
from pathlib import Path

from coordinator.api import HttpSide, build_http_side
from coordinator.config import CoordinatorConfig
from coordinator.http import HttpConfig, Quotas
from coordinator.services import Services, build_services
from ledger.store import IndexReader
from node.chain import ChainNode
from node.config import NodeConfig
from node.databases import coordinator_url
from node.keyring import Keyring
from node.passphrase import passphrase_from_file


@dataclass(frozen=True, slots=True)
class CoordinatorPart:
    """A coordinator that is put together and not started."""

    services: Services
    """What it does."""
    side: HttpSide
    """How it speaks HTTP."""


def build_coordinator(
    config: NodeConfig, keys: Keyring, chain: ChainNode, index: IndexReader
) -> CoordinatorPart | None:
    """Return the node's coordinator; None if the configuration names none.

    Args:
        config: the node's configuration.
        keys: holds the coordinator's key, and the faucet's on a devnet.
        chain: the node.
        index: final blocks and transactions.
    """
    section = config.coordinator
    if section is None:
        return None
    assert keys.coordinator is not None, "unlock_keys reads the key of a configured coordinator"
    assert section.artifact_directory is not None, "parse_config fills it in"
    settings = CoordinatorConfig(
        database_url=coordinator_url(config),
        artifact_dir=Path(section.artifact_directory),
        wrapping_key_path=Path(section.wrapping_key_file),
        account_key=keys.coordinator,
        is_devnet=section.devnet,
        faucet_key=keys.faucet,
        webhooks_to_loopback=section.webhooks_to_loopback,
    )
    services = build_services(settings, chain, index)
    return CoordinatorPart(services, build_http_side(services, index, http_settings(config)))


def http_settings(config: NodeConfig) -> HttpConfig:
    """Return what holds for every route of the API, with a coordinator or without.

    Raises:
        KeyFileError: the password of the shared limits cannot be read.
    """
    quotas = config.http.quotas
    return HttpConfig(
        is_devnet=config.coordinator is not None and config.coordinator.devnet,
        allowed_origins=frozenset(config.http.allowed_origins),
        quotas=Quotas(
            submit=quotas.submit,
            status=quotas.status,
            result=quotas.result,
            miner=quotas.miner,
            miners=quotas.miners,
            other=quotas.other,
        ),
        limits_url=config.http.limits_url,
        limits_password=_limits_password(config),
    )


def _limits_password(config: NodeConfig) -> str | None:
    """Return what opens the storage of shared limits.

    Raises:
        KeyFileError: its file cannot be read, is empty, or others can read it.
    """
    path = config.http.limits_password_file
    return None if path is None else passphrase_from_file(Path(path)).decode()
