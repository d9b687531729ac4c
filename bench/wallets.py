"""Accounts that send, and transfers that they signed before anything is measured."""

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Final

from aitbc import ChainTags, SigningKey, action_array, sign_transaction

SENDERS_MAX: Final = 50_000
"""Accounts that have a key; all others only receive."""

FEE_NAIT: Final = 10_000
"""Above the fee of a transfer between accounts that exist."""

VALIDITY_MS: Final = 500_000
"""Pre-signed transfers stay valid through the runs that they were signed for."""

STRIDE: Final = 7_919
"""Receivers are this many accounts apart, so that a block touches accounts all over the state."""

PARALLEL_FROM: Final = 5_000
"""Transfers from which signing in several processes pays for starting them."""


class Wallets:
    """Accounts of a chain: the first have keys and send, all of them receive.

    Keys follow from numbers, so that processes that sign need not be handed any.
    """

    def __init__(self, accounts: int, processes: int = 1) -> None:
        """Derive the keys.

        Args:
            accounts: how many; 2 at least.
            processes: how many sign many transfers.
        """
        self.accounts = accounts
        self.senders = min(accounts, SENDERS_MAX)
        self._processes = processes
        self._signer = _Signer(accounts, self.senders)
        self._signed = 0

    def addresses(self) -> list[bytes]:
        """Return the addresses of all accounts."""
        return [self._signer.address(number) for number in range(self.accounts)]

    def transfers(self, tags: ChainTags, count: int) -> list[bytes]:
        """Sign transfers of one nait, round robin over the senders, to accounts all over the state.

        Args:
            tags: the chain that they are for.
            count: how many; each is another than those before.
        """
        first, self._signed = self._signed, self._signed + count
        valid_until_ms = time.time_ns() // 1_000_000 + VALIDITY_MS
        if count < PARALLEL_FROM or self._processes == 1:
            return self._signer.sign(tags, range(first, first + count), valid_until_ms)
        size = -(-count // self._processes)
        parts = [
            range(at, min(at + size, first + count)) for at in range(first, first + count, size)
        ]
        with ProcessPoolExecutor(self._processes, mp_context=get_context("spawn")) as pool:
            work = [
                (self.accounts, tags.chain_id, tags.genesis_digest, part, valid_until_ms)
                for part in parts
            ]
            return [each for signed in pool.map(_sign_part, work) for each in signed]


class _Signer:
    """The keys, in one process."""

    def __init__(self, accounts: int, senders: int) -> None:
        self._accounts = accounts
        self._keys = [SigningKey(_digest(b"key", number)) for number in range(senders)]

    def address(self, number: int) -> bytes:
        """Return an account's address; nobody has the key of one that does not send."""
        if number < len(self._keys):
            return self._keys[number].address
        return _digest(b"account", number)[:20]

    def sign(self, tags: ChainTags, numbers: range, valid_until_ms: int) -> list[bytes]:
        """Return the transfers with these numbers."""
        signed = []
        for number in numbers:
            sender = self._keys[number % len(self._keys)]
            receiver = self.address((number * STRIDE + 1) % self._accounts)
            action = action_array("transfer", to=receiver, amount=1)
            made = sign_transaction(
                tags, sender, action, fee=FEE_NAIT, valid_until_ms=valid_until_ms
            )
            signed.append(made.signed)
        return signed


def _sign_part(work: tuple[int, str, bytes, range, int]) -> list[bytes]:
    """Sign a part of the transfers in a process of its own."""
    accounts, chain_id, genesis_digest, numbers, valid_until_ms = work
    signer = _Signer(accounts, min(accounts, SENDERS_MAX))
    return signer.sign(ChainTags(chain_id, genesis_digest), numbers, valid_until_ms)


def batches_of(signed: Sequence[bytes], size: int) -> list[Sequence[bytes]]:
    """Return transfers in batches of `size`, the last one maybe smaller."""
    return [signed[at : at + size] for at in range(0, len(signed), size)]


def _digest(purpose: bytes, number: int) -> bytes:
    return hashlib.sha256(b"bench/" + purpose + number.to_bytes(8, "big")).digest()
