"""Bundles that prove nothing, as patches of bundles that hold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ledger.codec import encode
from tests.vectors.world import Json

At = tuple[str | int, ...]
"""Members and positions that lead to a place of a bundle."""

REMOVED: Final = object()
"""The value of a place that a patch takes out."""

RECEIPT: Final = "receipt"
LATER: Final = (
    "receipt after two changes of the set, in a block that a later one's certificate covers"
)
SINCE: Final = "receipt for a reader that knows the set of epoch 1"
TRANSACTION: Final = "transaction"
OUTCOME: Final = "outcome"
BOUNDARY: Final = "outcome of an epoch's last block, finalized in a later view"
BARE: Final = "outcome without the genesis specification"
ACCOUNT: Final = "account"
ABSENT: Final = "account that does not exist"
VALIDATORS: Final = "validators"
FIRST_SET: Final = "validators of the first epoch"

HEADER: Final = ("finality", "headers", 0)
CERTIFICATE: Final = ("finality", "certificate")


@dataclass(frozen=True)
class Refusal:
    """One bundle to refuse."""

    name: str
    base: str
    """The bundle that it is made of."""
    patch: Sequence[tuple[At, object]]
    """Places and their new values, in order; a position one behind the last appends."""
    step: str
    code: str
    trust: str = "pinned"

    def plain(self) -> Json:
        changes: list[Json] = [
            {"at": list(at), "remove": True}
            if value is REMOVED
            else {"at": list(at), "set": _json(value)}
            for at, value in self.patch
        ]
        return {
            "name": self.name,
            "base": self.base,
            "patch": changes,
            "trust": self.trust,
            "step": self.step,
            "code": self.code,
        }


def _json(value: Any) -> Json:
    if isinstance(value, bytes):
        return value.hex()
    return value if isinstance(value, str | int | list | dict | None) else encode(value).hex()


def patched(bundle: Any, patch: Sequence[Mapping[str, Any]]) -> Any:
    """Return a copy of a bundle with the changes of a patch."""
    for change in patch:
        bundle = _changed(bundle, change["at"], change)
    return bundle


def _changed(value: Any, at: Sequence[str | int], change: Mapping[str, Any]) -> Any:
    if not at:
        return change["set"]
    first, *rest = at
    copy: Any = dict(value) if isinstance(value, dict) else list(value)
    if not rest and change.get("remove"):
        del copy[first]
    elif isinstance(copy, list) and first == len(copy):
        copy.append(change["set"])
    else:
        copy[first] = _changed(copy[first] if rest else None, rest, change)
    return copy


def bytes_at(bundle: Any, *at: str | int) -> bytes:
    """Return the bytes at a place of a bundle."""
    for part in at:
        bundle = bundle[part]
    return bytes.fromhex(bundle)


def flip(bundle: Any, *at: str | int, byte: int = -1) -> tuple[At, bytes]:
    """Return the change of one bit at a place of a bundle."""
    data = bytearray(bytes_at(bundle, *at))
    data[byte] ^= 1
    return at, bytes(data)
