"""Artifacts: files by digest, for inputs and results that do not fit into JSON."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from ledger.types import Hash, TimestampMs

LISTED_MAX: Final = 1_000
"""Most artifacts of one page of a list."""


@dataclass(frozen=True, slots=True)
class ArtifactView:
    """A stored artifact. Its name on the wire is ``sha256:`` + hex."""

    digest: Hash
    """SHA-256 of its bytes."""
    size: int
    """Bytes."""
    expires_ms: TimestampMs
    """When it is deleted."""


@dataclass(frozen=True, slots=True)
class ArtifactFile:
    """A stored artifact to send."""

    view: ArtifactView
    """What it is."""
    path: Path
    """File that holds it; to be streamed, not changed."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that comes in pieces."""

    upload_id: str
    """Its id, ``upload_`` + hex."""
    digest: Hash
    """SHA-256 that it is to have."""
    size: int
    """Bytes that it is to have."""
    received: int
    """Bytes that are on disk: where the next piece begins."""
    expires_ms: TimestampMs
    """When it is thrown away, unless more comes."""
