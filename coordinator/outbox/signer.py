"""Signing the coordinator's and managed transactions."""

from coordinator.moment import Moment, RandomBytes
from coordinator.outbox.model import SignedBytes
from ledger import with_least_fee
from ledger.actions import Action, action_name
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.keys import KeyPair
from ledger.params import TRANSACTION_VERSION
from ledger.transaction import SignedTransaction, Transaction, sign, transaction_id_of_bytes
from ledger.types import ChainId

SALT_BYTES = 16


class Signer:
    """Signs transactions of one chain, with the least fee. Safe to use from several threads."""

    def __init__(self, chain_id: ChainId, tags: Tags, random_bytes: RandomBytes) -> None:
        """Remember the chain and where salts come from."""
        self.chain_id = chain_id
        self.tags = tags
        self._random_bytes = random_bytes

    def sign(
        self,
        moment: Moment,
        key: KeyPair,
        action: Action,
        validity_ms: int,
        *,
        creates_account: bool = False,
    ) -> SignedBytes:
        """Return signed bytes that are to be stored before they are sent (J30).

        Args:
            moment: now.
            key: who acts and pays.
            action: what is done.
            validity_ms: how long after the newest final block it may be included, at most the
                horizon (J26).
            creates_account: whether it is a transfer that may create an account (T9).
        """
        horizon_ms = min(validity_ms, moment.parameters.horizon_ms)
        unsigned = Transaction(
            version=TRANSACTION_VERSION,
            chain_id=self.chain_id,
            sender_public_key=key.public_key,
            action=action,
            fee=0,
            valid_until_ms=moment.chain_ms + horizon_ms,
            salt=self._random_bytes(SALT_BYTES),
        )
        unsigned = with_least_fee(moment.parameters, unsigned, creates_account=creates_account)
        return self.describe(sign(self.tags, unsigned, key))

    def describe(self, signed: SignedTransaction) -> SignedBytes:
        """Return the bytes of a signed transaction with what the outbox keeps of it."""
        content, data = signed.transaction, encode(signed)
        return SignedBytes(
            transaction_id=transaction_id_of_bytes(self.tags, data),
            signed=data,
            action=action_name(content.action),
            fee=content.fee,
            valid_until_ms=content.valid_until_ms,
        )
