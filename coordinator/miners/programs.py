"""What a miner declares about Python programs: packages, its library, the client's own programs."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from coordinator.errors import InvalidRequest
from coordinator.values import JsonValue

PROGRAMS_MAX: Final = 64
"""Programs, and packages, of one miner."""

_PACKAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_PROGRAM: Final = re.compile(r"[^/\x00-\x1f]{0,200}/[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_POINTER: Final = "/python"


@dataclass(frozen=True, slots=True)
class LibraryProgram:
    """A program that comes with the miner."""

    does_without: frozenset[str]
    """Packages that jobs ask for with it, and that it does not import; plain names."""
    uses_gpu: bool
    """Whether a GPU that a job asks for with it is needed."""


@dataclass(frozen=True, slots=True)
class PythonSupport:
    """What a miner can run of Python programs."""

    packages: frozenset[str]
    """Installed packages; plain names."""
    programs: Mapping[str, LibraryProgram]
    """Its library, by ``name/entrypoint``."""
    takes_sources: bool
    """Whether it runs programs of clients."""

    def lacks(self, program: LibraryProgram | None, requirements: Iterable[str]) -> frozenset[str]:
        """Return the requirements that a program needs and that are not installed.

        Args:
            program: of the library; None for one of the client's own.
            requirements: packages that the job asks for.
        """
        met = self.packages | (program.does_without if program else frozenset())
        return frozenset(plain_name(name) for name in requirements) - met


def plain_name(package: str) -> str:
    """Return a package's name as indexes compare them: lower case, runs of -_. are one -."""
    return re.sub(r"[-_.]+", "-", package).lower()


def read_support(document: Mapping[str, JsonValue]) -> PythonSupport:
    """Return what the member `python` of a capabilities document means.

    Args:
        document: its types were checked when the miner registered.

    Raises:
        InvalidRequest: too many entries, or a name that is none.
    """
    packages, programs = document["packages"], document.get("programs", {})
    assert isinstance(packages, list), "checked when the miner registered"
    assert isinstance(programs, dict), "checked when the miner registered"
    _check_names("packages", packages, _PACKAGE)
    _check_names("programs", programs, _PROGRAM)
    return PythonSupport(
        packages=_plain(packages),
        programs={name: _program(name, program) for name, program in programs.items()},
        takes_sources=document.get("sources") is True,
    )


def _program(name: str, program: JsonValue) -> LibraryProgram:
    assert isinstance(program, dict), "checked when the miner registered"
    without = program.get("does_without", [])
    assert isinstance(without, list), "checked when the miner registered"
    _check_names(f"programs/{name[:64]}/does_without", without, _PACKAGE)
    return LibraryProgram(_plain(without), uses_gpu=program.get("uses_gpu") is True)


def _plain(names: Iterable[JsonValue]) -> frozenset[str]:
    return frozenset(plain_name(str(name)) for name in names)


def _check_names(
    place: str, names: "list[JsonValue] | Mapping[str, JsonValue]", form: re.Pattern[str]
) -> None:
    pointer = f"{_POINTER}/{place}"
    if len(names) > PROGRAMS_MAX:
        raise InvalidRequest.at(pointer, f"at most {PROGRAMS_MAX} entries", "TOO_MANY")
    for name in names:
        if not isinstance(name, str) or form.fullmatch(name) is None:
            raise InvalidRequest.at(pointer, f"each must match {form.pattern}", "INVALID_NAME")
