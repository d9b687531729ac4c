"""Who acts in the tests of the ledger, with which keys and how much money."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ledger.hashing import sha256
from ledger.keys import KeyPair
from ledger.params import NAIT_PER_AITBC
from ledger.types import Address, Amount

AITBC = NAIT_PER_AITBC


def key_of(name: str) -> KeyPair:
    """Return the key of a person of the tests, always the same."""
    return KeyPair(sha256(b"tests/" + name.encode()))


@dataclass(frozen=True)
class People:
    """Who acts in the tests."""

    validators: tuple[KeyPair, ...] = tuple(key_of(f"validator-{n}") for n in range(12))
    payout: KeyPair = field(default_factory=lambda: key_of("payout"))
    coordinator: KeyPair = field(default_factory=lambda: key_of("coordinator"))
    other_coordinator: KeyPair = field(default_factory=lambda: key_of("other-coordinator"))
    client: KeyPair = field(default_factory=lambda: key_of("client"))
    other_client: KeyPair = field(default_factory=lambda: key_of("other-client"))
    miner: KeyPair = field(default_factory=lambda: key_of("miner"))
    other_miner: KeyPair = field(default_factory=lambda: key_of("other-miner"))
    stranger: KeyPair = field(default_factory=lambda: key_of("stranger"))


PEOPLE = People()


RICH = (
    PEOPLE.client,
    PEOPLE.other_client,
    PEOPLE.coordinator,
    PEOPLE.miner,
    PEOPLE.other_miner,
)
BALANCES: Mapping[Address, Amount] = {key.address: 1_000 * AITBC for key in RICH}
"""Everybody but the stranger and the payout account has a balance."""
