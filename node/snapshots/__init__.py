"""Snapshots: a state, what proves it final, and what a node needs to continue from there (S9)."""

from node.snapshots.errors import (
    SnapshotError,
    SnapshotForeign,
    SnapshotImpossible,
    SnapshotInvalid,
    SnapshotsDiffer,
    SnapshotUnreadable,
)
from node.snapshots.format import MANIFEST_NAME, Manifest
from node.snapshots.keeper import SnapshotKeeper
from node.snapshots.sources import FolderSource, NodeSource, SnapshotSource
from node.snapshots.verify import Checkpoint, check_agreement, read_manifest, verify_snapshot
from node.snapshots.writer import SnapshotWriter

__all__ = [
    "MANIFEST_NAME",
    "Checkpoint",
    "FolderSource",
    "Manifest",
    "NodeSource",
    "SnapshotError",
    "SnapshotForeign",
    "SnapshotImpossible",
    "SnapshotInvalid",
    "SnapshotKeeper",
    "SnapshotSource",
    "SnapshotUnreadable",
    "SnapshotWriter",
    "SnapshotsDiffer",
    "check_agreement",
    "read_manifest",
    "verify_snapshot",
]
