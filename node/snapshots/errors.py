"""Why a snapshot is not taken, or not made."""

from typing import ClassVar


class SnapshotError(Exception):
    """Base of all errors of snapshots."""

    code: ClassVar[str] = "SNAPSHOT_ERROR"


class SnapshotInvalid(SnapshotError):
    """What is offered is not a state that the validators made final."""

    code = "SNAPSHOT_INVALID"


class SnapshotForeign(SnapshotError):
    """A snapshot of another chain."""

    code = "SNAPSHOT_FOREIGN"


class SnapshotsDiffer(SnapshotError):
    """Two sources prove different chains: more than f keys of some set have signed both (S9)."""

    code = "SNAPSHOTS_DIFFER"


class SnapshotUnreadable(SnapshotError):
    """A part of a snapshot cannot be had."""

    code = "SNAPSHOT_UNREADABLE"


class SnapshotImpossible(SnapshotError):
    """This node cannot make a snapshot now."""

    code = "SNAPSHOT_IMPOSSIBLE"
