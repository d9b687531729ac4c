"""Where a node's databases are: SQLite files in its data folder, unless a URL says otherwise.

A URL of a PostgreSQL server serves all of them, each in a schema of its own; see docs/storage.md.
"""

from pathlib import Path
from typing import Final

from node.config import ConfigInvalid, NodeConfig

_SERVERS: Final = ("postgresql://", "postgresql+psycopg://")


def chain_url(config: NodeConfig) -> str:
    """Return where blocks and state are.

    Raises:
        ConfigInvalid: `store.url` names no server.
    """
    return config.store.chain_url or _place_of(config, "chain")


def index_url(config: NodeConfig) -> str:
    """Return where the index is.

    Raises:
        ConfigInvalid: as `chain_url`.
    """
    return config.store.index_url or _place_of(config, "index")


def coordinator_url(config: NodeConfig) -> str:
    """Return where the database of the node's coordinator is.

    Raises:
        ConfigInvalid: as `chain_url`.
    """
    assert config.coordinator is not None, "only a node with a coordinator asks"
    return config.coordinator.database_url or _place_of(config, "coordinator")


def _place_of(config: NodeConfig, name: str) -> str:
    """Return the URL of a database that has none of its own."""
    url = config.store.url
    if url is None:
        return f"sqlite:///{Path(config.data_directory) / name}.db"
    if not url.startswith(_SERVERS):
        raise ConfigInvalid(
            "store.url",
            "has to begin with postgresql://; without it SQLite files are in the data folder, or "
            "where store.chain_url and store.index_url say",
        )
    return f"{url}{'&' if '?' in url else '?'}schema={name}"
