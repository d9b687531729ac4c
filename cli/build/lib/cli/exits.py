"""How commands end: codes for scripts, one readable paragraph for people."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class Exit(IntEnum):
    """Exit codes. 2 is also the parser's, for arguments that it does not understand."""

    DONE = 0
    REFUSED = 1
    """What was given cannot be used: a file, a value, a passphrase; or a proof is refuted."""
    MALFORMED = 2
    """What was given to be checked has not the form that it should have."""
    UNPINNED = 3
    """A proof holds, but of a chain that the caller did not name."""
    ADDRESS_UNAVAILABLE = 4
    """A port is in use, or an address is not this machine's."""
    DATA_UNUSABLE = 5
    """The node's own data: locked by another process, damaged, or of a newer version."""
    UNREACHABLE = 6
    """No node answers."""
    NO_RESULT = 7
    """A job ended without a result."""
    TIMED_OUT = 8
    """A job has not ended in the stated time."""
    STALE = 9
    """What was proved is older than it should be."""
    CONTRADICTED = 10
    """Two proofs that both hold contradict each other."""
    INTERNAL = 70
    """A fault of this program."""


class CommandFailed(Exception):
    """A command cannot go on; the text says why and what to do."""

    def __init__(self, text: str, exit_code: Exit = Exit.REFUSED) -> None:
        """State the paragraph to print, and the code to end with."""
        super().__init__(text)
        self.exit_code = exit_code


@contextmanager
def ends_with(exit_code: Exit, *errors: type[Exception]) -> Iterator[None]:
    """Turn these errors, whose texts are for people, into the end of the command.

    Raises:
        CommandFailed: one of them was raised inside.
    """
    try:
        yield
    except errors as error:
        raise CommandFailed(str(error), exit_code) from error
