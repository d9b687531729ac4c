"""Signs the miner's fee-free transactions, with a validity that derives from chain time (J26)."""

import time
from typing import Final

from aitbc import AitbcError, ChainTags, Client, SigningKey, sign_transaction
from aitbc.actions import ActionArray
from aitbc.transactions import SignedTransaction

VALIDITY_MS: Final = 120_000
"""How long a signed transaction may wait for its block (T2)."""


class ChainClock:
    """Chain time as a node says it; reckoned on from the last answer while none answers."""

    def __init__(self, client: Client, now_ms: int) -> None:
        """Begin with a time that the node said now."""
        self._client = client
        self._said = (now_ms, time.monotonic())

    def read_ms(self) -> int:
        """Return what the node says.

        Raises:
            AitbcError: it does not answer.
        """
        self._said = (self._client.chain_time_ms(), time.monotonic())
        return self._said[0]

    def now_ms(self) -> int:
        """Return what the node says, or would say about now."""
        try:
            return self.read_ms()
        except AitbcError:
            said_ms, at_s = self._said
            return said_ms + round((time.monotonic() - at_s) * 1000)


class Signer:
    """The miner's key, bound to one chain."""

    def __init__(self, key: SigningKey, tags: ChainTags, clock: ChainClock) -> None:
        """Sign with `key` for the chain of `tags`."""
        self.tags = tags
        self.clock = clock
        self.address = key.address
        self._key = key

    def sign(self, action: ActionArray) -> SignedTransaction:
        """Sign an action that carries no fee (J10)."""
        valid_until_ms = self.clock.now_ms() + VALIDITY_MS
        return sign_transaction(self.tags, self._key, action, fee=0, valid_until_ms=valid_until_ms)
