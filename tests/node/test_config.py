"""Configuration: typed, complete, and every refusal names the field."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

import node
from node.config import (
    ConfigInvalid,
    ListenAddress,
    NodeConfig,
    listen_addresses,
    parse_config,
    read_config,
)

MINIMAL = {"genesis": "genesis.json", "data_directory": "data"}
KEY = {"key_file": "a.key", "passphrase_file": "a.pass"}


def test_paths_are_relative_to_the_file_that_names_them(tmp_path: Path) -> None:
    (tmp_path / "node.toml").write_text(
        'genesis = "genesis.json"\ndata_directory = "/var/lib/chain"\n'
        '[validator]\nkey_file = "v.key"\n[coordinator]\nkey_file = "c.key"\n'
    )
    config = read_config(tmp_path / "node.toml")
    assert config.genesis == str(tmp_path / "genesis.json")
    assert config.data_directory == "/var/lib/chain"
    assert config.validator is not None
    assert config.validator.key_file == str(tmp_path / "v.key")
    assert config.validator.passphrase_file is None
    assert config.coordinator is not None
    assert config.coordinator.wrapping_key_file == str(tmp_path / "wrapping.key")
    assert config.coordinator.artifact_directory == "/var/lib/chain/artifacts"


@pytest.mark.parametrize(
    ("change", "field", "problem"),
    [
        ({"genisis": "x"}, "", "unknown field `genisis`"),
        ({"genesis": 7}, "genesis", "expected `str`"),
        ({"http": {"lisen": []}}, "http", "unknown field `lisen`"),
        ({"http": {"listen": []}}, "http.listen", "length >= 1"),
        ({"http": {"listen": ["localhost:80"]}}, "http.listen[0]", "127.0.0.1:8011"),
        ({"http": {"listen": ["127.0.0.1:80", "::1"]}}, "http.listen[1]", "[::1]:8011"),
        ({"http": {"listen": ["127.0.0.1:65536"]}}, "http.listen[0]", "not an address"),
        ({"http": {"listen": ["127.0.0.1:٣"]}}, "http.listen[0]", "not an address"),
        ({"http": {"trusted_proxies": ["proxy"]}}, "http.trusted_proxies[0]", "10.0.0.0/24"),
        ({"http": {"trusted_proxies": ["::1", "10.0.0.1/8"]}}, "http.trusted_proxies[1]", "not an"),
        ({"http": {"trusted_proxies": ["0.0.0.0/0"]}}, "http.trusted_proxies[0]", "everybody"),
        ({"http": {"public_url": "https://a.example"}}, "http.public_url", "trusted_proxies"),
        ({"http": {"public_url": "https://a.example/"}}, "http.public_url", "matching regex"),
        ({"mempool": {"transactions_max": 1}}, "mempool.transactions_max", ">= 16"),
        ({"mempool": {"transactions_max": True}}, "mempool.transactions_max", "expected `int`"),
        ({"log": {"format": "xml"}}, "log.format", "invalid enum value"),
        ({"validator": {"passphrase_file": "p"}}, "validator", "missing required field `key_file`"),
    ],
)
def test_a_refusal_names_the_field(change: dict[str, Any], field: str, problem: str) -> None:
    with pytest.raises(ConfigInvalid) as caught:
        listen_addresses(parse_config({**MINIMAL, **change}, Path("/")))
    assert caught.value.field == field
    assert problem in str(caught.value)


def test_the_demo_identity_needs_loopback_addresses() -> None:
    demo = {"coordinator": {**KEY, "devnet": True}}
    parse_config({**MINIMAL, **demo, "http": {"listen": ["127.0.0.1:1", "[::1]:1"]}}, Path("/"))
    with pytest.raises(ConfigInvalid, match=r"http.listen\[1\].*loopback"):
        parse_config(
            {**MINIMAL, **demo, "http": {"listen": ["127.0.0.1:1", "0.0.0.0:1"]}}, Path("/")
        )


def test_a_faucet_needs_a_devnet() -> None:
    faucet = {**KEY, "faucet_key_file": "faucet.key"}
    parse_config({**MINIMAL, "coordinator": {**faucet, "devnet": True}}, Path("/"))
    with pytest.raises(ConfigInvalid, match=r"coordinator\.faucet_key_file.*pay in"):
        parse_config({**MINIMAL, "coordinator": faucet}, Path("/"))


def test_both_ways_of_writing_an_ipv6_address_are_read() -> None:
    config = parse_config({**MINIMAL, "http": {"listen": ["[::1]:8011", "::1:80"]}}, Path("/"))
    assert listen_addresses(config) == [ListenAddress("::1", 8011), ListenAddress("::1", 80)]
    assert str(listen_addresses(config)[0]) == "[::1]:8011"


@pytest.mark.parametrize("text", ["genesis = ", "\xff", "a = 1\na = 2"])
def test_what_is_not_toml_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "node.toml").write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigInvalid, match="TOML"):
        read_config(tmp_path / "node.toml")


def test_a_missing_or_huge_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "huge.toml").write_bytes(b"#" * 100_000)
    for name in ("absent.toml", "huge.toml"):
        with pytest.raises(ConfigInvalid, match=name):
            read_config(tmp_path / name)


def test_the_sample_in_the_readme_states_the_defaults() -> None:
    readme = Path(node.__file__).with_name("README.md").read_text()
    sample = tomllib.loads(readme.partition("```toml\n")[2].partition("```")[0])
    needed = {name: sample[name] for name in ("genesis", "data_directory")}
    assert parse_config(sample, Path("/")) == parse_config(needed, Path("/"))


def test_the_sample_in_the_readme_names_every_member() -> None:
    readme = Path(node.__file__).with_name("README.md").read_text()
    sample = readme.partition("```toml\n")[2].partition("```")[0]
    section, named = "", set()
    for line in sample.splitlines():
        if found := re.match(r"(?:# )?\[([a-z0-9.]+)\]", line):
            section = f"{found[1]}."
        elif found := re.match(r"(?:# )?([a-z_0-9]+) = ", line):
            named.add(section + found[1])
    assert named == set(members_of(NodeConfig, ""))


def members_of(section: type[msgspec.Struct], prefix: str) -> Iterator[str]:
    """Yield the paths of all members of a section."""
    for member in msgspec.structs.fields(section):
        inner = [kind for kind in (member.type, *get_args(member.type)) if is_section(kind)]
        if inner:
            yield from members_of(inner[0], f"{prefix}{member.encode_name}.")
        else:
            yield prefix + member.encode_name


def is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)
