"""What work costs on this machine, measured in the run that uses it."""

import time
from dataclasses import dataclass
from typing import Final

from devnet.simulator.genesis import make_genesis
from devnet.simulator.people import CLIENTS, key_of, validator_key
from ledger import BlockContext, apply_block, build_block, keys
from ledger.actions import Transfer
from ledger.codec import encode
from ledger.fees import with_least_fee
from ledger.params import TRANSACTION_VERSION, Parameters
from ledger.transaction import SignedTransaction, Transaction, sign
from ledger.views import ChainView

SIGNATURES: Final = 300
"""Verifications that are timed."""

TRANSFERS: Final = 300
"""Transfers of the block that is timed."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Microseconds on one core."""

    signature_us: float
    """Verifying an Ed25519 signature."""
    transfer_us: float
    """Applying a transfer of a block whose signatures were verified before; a leader builds at the
    same cost."""
    transfer_bytes: int
    """Bytes of a signed transfer."""


def measure() -> Costs:
    """Time signatures and transfers."""
    key, message = key_of("client-0"), b"m" * 120
    signature = key.sign(message)
    started = time.process_time()
    for _ in range(SIGNATURES):
        assert keys.verify(key.public_key, message, signature)
    signature_us = (time.process_time() - started) / SIGNATURES * 1e6
    parent = make_genesis(0, 1, Parameters()).view
    transfers = [_transfer(parent, number) for number in range(TRANSFERS)]
    context = BlockContext(0, 1, validator_key(0).public_key, parent.header.timestamp_ms + 1)
    built = build_block(parent, transfers, context)
    assert not built.refused
    started = time.process_time()
    apply_block(parent, built.block, verified=lambda _signed: True)
    transfer_us = (time.process_time() - started) / TRANSFERS * 1e6
    return Costs(signature_us, transfer_us, len(encode(transfers[0])))


def _transfer(parent: ChainView, number: int) -> SignedTransaction:
    sender, to = key_of(f"client-{number % CLIENTS}"), key_of(f"client-{(number + 1) % CLIENTS}")
    unsigned = Transaction(
        version=TRANSACTION_VERSION,
        chain_id=parent.header.chain_id,
        sender_public_key=sender.public_key,
        action=Transfer(to.address, 1),
        fee=0,
        valid_until_ms=parent.header.timestamp_ms + 60_000,
        salt=number.to_bytes(16, "big"),
    )
    return sign(parent.tags, with_least_fee(parent.parameters, unsigned), sender)
