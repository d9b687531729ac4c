"""Names of miners (M1)."""

import re
from typing import Final

from coordinator.errors import MinerNameInvalid
from ledger import RESERVED_NAME_PREFIXES

_NAME: Final = re.compile(r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z")


def check_name(name: str) -> None:
    """Check a name that somebody wants to register.

    Raises:
        MinerNameInvalid: it breaks the pattern, or reads like an id or an address.
    """
    if not _NAME.match(name):
        message = "must be 1 to 63 characters of A-Z a-z 0-9 . _ -, the first a letter or digit"
        raise MinerNameInvalid.at("/miner_id", message, "INVALID_NAME")
    for prefix in RESERVED_NAME_PREFIXES:
        if name.lower().startswith(prefix):
            message = f"must not begin with {prefix}, which marks ids and addresses"
            raise MinerNameInvalid.at("/miner_id", message, "RESERVED_NAME")


def key_of(name: str) -> str:
    """Return the form in which names are compared: without regard to case."""
    return name.lower()
