"""Why a devnet cannot start or go on; each says the remedy.

`exit_code` is what `./dev devnet` ends with: 3 when the machine lacks something, 4 when another
program is in the way, 5 when a process of the devnet ended, 6 when a job of the demo did not end
as it should.
"""

from typing import ClassVar


class DevnetError(Exception):
    """Base: one readable paragraph and an exit code."""

    exit_code: ClassVar[int] = 1


class DevnetRunning(DevnetError):
    """Another devnet holds this directory."""

    exit_code = 4


class PortInUse(DevnetError):
    """Another program listens on a port that the devnet needs."""

    exit_code = 4


class DirectoryUnusable(DevnetError):
    """The directory holds something that is not a devnet of this version."""

    exit_code = 3


class DatabaseServerUnusable(DevnetError):
    """PostgreSQL is missing, or cannot run here."""

    exit_code = 3


class ShapeFixed(DevnetError):
    """The chain in the directory has other validators or coordinators than are asked for."""

    exit_code = 3


class ProcessEnded(DevnetError):
    """A process of the devnet ended by itself or did not become ready."""

    exit_code = 5


class DemoFailed(DevnetError):
    """A job of the demo did not end with a result, a receipt and a payment."""

    exit_code = 6
