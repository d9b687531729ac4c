"""Which databases a configuration names."""

from pathlib import Path
from typing import Any

import pytest

from node.config import ConfigInvalid, NodeConfig, parse_config
from node.databases import chain_url, coordinator_url, index_url

SERVER = "postgresql://aitbc@db.example/aitbc"


def config(**sections: Any) -> NodeConfig:
    coordinator = {"key_file": "c.key"} | sections.pop("coordinator", {})
    document = {"genesis": "g.json", "data_directory": "data", "coordinator": coordinator}
    return parse_config({**document, **sections}, Path("/node"))


def urls(told: NodeConfig) -> list[str]:
    return [chain_url(told), index_url(told), coordinator_url(told)]


def test_databases_are_files_in_the_data_folder_unless_something_is_said() -> None:
    names = ("chain", "index", "coordinator")
    assert urls(config()) == [f"sqlite:////node/data/{name}.db" for name in names]


@pytest.mark.parametrize("query", ["", "?sslmode=verify-full"])
def test_one_server_serves_all_of_them_each_in_its_schema(query: str) -> None:
    sign = "&" if query else "?"
    assert urls(config(store={"url": SERVER + query})) == [
        f"{SERVER}{query}{sign}schema={name}" for name in ("chain", "index", "coordinator")
    ]


def test_a_url_of_its_own_comes_first() -> None:
    own = ["sqlite:////fast/chain.db", "sqlite:////big/index.db", "postgresql:///other"]
    store = {"url": SERVER, "chain_url": own[0], "index_url": own[1]}
    assert urls(config(store=store, coordinator={"database_url": own[2]})) == own


def test_a_file_cannot_hold_all_of_them() -> None:
    with pytest.raises(ConfigInvalid, match=r"store\.url: has to begin with postgresql://"):
        chain_url(config(store={"url": "sqlite:////node/all.db"}))
