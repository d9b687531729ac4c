"""Which public keys a checker relies on: what every verifier can tell without curve arithmetic.

The ledger itself asks for more where a key enters the state (`keys.check_public_key`). A proof is
checked in browsers too, and all checkers have to reach one verdict: canonical, and not of small
order (T10). A key that is no point of the curve has no valid signatures, which is found later.
"""

from typing import Final

from ledger.types import PublicKey

_P: Final = 2**255 - 19
"""The field's prime."""

_ORDER_EIGHT: Final = int.from_bytes(
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little"
)

_SMALL_ORDER: Final = frozenset({0, 1, _P - 1, _ORDER_EIGHT, _P - _ORDER_EIGHT})
"""The y of the points of small order; each is that of a point and of its negative."""


def is_sound_key(public_key: PublicKey) -> bool:
    """Return whether a key is written canonically and is not of small order."""
    y = int.from_bytes(public_key, "little") & (2**255 - 1)
    return y < _P and y not in _SMALL_ORDER
