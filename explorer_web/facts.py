"""What a page shows about an object: named values, each with its source.

A page and its JSON twin are made from the same facts, so they cannot disagree.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeAlias

from explorer_web import formats


class Kind(StrEnum):
    """How a value is written."""

    TEXT = "text"
    """Words."""
    NUMBER = "number"
    """An integer without a unit."""
    BYTES = "bytes"
    """A size in bytes."""
    MONEY = "money"
    """Nait."""
    RATE = "rate"
    """Nait per whole unit."""
    TIME = "time"
    """Milliseconds since the Unix epoch."""
    HOUR = "hour"
    """Start of an hour, milliseconds since the Unix epoch."""
    DURATION = "duration"
    """Milliseconds."""
    UNITS = "units"
    """Millionths of a unit of work."""
    SHARE = "share"
    """Basis points."""
    ADDRESS = "address"
    """20 bytes of an account."""
    MINER = "miner"
    """20 bytes of a miner's account."""
    KEY = "key"
    """A public key."""
    HASH = "hash"
    """A digest that has no page of its own."""
    RAW = "raw"
    """Bytes of any length."""
    BLOCK = "block"
    """Id of a block."""
    HEIGHT = "height"
    """Height of a block."""
    TRANSACTION = "transaction"
    """Id of a transaction."""
    JOB = "job"
    """Id of a job."""
    RECEIPT = "receipt"
    """Id of a receipt."""
    BALLOT = "ballot"
    """Id of a ballot."""


class Source(StrEnum):
    """Where a value is from, hence who answers for it."""

    HEADER = "header"
    """The block's header, which the finality certificate covers."""
    SIGNED = "signed"
    """The sender's signed transaction, which the ledger checked."""
    OUTCOME = "outcome"
    """An outcome record, which the header commits to."""
    STATE = "state"
    """The final state as this node holds it now."""
    INDEX = "index"
    """Computed by this explorer from final blocks."""
    NODE = "this node"
    """Measured by this node; another one may have measured something else."""
    CLAIMED = "claimed by the miner"
    """Signed by the miner; nobody else vouches for it."""


Value: TypeAlias = bytes | int | str | bool | None
Json: TypeAlias = "str | int | bool | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Fact:
    """One value."""

    name: str
    """Its name in the JSON twin; the noun that the code and the API use."""
    label: str
    """Its name on the page."""
    kind: Kind
    """How it is written."""
    value: Value
    """The value; None if there is none (yet)."""
    source: Source
    """Where it is from."""
    hint: str = ""
    """What it means, for readers who do not know."""
    missing: str = "none"
    """What the page says where there is no value."""

    @property
    def json(self) -> Json:
        """The value in JSON: bytes in hex, addresses as text, nait as decimal strings."""
        return to_json(self.kind, self.value)


@dataclass(frozen=True, slots=True)
class Section:
    """Facts under one heading."""

    title: str
    """The heading."""
    facts: Sequence[Fact]
    """What stands under it."""
    note: str = ""
    """A sentence that introduces them."""


_ACCOUNTS: Final = frozenset({Kind.ADDRESS, Kind.MINER})


def to_json(kind: Kind, value: Value) -> Json:
    """Return a value as it stands in a JSON twin.

    Amounts are strings because JavaScript's numbers do not hold 2^63 (S8).
    """
    if isinstance(value, bytes):
        return formats.address(value) if kind in _ACCOUNTS else value.hex()
    if kind in {Kind.MONEY, Kind.RATE, Kind.UNITS} and value is not None:
        return str(value)
    return value


def facts_json(sections: Iterable[Section]) -> dict[str, Json]:
    """Return the facts of all sections by name."""
    named = [(fact.name, fact.json) for section in sections for fact in section.facts]
    assert len({name for name, _ in named}) == len(named), "a name stands for one value"
    return dict(named)
