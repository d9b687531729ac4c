"""An account of a test: signs transfers for a node's chain, as a client with the key would."""

import os
from dataclasses import dataclass, field

import httpx

from ledger.actions import Action, Transfer
from ledger.codec import encode
from ledger.fees import with_least_fee
from ledger.hashing import Tags
from ledger.keys import KeyPair
from ledger.params import TRANSACTION_VERSION, Parameters
from ledger.transaction import Transaction, sign, transaction_id_of_bytes
from ledger.types import Address

VALID_MS = 120_000
"""How long what is signed is valid; SDKs sign for as long (T2)."""


@dataclass
class Wallet:
    """A key and what it has to know of the chain."""

    key: KeyPair
    tags: Tags
    chain_id: str
    parameters: Parameters = field(default_factory=Parameters)

    @classmethod
    def on(cls, client: httpx.Client, key: KeyPair) -> "Wallet":
        """Return a wallet for the chain that a node serves."""
        status = client.get("/v1/chain/status").raise_for_status().json()
        named = client.get("/v1/chain/parameters").raise_for_status().json()["parameters"]
        tags = Tags(bytes.fromhex(status["genesis_digest"]))
        return cls(key, tags, status["chain_id"], Parameters(**named))

    def sign(self, action: Action, now_ms: int, *, creates_account: bool = False) -> bytes:
        """Return signed canonical bytes with the least fee."""
        transaction = Transaction(
            version=TRANSACTION_VERSION,
            chain_id=self.chain_id,
            sender_public_key=self.key.public_key,
            action=action,
            fee=0,
            valid_until_ms=now_ms + VALID_MS,
            salt=os.urandom(16),
        )
        priced = with_least_fee(self.parameters, transaction, creates_account=creates_account)
        return encode(sign(self.tags, priced, self.key))

    def transfer(self, to: Address, amount: int, now_ms: int, *, is_new: bool = False) -> bytes:
        """Return a signed transfer; `is_new` if the receiver has no account yet."""
        return self.sign(Transfer(to, amount), now_ms, creates_account=is_new)

    def id_of(self, signed: bytes) -> str:
        """Return a transaction's id as the API shows it."""
        return "tx_" + transaction_id_of_bytes(self.tags, signed).hex()


def chain_time_ms(client: httpx.Client) -> int:
    """Return the time of the node's newest final block, which validity derives from (J26)."""
    time_ms: int = client.get("/v1/chain/status").raise_for_status().json()["timestamp_ms"]
    return time_ms
