"""What can be installed outside of a checkout: declared, complete, and of use without the rest."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from sysconfig import get_paths
from typing import Any
from zipfile import ZipFile

import pytest

from devnet.checks import Source, read_sources
from devnet.commands import ROOT

FOLDERS = {"aitbc": "sdk/python", "aitbc-cli": "cli", "aitbc-miner": "miner", "aitbc-node": "."}
"""Our distributions, and where each is made."""

LOADED_ON_CALL = {"aitbc-cli": {"aitbc-node", "aitbc-miner"}}
"""What a distribution imports only where it is installed, and says so where it is not."""

OURS = {
    "aitbc": {"aitbc", "aitbc_sdk"},
    "aitbc-cli": {"cli"},
    "aitbc-miner": {"miner"},
    "aitbc-node": {"consensus", "coordinator", "explorer_web", "genesis", "ledger", "node"},
}
"""The packages that each of them holds."""


def normal(distribution: str) -> str:
    """Return the name of a distribution as it is written in requirements."""
    return distribution.lower().replace("_", "-")


def project(name: str) -> dict[str, Any]:
    """Return what a distribution says of itself."""
    text = (ROOT / FOLDERS[name] / "pyproject.toml").read_text(encoding="utf-8")
    stated: dict[str, Any] = tomllib.loads(text)["project"]
    return stated


def declared(name: str) -> set[str]:
    """Return the names of the distributions that one asks for, its extras' too."""
    stated = project(name)
    extras = stated.get("optional-dependencies", {}).values()
    lines = [*stated["dependencies"], *(line for extra in extras for line in extra)]
    return {re.split(r"[><=!~;\[ ]", line, maxsplit=1)[0] for line in lines}


@cache
def sources() -> tuple[Source, ...]:
    """Return the files of the checkout."""
    return tuple(read_sources(ROOT))


@cache
def imported(name: str) -> frozenset[str]:
    """Return the names of the modules that a distribution's files import, wherever in them."""
    found = set()
    for source in sources():
        top, _, _ = source.path.removeprefix("sdk/python/").partition("/")
        if source.suffix != ".py" or top not in OURS[name]:
            continue
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return frozenset(found)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_package_declares_what_its_files_import(name: str) -> None:
    of_module = {module: set(map(normal, of)) for module, of in packages_distributions().items()}
    of_module |= {module: {ours} for ours, modules in OURS.items() for module in modules}
    may = declared(name) | {name} | LOADED_ON_CALL.get(name, set())
    strangers = {
        module
        for module in imported(name) - set(sys.stdlib_module_names)
        if not of_module.get(module, {module}) & may
    }
    assert strangers == set()


def test_nobody_asks_for_what_none_of_its_files_imports() -> None:
    modules: dict[str, set[str]] = {}
    for module, of in packages_distributions().items():
        for each in of:
            modules.setdefault(normal(each), set()).add(module)
    modules |= OURS
    # A miner's command is one of aitbc-cli's, and its Python jobs import what clients like.
    by_word = {("aitbc-miner", "aitbc-cli"), ("aitbc-node", "aitbc-cli")}
    for name in FOLDERS:
        stated = project(name)["dependencies"]
        for asked in {re.split(r"[><=]", line, maxsplit=1)[0] for line in stated}:
            if (name, asked) not in by_word:
                assert modules[asked] & imported(name), f"{name} asks for {asked} without need"


# ------------------------------------------------------------ installed, without the checkout


@dataclass(frozen=True)
class Installed:
    """A folder with some of our packages; a Python that sees it, what others made, and no more."""

    folder: Path

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        # -S reads no .pth files, by which the checkout itself would be on the path.
        return subprocess.run(
            [sys.executable, "-S", "-P", *arguments],
            cwd=self.folder,
            env=os.environ
            | {"PYTHONPATH": f"{self.folder}:{get_paths()['purelib']}"}
            | {"_TYPER_FORCE_DISABLE_TERMINAL": "1", "COLUMNS": "120"},
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    def aitbc(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.python("-m", "cli.main", *arguments)


Install = Callable[..., Installed]

BUILD = "import sys; from setuptools import build_meta; build_meta.build_wheel(sys.argv[1])"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Our distributions as wheels, made from a copy so that nothing is left in the checkout."""
    root = tmp_path_factory.mktemp("packages")
    for source in sources():
        if not source.path.startswith("tests/"):
            copy = root / "copy" / source.path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / source.path, copy)
    building = [
        subprocess.Popen(
            [sys.executable, "-c", BUILD, str(root)],
            cwd=root / "copy" / folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for folder in FOLDERS.values()
    ]
    assert [process.wait(100) for process in building] == [0] * len(building)
    return {name: next(root.glob(f"{name.replace('-', '_')}-*.whl")) for name in FOLDERS}


@pytest.fixture(scope="module")
def install(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Install:
    """Return a function that puts some of them where nothing else of ours is."""

    def made(*names: str) -> Installed:
        folder = tmp_path_factory.mktemp("installed")
        for name in names:
            with ZipFile(wheels[name]) as wheel:
                wheel.extractall(folder)
        return Installed(folder)

    return made


def test_the_command_is_in_the_package_that_is_named_after_it(install: Install) -> None:
    alone = install("aitbc-cli")
    (entry,) = alone.folder.glob("*.dist-info/entry_points.txt")
    assert "aitbc = cli.main:main" in entry.read_text().splitlines()


def test_who_only_checks_proofs_needs_the_sdk_and_the_command(install: Install) -> None:
    small = install("aitbc", "aitbc-cli")
    for command in ("verify", "light", "tx"):
        done = small.aitbc(command, "--help")
        assert (done.returncode, "Usage: aitbc" in done.stdout) == (0, True), done.stderr
    for arguments, needed in ((("miner", "doctor"), "aitbc-miner"), (("keys", "x"), "aitbc-node")):
        refused = small.aitbc(*arguments)
        assert (refused.returncode, f"needs {needed}" in refused.stderr) == (1, True)


def test_a_miner_works_without_the_node(install: Install) -> None:
    done = install("aitbc", "aitbc-cli", "aitbc-miner").aitbc("miner", "doctor", "--json")
    assert done.returncode == 0, done.stderr
    assert '"llm_inference"' in done.stdout


def test_a_node_has_all_that_it_serves(install: Install) -> None:
    node = install("aitbc", "aitbc-cli", "aitbc-node")
    done = node.aitbc("node", "run", "--help")
    assert (done.returncode, "--config" in done.stdout) == (0, True), done.stderr
    served = node.python("-c", "import node.app; print(node.app.__file__)")
    assert Path(served.stdout.strip()) == node.folder / "node" / "app.py"
    for source in sources():
        top, _, rest = source.path.partition("/")
        # The scripts' own sources are for who makes the scripts anew.
        if top in OURS["aitbc-node"] and rest and "/verification/source/" not in source.path:
            assert (node.folder / source.path).is_file(), f"{source.path} is not shipped"
