"""Named places at which a test can kill the process, as a power cut would."""

import os
import signal
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Protocol

VARIABLE: Final = "AITBC_FAILPOINT"
"""``name`` or ``name:n``: die when the place is reached for the n-th time."""


class Failpoint(StrEnum):
    """The places, in the order in which a block passes them."""

    BEFORE_JOURNAL_APPEND = "before-journal-append"
    BEFORE_JOURNAL_SYNC = "before-journal-sync"
    AFTER_JOURNAL_SYNC = "after-journal-sync"
    BEFORE_STORE_COMMIT = "before-store-commit"
    AFTER_STORE_COMMIT = "after-store-commit"
    BEFORE_PUBLISH = "before-publish"


class FailpointInvalid(ValueError):
    """The variable names no place."""

    def __init__(self, text: str) -> None:
        """State the text and what would be understood."""
        names = ", ".join(Failpoint)
        super().__init__(f"{VARIABLE}={text}: expected one of {names}, optionally with :count")


class Failpoints(Protocol):
    """What the driver, the journal and the committer tell."""

    def reached(self, place: Failpoint) -> None:
        """Note that a place was reached; may not return."""


class NoFailpoints:
    """Production: nothing happens."""

    def reached(self, place: Failpoint) -> None:
        """Go on."""


class KillAt:
    """Kills this process, without any clean-up, when a place is reached for the n-th time."""

    def __init__(self, place: Failpoint, count: int = 1) -> None:
        """Choose the place, and which visit ends the process."""
        self._place = place
        self._left = count

    def reached(self, place: Failpoint) -> None:
        """Die if this is the place and the visit."""
        if place is self._place:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def failpoints_from(environment: Mapping[str, str]) -> Failpoints:
    """Return what the environment asks for; call it only in a node configured for tests.

    Raises:
        FailpointInvalid: the variable names no place, or counts wrongly.
    """
    text = environment.get(VARIABLE)
    if not text:
        return NoFailpoints()
    name, _, count = text.partition(":")
    if name not in set(Failpoint) or (count and not count.isdecimal()):
        raise FailpointInvalid(text)
    return KillAt(Failpoint(name), int(count or 1))
