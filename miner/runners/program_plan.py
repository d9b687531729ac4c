"""What a Python job asks for, checked: a program, its packages, and its input."""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from miner.work import BadInput

SOURCE_CHARACTERS_MAX: Final = 131_072
REQUIREMENTS_MAX: Final = 32
NAME_CHARACTERS_MAX: Final = 200
DATA_BYTES_MAX: Final = 256 * 1_024

_ENTRYPOINT: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,124}\.py")
_PACKAGE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_ARTIFACT: Final = re.compile(r"artifact:sha256:[0-9a-f]{64}")
_BASE64: Final = "base64:"


@dataclass(frozen=True)
class ProgramPlan:
    """A checked request."""

    name: str
    """Name of the program."""
    entrypoint: str
    """File that is run; a name without a folder."""
    requirements: tuple[str, ...]
    """Packages that it imports, as package indexes compare their names."""
    source: str | None
    """Text of the client's own program."""
    artifact: str | None
    """Reference of the client's own program, instead."""
    given: Mapping[str, Any]
    """Input without the file."""
    file: bytes | None
    """Input file that came with the job."""
    reference: str | None
    """Reference of the input file, instead: an artifact or a public address."""
    output: Mapping[str, Any]
    """Form of the result that the client asks for."""

    @property
    def is_own(self) -> bool:
        """Whether the program is the client's."""
        return self.source is not None or self.artifact is not None

    @property
    def key(self) -> str:
        """``name/entrypoint``, for the library."""
        return f"{self.name}/{self.entrypoint}"

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> Self:
        """Read a request.

        Raises:
            BadInput: a field is not what it has to be; names it.
        """
        given = _mapping(request, "input")
        source = _text(request, "source", SOURCE_CHARACTERS_MAX)
        artifact = _matching(request, "artifact", _ARTIFACT)
        if source is not None and artifact is not None:
            raise BadInput("artifact", "stands beside source: a job has one program")
        entrypoint = _matching(request, "entrypoint", _ENTRYPOINT)
        if entrypoint is None:
            raise BadInput("entrypoint", "is required")
        return cls(
            name=_text(request, "name", NAME_CHARACTERS_MAX) or "",
            entrypoint=entrypoint,
            requirements=_requirements(request),
            source=source,
            artifact=artifact,
            given={name: value for name, value in given.items() if not _is_file(name, value)},
            file=_file(given.get("data")),
            reference=_reference(given),
            output=_mapping(request, "output"),
        )


def plain_name(package: str) -> str:
    """Return a package's name as package indexes compare them."""
    return re.sub(r"[-_.]+", "-", package).lower()


def _requirements(request: Mapping[str, Any]) -> tuple[str, ...]:
    asked = request.get("requirements", [])
    if not isinstance(asked, list) or len(asked) > REQUIREMENTS_MAX:
        raise BadInput("requirements", f"must be a list of at most {REQUIREMENTS_MAX} names")
    for name in asked:
        if not isinstance(name, str) or _PACKAGE.fullmatch(name) is None:
            raise BadInput("requirements", "must be names of packages, without versions")
    return tuple(plain_name(name) for name in asked)


def _reference(given: Mapping[str, Any]) -> str | None:
    """Return where the input file is fetched from; how hostile that is, `sources` knows."""
    named = [name for name in ("data", "artifact", "url") if given.get(name) is not None]
    if len(named) > 1:
        raise BadInput(f"input.{named[1]}", f"stands beside input.{named[0]}: a job has one input")
    artifact = _matching(given, "artifact", _ARTIFACT)
    url = _text(given, "url", 2_048)
    if url is not None and not url.startswith(("http://", "https://")):
        raise BadInput("input.url", "must be a public http or https address")
    return artifact or url


def _file(data: object) -> bytes | None:
    if not isinstance(data, str) or not data.startswith(_BASE64):
        return None
    try:
        return base64.b64decode(data.removeprefix(_BASE64), validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("input.data", "is not base64") from None


def _is_file(name: str, value: object) -> bool:
    return name in {"artifact", "url"} or (
        name == "data" and isinstance(value, str) and value.startswith(_BASE64)
    )


def _mapping(source: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    value = source.get(field, {})
    if not isinstance(value, Mapping):
        raise BadInput(field, "must be an object")
    return value


def _text(source: Mapping[str, Any], field: str, length_max: int) -> str | None:
    value = source.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or not value or len(value) > length_max:
        raise BadInput(field, f"must be a text of 1 to {length_max} characters")
    return value


def _matching(source: Mapping[str, Any], field: str, form: re.Pattern[str]) -> str | None:
    value = source.get(field)
    if value is None:
        return None
    if not isinstance(value, str) or form.fullmatch(value) is None:
        raise BadInput(field, f"must match {form.pattern}")
    return value
