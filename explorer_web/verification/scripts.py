"""The verifier's scripts: which are made, of what, and where they are served from.

They are made by `python -m explorer_web.verification --write` and committed, since an installed
explorer has no SDK beside it; a test makes them again and compares.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from explorer_web.verification.bundle import bundle

_HERE: Final = Path(__file__).parent
_EXPLORER: Final = _HERE.parent
_SDK: Final = _EXPLORER.parent / "sdk" / "js" / "src"
_VENDOR: Final = _EXPLORER / "static" / "vendor"

_ROOTS: Final[Mapping[str, Path]] = {
    "sdk": _SDK,
    "noble-ed25519": _VENDOR / "noble-ed25519",
    "noble-hashes": _VENDOR / "noble-hashes",
}

SITE: Final = "verify.js"
"""Script of the pages, and of the saved file."""

FALLBACK: Final = "verify-fallback.js"
"""SHA-256 and Ed25519 for browsers without."""

_SOURCES: Final = {SITE: "verifier.js", FALLBACK: "fallback.js"}

_NOTICE: Final = """\
// Made of explorer_web/verification/source/{source} and what it imports, among them the checker of
// sdk/js. Do not edit: python -m explorer_web.verification --write
"""

_NOBLE: Final = """\
// noble-ed25519 (c) 2019 and noble-hashes (c) 2022 Paul Miller, MIT; docs/vendored.md.
"""


def made_scripts() -> dict[str, str]:
    """Return each script by its name, made of the sources of this checkout."""
    return {name: _make(name) for name in _SOURCES}


def kept_path(name: str) -> Path:
    """Return where a script is kept."""
    return _EXPLORER / "static" / name


def _make(name: str) -> str:
    source = _SOURCES[name]
    notice = _NOTICE.format(source=source) + (_NOBLE if name == FALLBACK else "")
    return bundle(_HERE / "source" / source, _ROOTS, notice)
