"""What the tests need of the machine besides Python, and how Debian provides it.

A test asks for a need by the fixture of the same name (tests/conftest.py).
"""

import glob
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Need:
    """One program that some tests run."""

    fixture: str
    """Name of the fixture that hands its path to a test."""
    programs: tuple[str, ...]
    """Names under which it is found, best first."""
    packages: tuple[str, ...]
    """Debian packages that provide it."""
    places: str = ""
    """Pattern of folders that it is looked for in first, a version each; the newest counts."""

    def find(self) -> str | None:
        """Return the program's path, or None if the machine has none."""
        folders = sorted(glob.glob(self.places), key=_version_of, reverse=True)  # noqa: PTH207
        paths = [os.pathsep.join(folders), None] if folders else [None]
        found = (shutil.which(name, path=path) for path in paths for name in self.programs)
        return next(filter(None, found), None)

    @property
    def remedy(self) -> str:
        """The line that installs it on Debian."""
        return f"apt-get install -y --no-install-recommends {' '.join(self.packages)}"


BUBBLEWRAP = Need("bubblewrap", ("bwrap",), ("bubblewrap",))
CHROMIUM = Need("chromium", ("chromium", "chromium-browser", "google-chrome"), ("chromium",))
C_COMPILER = Need("c_compiler", ("gcc", "cc", "clang"), ("gcc", "libc6-dev"))
NODE_JS = Need("node_js", ("node", "nodejs"), ("nodejs",))
NPM = Need("npm", ("npm",), ("npm",))

POSTGRES = Need("postgres", ("postgres",), ("postgresql",), "/usr/lib/postgresql/*/bin")

NEEDS = (BUBBLEWRAP, CHROMIUM, C_COMPILER, NODE_JS, NPM, POSTGRES)
"""All of them."""


def wanted_by(tests: Iterable[Path]) -> list[Need]:
    """Return the needs whose fixture is named in the test files under the given paths."""
    texts = [
        file.read_text(encoding="utf-8")
        for path in tests
        for file in ([path] if path.is_file() else sorted(path.rglob("*.py")))
    ]
    return [need for need in NEEDS if any(f"{need.fixture}: str" in text for text in texts)]


def provide(need: Need) -> bool:
    """Install what is missing, where this process may: as root, with apt.

    Returns:
        Whether the program is there now. If not, the tests that ask for it are skipped, with
        the remedy as their reason.
    """
    if need.find():
        return True
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    print(f"test: installing what is missing: {need.remedy}", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (need.remedy.split(), ["apt-get", "update"], need.remedy.split()):
        done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=False)
        if done.returncode == 0 and need.find():
            return True
    return False


def _version_of(folder: str) -> list[int]:
    return [int(number) for number in re.findall(r"[0-9]+", folder)]
