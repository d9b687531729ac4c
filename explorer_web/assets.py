"""Static files: read once, served from memory, addressed by digest so that they may be kept."""

import gzip
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Final
from urllib.parse import quote

_STYLE: Final = "text/css"
_SCRIPT: Final = "text/javascript"

ASSET_FILES: Final[dict[str, tuple[str, str]]] = {
    "explorer.css": ("explorer.css", _STYLE),
    "app.js": ("app.js", _SCRIPT),
    "htmx.js": ("vendor/htmx/htmx.min.js", _SCRIPT),
    "verify.js": ("verify.js", _SCRIPT),
    "verify-fallback.js": ("verify-fallback.js", _SCRIPT),
    "icon.svg": ("icon.svg", "image/svg+xml"),
}
"""Name on the site, file, media type."""


@dataclass(frozen=True, slots=True)
class Asset:
    """A static file."""

    content: bytes
    """Its bytes."""
    media_type: str
    """Its media type."""
    digest: str
    """Beginning of its SHA-256, part of its address."""
    packed: bytes
    """Its bytes as gzip packs them, made once."""


class Assets:
    """All static files of the explorer."""

    def __init__(self) -> None:
        """Read them from the package."""
        folder = files("explorer_web") / "static"
        self._assets = {
            name: _asset((folder / file).read_bytes(), media_type)
            for name, (file, media_type) in ASSET_FILES.items()
        }

    def find(self, name: str) -> Asset | None:
        """Return a file by its name on the site; nothing else can be reached."""
        return self._assets.get(name)

    def url(self, name: str) -> str:
        """Return the address of a file, which changes with its content."""
        return f"/static/{name}?v={self._assets[name].digest}"

    def data_url(self, name: str) -> str:
        """Return a file as an address that holds it, which saves a request."""
        asset = self._assets[name]
        return f"data:{asset.media_type},{quote(asset.content.decode())}"

    def text(self, name: str) -> str:
        """Return a file's text, for what carries it inside."""
        return self._assets[name].content.decode()

    @property
    def digest(self) -> str:
        """Digest over all of them."""
        joined = "".join(asset.digest for asset in self._assets.values())
        return sha256(joined.encode()).hexdigest()[:16]


def _asset(content: bytes, media_type: str) -> Asset:
    packed = gzip.compress(content, mtime=0)
    return Asset(content, media_type, sha256(content).hexdigest()[:16], packed)
