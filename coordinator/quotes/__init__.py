"""Quotes: what a job would cost, who could do it, and when.

The types of the slice. Its service is exported by `coordinator.services`.
"""

from coordinator.quotes.model import Quote

__all__ = ["Quote"]
