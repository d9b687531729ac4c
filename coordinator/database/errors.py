"""Why a database cannot be used; the operator reacts."""


class DatabaseError(Exception):
    """Base of the errors of this package."""


class DatabaseClosed(DatabaseError):
    """The coordinator is stopping; what was not written is not done."""

    def __init__(self) -> None:
        """Say so."""
        super().__init__("the coordinator's database is closed")


class DatabaseTooNew(DatabaseError):
    """A newer version of this program wrote the schema."""

    def __init__(self, revision: str) -> None:
        """State the revision found."""
        super().__init__(
            f"the coordinator's database has schema {revision}, which this version does not know: "
            "use the newer program, or restore the copy made before the upgrade"
        )


class DatabaseOfAnotherChain(DatabaseError):
    """The database follows another chain than the node's."""

    def __init__(self, found: str, wanted: str) -> None:
        """State both chain ids."""
        super().__init__(
            f"the coordinator's database follows chain {found}, the node is on {wanted}: "
            "configure another database, or start the devnet with --fresh"
        )


class ChainIncomplete(DatabaseError):
    """What the database would have to be derived from, the node's chain does not hold any more."""

    def __init__(self, followed: int, first: int) -> None:
        """State up to where the database follows the chain, and where the node's chain begins."""
        super().__init__(
            f"the coordinator's database follows the chain up to block {followed}, and this node "
            f"holds whole blocks only from {first} on: start the coordinator on a node that holds "
            f"the blocks from {followed + 1} on (one without store.keep_blocks, that began without "
            "a snapshot), or give it a database that nothing has been stored in; nothing was "
            "changed"
        )
