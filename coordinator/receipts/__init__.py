"""Receipts: public and final."""

from coordinator.receipts.model import AttestationView, ReceiptPage, ReceiptView
from coordinator.receipts.service import ReceiptService

__all__ = ["AttestationView", "ReceiptPage", "ReceiptService", "ReceiptView"]
