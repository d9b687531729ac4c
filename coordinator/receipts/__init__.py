"""Receipts: public and final.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.receipts.model import AttestationView, ReceiptPage, ReceiptView

__all__ = ["AttestationView", "ReceiptPage", "ReceiptView"]
