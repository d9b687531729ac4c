"""The pins are complete, name no index, and agree with what the project declares."""

import re
import tomllib

import pytest

from devnet.commands import ROOT

PINS = ("bootstrap", "dev", "miner", "model", "runtime")


def wanted(name: str) -> set[str]:
    """Return the packages that a .in file asks for, with those of the files that it includes."""
    packages = set()
    for line in (ROOT / f"requirements/{name}.in").read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            packages |= wanted(line.removeprefix("-r ").removesuffix(".in"))
        elif line and not line.startswith("#"):
            packages.add(line.partition(";")[0].strip())
    return packages


def pinned(name: str) -> dict[str, set[str]]:
    """Return the pinned versions of each package in a .txt file; markers may give it several."""
    text = (ROOT / f"requirements/{name}.txt").read_text(encoding="utf-8")
    versions: dict[str, set[str]] = {}
    for entry in re.split(r"\n(?=\S)", text.strip()):
        match = re.match(r"([a-z0-9._-]+)==(\S+)", entry)
        assert match, entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), f"{match[1]} has no hash"
        versions.setdefault(match[1], set()).add(match[2])
    return versions


@pytest.mark.parametrize("name", PINS)
def test_every_wanted_package_is_pinned_by_version_and_hash(name: str) -> None:
    assert wanted(name) <= set(pinned(name))


@pytest.mark.parametrize("name", PINS)
def test_no_file_names_an_index(name: str) -> None:
    for suffix in ("in", "txt"):
        text = (ROOT / f"requirements/{name}.{suffix}").read_text(encoding="utf-8")
        assert "://" not in text
        assert "--index" not in text


@pytest.mark.parametrize("name", ["runtime", "miner"])
def test_what_is_shipped_has_the_versions_that_are_tested(name: str) -> None:
    tested = pinned("dev")
    for package, versions in pinned(name).items():
        assert versions == tested[package], package


def declared(*folders: str) -> set[str]:
    """Return what the projects in these folders ask for, ours left out."""
    found = set()
    for folder in folders:
        text = (ROOT / folder / "pyproject.toml").read_text(encoding="utf-8")
        lines = tomllib.loads(text)["project"]["dependencies"]
        found |= {re.split(r"[><=!~;\[ ]", line, maxsplit=1)[0] for line in lines}
    return {name for name in found if not name.startswith("aitbc")}


def test_what_is_pinned_for_a_node_or_a_miner_is_what_its_packages_declare() -> None:
    assert declared(".", "cli", "sdk/python") == wanted("runtime")
    assert declared("miner", "cli", "sdk/python") <= wanted("miner")


def test_every_direct_dependency_is_explained() -> None:
    text = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| ")]
    explained = {name.strip() for row in rows for name in row.split(",")}
    direct = wanted("dev") | wanted("model") | wanted("bootstrap")
    assert direct - explained == set()


def test_the_same_package_is_not_explained_twice() -> None:
    text = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
    names = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
    packages = [name for name in names if name not in {"file", "package", "program"}]
    assert len(packages) == len(set(packages))
