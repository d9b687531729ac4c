"""Accounts: what a client has, and every nait that came or went.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.accounts.model import Account, Balance, EntryKind, Line, Statement, Totals

__all__ = ["Account", "Balance", "EntryKind", "Line", "Statement", "Totals"]
