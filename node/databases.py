"""Where a node's databases are: SQLite files in its data folder, unless a URL says otherwise."""

from pathlib import Path

from node.config import NodeConfig


def database_url(config: NodeConfig, name: str) -> str:
    """Return the URL of the SQLite file of that name in the data folder."""
    return f"sqlite:///{Path(config.data_directory) / name}.db"


def chain_url(config: NodeConfig) -> str:
    """Return where blocks and state are."""
    return config.store.chain_url or database_url(config, "chain")


def index_url(config: NodeConfig) -> str:
    """Return where the index is."""
    return config.store.index_url or database_url(config, "index")
