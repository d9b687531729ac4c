"""Errors of the store, by who reacts.

::

    StoreError
    ├── StoreUnusable      the operator reacts: the text says what to do
    │   ├── StoreUrlInvalid, StoreDriverMissing, StoreMissing, StoreUnreadable, StoreFailed
    │   ├── StoreLocked, StoreUnsafe
    │   ├── SchemaTooNew, SchemaTooOld, WrongStore, AlreadyInitialised
    ├── CommitRefused      a defect of the caller: a final block does not fit the chain
    │   ├── NotInitialised, GenesisMismatch, BlockGap, BlockConflict
    ├── IndexRefused       the indexer stops: stored data contradict themselves (K2)
    └── FilterUnsupported  the caller combined filters that no index serves
"""

from ledger.errors import LedgerError


class StoreError(LedgerError):
    """Base of all errors of the store."""

    code = "STORE_ERROR"


class StoreUnusable(StoreError):
    """The database cannot be used as it is."""

    code = "STORE_UNUSABLE"


class StoreUrlInvalid(StoreUnusable):
    """A database URL that names nothing a store can live in."""

    code = "STORE_URL_INVALID"


class StoreDriverMissing(StoreUnusable):
    """The driver of a database server is not installed."""

    code = "STORE_DRIVER_MISSING"


class StoreMissing(StoreUnusable):
    """No database, or one without tables, where a reader expects one."""

    code = "STORE_MISSING"


class StoreUnreadable(StoreUnusable):
    """A file that is no database, or a damaged one."""

    code = "STORE_UNREADABLE"


class StoreFailed(StoreUnusable):
    """The database failed while it was used: disk full, I/O error, connection lost, a lock."""

    code = "STORE_FAILED"


class StoreLocked(StoreUnusable):
    """Another process writes this database."""

    code = "STORE_LOCKED"


class StoreUnsafe(StoreUnusable):
    """A server that may lose what it has confirmed."""

    code = "STORE_UNSAFE"


class SchemaTooNew(StoreUnusable):
    """A newer program made this database."""

    code = "SCHEMA_TOO_NEW"


class SchemaTooOld(StoreUnusable):
    """A reader found a schema that the writing side has yet to upgrade."""

    code = "SCHEMA_TOO_OLD"


class WrongStore(StoreUnusable):
    """The URL names another kind of database of this program."""

    code = "WRONG_STORE"


class CommitRefused(StoreError):
    """A block that cannot follow what is stored; nothing was written."""

    code = "COMMIT_REFUSED"


class NotInitialised(CommitRefused):
    """The store holds no genesis block yet."""

    code = "NOT_INITIALISED"


class AlreadyInitialised(StoreUnusable):
    """A snapshot for a store that holds a chain."""

    code = "ALREADY_INITIALISED"


class GenesisMismatch(CommitRefused):
    """The store holds another chain's blocks."""

    code = "GENESIS_MISMATCH"


class BlockGap(CommitRefused):
    """A block above the next height."""

    code = "BLOCK_GAP"


class BlockConflict(CommitRefused):
    """A block that contradicts one that is final already."""

    code = "BLOCK_CONFLICT"


class IndexRefused(StoreError):
    """A stored block does not hash to what it claims; it is not indexed (K2)."""

    code = "INDEX_REFUSED"


class FilterUnsupported(StoreError):
    """A combination of filters that would have to scan."""

    code = "FILTER_UNSUPPORTED"
