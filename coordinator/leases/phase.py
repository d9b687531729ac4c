"""Where an attempt is."""

from enum import StrEnum


class AttemptPhase(StrEnum):
    """Phase of a row of the table `attempts`."""

    OPEN = "open"
    """Its assignment is signed, not final: no input is handed out (J9)."""
    LIVE = "live"
    """Its assignment is final."""
    DONE = "done"
    """Its receipt is final."""
    ENDED = "ended"
    """It ended without a receipt."""
    VOID = "void"
    """Its assignment never came to be."""
