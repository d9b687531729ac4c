"""The program library: programs that come with the miner, each described by its `program.toml`."""

import importlib.metadata
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PREINSTALLED: Final = ("numpy", "pillow")
"""Packages that programs may import, where they are installed. Nothing is downloaded for a job."""

_FOLDER: Final = Path(__file__).parents[1] / "programs"
_MANIFEST: Final = "program.toml"


@dataclass(frozen=True)
class LibraryProgram:
    """One program of the library."""

    name: str
    """Name that jobs give it."""
    entrypoint: str
    """File that is run."""
    folder: Path
    """Where it is; read, never written."""
    about: str
    """What it does, for the client."""
    requirements: tuple[str, ...]
    """Packages that it imports."""
    does_without: tuple[str, ...]
    """Packages that jobs ask for with it, and that it does not import."""
    uses_gpu: bool
    """Whether a GPU that a job asks for with it is needed."""

    @property
    def key(self) -> str:
        """``name/entrypoint``, by which jobs are matched."""
        return f"{self.name}/{self.entrypoint}"


def installed_packages() -> tuple[str, ...]:
    """Return which packages of the preinstalled set this machine has."""
    return tuple(name for name in PREINSTALLED if _is_installed(name))


def load_library(packages: Sequence[str], folder: Path = _FOLDER) -> dict[str, LibraryProgram]:
    """Return the programs whose packages are installed, by key."""
    programs = (_load(manifest) for manifest in sorted(folder.glob(f"*/{_MANIFEST}")))
    return {
        program.key: program for program in programs if set(program.requirements) <= set(packages)
    }


def _load(manifest: Path) -> LibraryProgram:
    content = tomllib.loads(manifest.read_text("utf-8"))
    return LibraryProgram(
        name=content["name"],
        entrypoint=content["entrypoint"],
        folder=manifest.parent,
        about=content["about"],
        requirements=tuple(content["requirements"]),
        does_without=tuple(content["does_without"]),
        uses_gpu=content["uses_gpu"],
    )


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
