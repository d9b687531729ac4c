"""Outcome records (J28) and accounts, from their canonical bytes."""

from dataclasses import dataclass
from typing import Final

from aitbc.errors import InvalidValue
from aitbc.field_checks import ADDRESS, AMOUNT, integer_to
from aitbc.proofs.canonical import decode

OUTCOME_BYTES_MAX: Final = 512
"""Three parties with amounts take about 160 bytes."""

ACCOUNT_TABLE: Final = 3
"""First byte of an account's key in the state; its address follows."""

_ACCOUNT_BYTES_MAX: Final = 64

OUTCOME_KINDS: Final = {
    1: "job locked",
    2: "job assigned",
    3: "job released",
    4: "receipt posted",
    5: "receipt attested",
    6: "receipt disputed",
    7: "job settled",
    8: "job refunded",
    9: "job failed",
    10: "job cancelled",
    11: "job expired",
    20: "miner registered",
    21: "miner updated",
    22: "miner retired",
    23: "bond returned",
    24: "units issued",
    25: "offer posted",
    26: "offer accepted",
    27: "offer withdrawn",
    28: "offer expired",
    30: "ballot opened",
    31: "ballot voted",
    32: "ballot passed",
    33: "ballot expired",
    34: "validator added",
    35: "validator removed",
    36: "validator accused",
    37: "coordinator added",
    38: "coordinator removed",
    39: "parameter changed",
}
"""What a block did, by number."""

_KIND: Final = integer_to(max(OUTCOME_KINDS), 1)
_CODE: Final = integer_to(2**64 - 1, -(2**63))


@dataclass(frozen=True)
class Outcome:
    """One thing that a block did."""

    kind: str
    """What happened, in words."""
    kind_number: int
    """The same, as on the wire."""
    cause: bytes
    """Id of the transaction that did it; empty for automatic work."""
    object_id: bytes
    """Id of the job, offer, retirement or ballot, an address, a key, or a parameter's name."""
    code: int
    """Attempt, reason or value; see the kind."""
    parties: tuple[bytes, ...]
    """Addresses of who is concerned."""
    amounts: tuple[int, ...]
    """Nait for each party."""


def read_outcome(data: bytes) -> Outcome:
    """Return the outcome that canonical bytes say.

    Raises:
        InvalidValue: they say none.
    """
    value = decode("outcome", data, OUTCOME_BYTES_MAX)
    if not isinstance(value, list) or len(value) != 6:
        raise InvalidValue("outcome", "must be an array of 6")
    kind, cause, object_id, code, parties, amounts = value
    number = _KIND("outcome.kind", kind)
    if number not in OUTCOME_KINDS:
        raise InvalidValue("outcome.kind", f"{number} is not known")
    for name, told in (("cause", cause), ("object_id", object_id)):
        if not isinstance(told, bytes):
            raise InvalidValue(f"outcome.{name}", "must be bytes")
    for name, told in (("parties", parties), ("amounts", amounts)):
        if not isinstance(told, list):
            raise InvalidValue(f"outcome.{name}", "must be an array")
    return Outcome(
        kind=OUTCOME_KINDS[number],
        kind_number=number,
        cause=cause,
        object_id=object_id,
        code=_CODE("outcome.code", code),
        parties=tuple(ADDRESS("outcome.parties", each) for each in parties),
        amounts=tuple(AMOUNT("outcome.amounts", each) for each in amounts),
    )


def account_key(address: bytes) -> bytes:
    """Return the key of an account's record in the state."""
    return bytes((ACCOUNT_TABLE,)) + address


def read_balance(record: bytes) -> int:
    """Return the nait of an account's record.

    Raises:
        InvalidValue: it is none.
    """
    value = decode("account", record, _ACCOUNT_BYTES_MAX)
    if not isinstance(value, list) or len(value) != 1:
        raise InvalidValue("account", "must be an array of 1")
    return AMOUNT("account.balance", value[0])
