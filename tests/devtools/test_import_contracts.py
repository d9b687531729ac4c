"""The import contracts say what the architecture says, and a wrong import breaks them."""

import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from grimp import ImportGraph

from devnet.checks.purity import Breach, breaches
from devnet.commands import ROOT

MAY_IMPORT = {
    "ledger": set(),
    "consensus": {"ledger"},
    "genesis": {"ledger"},
    "coordinator": {"ledger"},
    "explorer_web": {"ledger", "coordinator"},
    "node": {"ledger", "consensus", "genesis", "coordinator", "explorer_web"},
    "miner": {"aitbc"},
    "aitbc": set(),
    "aitbc_sdk": {"aitbc"},
}
"""The table of the architecture; devnet and cli may import all."""


def configuration() -> dict[str, Any]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    linter: dict[str, Any] = tomllib.loads(text)["tool"]["importlinter"]
    return linter


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_package_is_forbidden_all_that_the_architecture_does_not_grant(package: str) -> None:
    config = configuration()
    (contract,) = (
        item
        for item in config["contracts"]
        if item["type"] == "forbidden" and item["source_modules"] == [package]
    )
    ours = set(config["root_packages"])
    forbidden = set(contract["forbidden_modules"])
    assert forbidden & ours == ours - MAY_IMPORT[package] - {package}


def test_every_package_of_the_repository_is_under_contract() -> None:
    folders = [*ROOT.iterdir(), *(ROOT / "sdk/python").iterdir()]
    packages = {folder.name for folder in folders if (folder / "__init__.py").is_file()}
    assert packages <= set(configuration()["root_packages"])


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """Make an empty package of each name, under the repository's own contracts."""
    for name in configuration()["root_packages"]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("")
    (tmp_path / "ledger/store").mkdir()
    (tmp_path / "ledger/store/__init__.py").write_text("import sqlalchemy\n")
    (tmp_path / "genesis/build.py").write_text("import hashlib\nimport ledger\n")
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    # The tool's own script: found beside the interpreter of the environment.
    tool = Path(sys.executable).parent / "lint-imports"
    return subprocess.run(
        [tool, "--no-logo", "--no-cache"],
        cwd=folder,
        env={"PYTHONPATH": f"{folder}:{ROOT}", "COLUMNS": "100"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_packages_that_import_nothing_wrong_keep_all_contracts(packages: Path) -> None:
    # The contract's class lives in devnet, which the fixture shadows.
    (packages / "devnet/checks").symlink_to(ROOT / "devnet/checks")
    done = lint(packages)
    assert "0 broken" in done.stdout, done.stdout
    assert done.returncode == 0


def test_wrong_imports_break_every_contract(packages: Path) -> None:
    (packages / "devnet/checks").symlink_to(ROOT / "devnet/checks")
    for name, allowed in MAY_IMPORT.items():
        wrong = min(set(configuration()["root_packages"]) - allowed - {name})
        (packages / name / "wrong.py").write_text(f"def late():\n    import {wrong}\n")
    (packages / "consensus/clock.py").write_text("import time\n")
    done = lint(packages)
    assert f"0 kept, {len(configuration()['contracts'])} broken" in done.stdout, done.stdout
    assert "consensus.clock -> time" in done.stdout
    assert done.returncode == 1


def graph_of(*imports: tuple[str, str], external: tuple[str, ...]) -> ImportGraph:
    graph = ImportGraph()
    for name in external:
        graph.add_module(name, is_squashed=True)
    for importer, imported in imports:
        for name in (importer, imported):
            if name not in external:
                graph.add_module(name)
        graph.add_import(importer=importer, imported=imported)
    return graph


def test_a_core_that_reaches_a_clock_through_our_own_modules_is_a_breach() -> None:
    graph = graph_of(
        ("core", "shared"), ("shared", "shared.deep"), ("shared.deep", "time"), external=("time",)
    )
    found = breaches(graph, modules=["core"], exempt=[], allowed=frozenset())
    assert found == [Breach(("core", "shared", "shared.deep", "time"))]


def test_what_is_allowed_is_no_breach_and_cycles_end() -> None:
    graph = graph_of(
        ("core", "core.a"), ("core.a", "core"), ("core", "hashlib"), external=("hashlib",)
    )
    allowed = frozenset({"hashlib"})
    assert breaches(graph, modules=["core"], exempt=[], allowed=allowed) == []


def test_an_exempt_package_may_do_what_it_likes_but_no_core_may_import_it() -> None:
    graph = graph_of(
        ("core.store.sql", "sqlite3"), ("core", "hashlib"), external=("sqlite3", "hashlib")
    )
    graph.add_module("core.store")
    allowed = frozenset({"hashlib"})
    assert breaches(graph, modules=["core"], exempt=["core.store"], allowed=allowed) == []
    graph.add_import(importer="core", imported="core.store.sql")
    found = breaches(graph, modules=["core"], exempt=["core.store"], allowed=allowed)
    assert found == [Breach(("core", "core.store.sql"))]


def test_a_contract_about_a_module_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="no module core"):
        breaches(ImportGraph(), modules=["core"], exempt=[], allowed=frozenset())
