"""Why a node does not continue from what is on its disk; each says what a person can do."""

from ledger.types import Epoch, View
from node.journal import JournalError

__all__ = [
    "JournalBehindStore",
    "JournalLost",
    "JournalPutAside",
    "KeptBlockWrong",
    "StoreBehindJournal",
]


class JournalBehindStore(JournalError):
    """The journal is older than the database: votes of this validator are missing from it."""

    code = "JOURNAL_BEHIND_STORE"

    def __init__(self, epoch: Epoch, reach: View, head: View) -> None:
        """State how far each reaches."""
        super().__init__(
            f"the journal of epoch {epoch} knows finality up to view {reach}, the database up to "
            f"view {head}: it is an older copy, and signing with it could contradict votes that "
            "were sent. Put the newest journal back, or remove it to stay silent until the next "
            "epoch"
        )


class StoreBehindJournal(JournalError):
    """The database is older than the journal: final blocks are missing from it."""

    code = "STORE_BEHIND_JOURNAL"

    def __init__(self, known: str) -> None:
        """State what the journal knows."""
        super().__init__(
            f"the journal knows {known}, and the database does not hold those blocks: it is an "
            "older copy. Put the newest database back"
        )


class JournalLost(JournalError):
    """A lone validator without its journal: the epoch cannot end without its votes."""

    code = "JOURNAL_LOST"

    def __init__(self, epoch: Epoch) -> None:
        """Name the epoch and the one way on."""
        super().__init__(
            f"the journal of epoch {epoch} is missing, so this validator may have voted in it and "
            "does not sign. If it certainly never did, start once with "
            f"--never-voted-in-epoch {epoch}"
        )


class JournalPutAside(JournalError):
    """Votes of this key are known that no journal here holds (S10, E10)."""

    code = "JOURNAL_PUT_ASIDE"

    def __init__(self, epoch: Epoch) -> None:
        """Name the epoch."""
        super().__init__(
            f"the key of this validator voted in epoch {epoch}, and its journal does not hold all "
            f"of these votes: it lies aside as epoch-{epoch}.stopped. The key stays silent until "
            "the next epoch, because nobody can know what it said"
        )


class KeptBlockWrong(JournalError):
    """A block that this validator vouched for cannot be executed again."""

    code = "KEPT_BLOCK_WRONG"

    def __init__(self, view: View, reason: str) -> None:
        """State the view, and what is wrong."""
        super().__init__(
            f"the block of view {view} in the journal cannot be used: {reason}. Another version "
            "of this program may have written it"
        )
