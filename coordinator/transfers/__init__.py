"""Transfers: units of the wallets that the coordinator keeps, sent to any address of the chain.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.transfers.errors import MinerKeepsItsKey, TransferNotFound
from coordinator.transfers.model import Transfer, TransferPage, TransferStatus, TransferWish

__all__ = [
    "MinerKeepsItsKey",
    "Transfer",
    "TransferNotFound",
    "TransferPage",
    "TransferStatus",
    "TransferWish",
]
