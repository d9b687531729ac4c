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
