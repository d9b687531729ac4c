"""What a test does to a running node: a slower disk, a clock that jumps.

Only a node whose configuration says `failpoints = true` looks here, and only when its environment
names a file. The file is TOML, may change while the node runs, and may be missing:

    wall_offset_ms = 5000       # added to the wall clock; timeouts never follow the wall clock

    [delay_ms]                  # how long the process waits at a failpoint
    before-journal-sync = 300
"""

import time
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, ClassVar, Final

import msgspec
import structlog
from msgspec import Meta

from ledger.types import TimestampMs
from node.failpoints import Failpoint, Failpoints
from node.ports import Clock

VARIABLE: Final = "AITBC_DISTURBANCES"
"""Path of the file."""

_DAY_MS: Final = 86_400_000

log = structlog.get_logger(__name__)


class DisturbancesInvalid(ValueError):
    """The file does not say what this node understands."""

    code: ClassVar[str] = "DISTURBANCES_INVALID"


class Disturbances(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the file says; nothing is disturbed by default."""

    wall_offset_ms: Annotated[int, Meta(ge=-_DAY_MS, le=_DAY_MS)] = 0
    """Milliseconds added to the wall clock."""
    delay_ms: Mapping[Failpoint, Annotated[int, Meta(ge=0, le=60_000)]] = {}
    """Milliseconds of waiting at each named place."""


class DisturbanceFile:
    """The file as it is now."""

    def __init__(self, path: Path) -> None:
        """Follow the file at `path`, which need not exist yet."""
        self._path = path
        self._seen: tuple[int, int] | None = None
        self._content = Disturbances()

    def read(self) -> Disturbances:
        """Return what the file says; it is parsed again when it was replaced.

        Raises:
            DisturbancesInvalid: it says something else. Replace the file, do not rewrite it in
                place: half a file is no file.
        """
        try:
            status = self._path.stat()
        except FileNotFoundError:
            self._seen, self._content = None, Disturbances()
            return self._content
        seen = (status.st_ino, status.st_mtime_ns)
        if seen != self._seen:
            self._content = self._parse()
            self._seen = seen
        return self._content

    def _parse(self) -> Disturbances:
        try:
            document = tomllib.loads(self._path.read_text())
            return msgspec.convert(document, Disturbances)
        except (ValueError, msgspec.ValidationError) as error:
            raise DisturbancesInvalid(f"{self._path}: {error}") from None


class DisturbedClock:
    """A wall clock that jumps as the file says; the monotonic clock is left alone."""

    def __init__(self, clock: Clock, file: DisturbanceFile) -> None:
        """Shift `clock` by what `file` says."""
        self._clock = clock
        self._file = file

    def wall_ms(self) -> TimestampMs:
        """Return the shifted time."""
        return self._clock.wall_ms() + self._file.read().wall_offset_ms

    def monotonic_ms(self) -> int:
        """Return the unshifted time."""
        return self._clock.monotonic_ms()


class DisturbedPlaces:
    """Failpoints at which the process also waits, as on a slow disk."""

    def __init__(self, places: Failpoints, file: DisturbanceFile) -> None:
        """Tell `places` after waiting."""
        self._places = places
        self._file = file

    def reached(self, place: Failpoint) -> None:
        """Wait in the thread that would wait for the disk, then go on."""
        delay_ms = self._file.read().delay_ms.get(place, 0)
        if delay_ms:
            time.sleep(delay_ms / 1_000)
        self._places.reached(place)


def disturbed(
    environment: Mapping[str, str], places: Failpoints, clock: Clock
) -> tuple[Failpoints, Clock]:
    """Return failpoints and clock as the environment wants them; for a node of a test.

    Args:
        environment: names the file, or does not.
        places: failpoints so far.
        clock: clock so far.

    Raises:
        DisturbancesInvalid: the file does not say what this node understands.
    """
    path = environment.get(VARIABLE)
    if not path:
        return places, clock
    file = DisturbanceFile(Path(path))
    file.read()
    log.warning("disturbances_obeyed", file=path)
    return DisturbedPlaces(places, file), DisturbedClock(clock, file)
