"""Retention: how long prompts, results and files are kept, and their deletion before that.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.retention.model import Forgotten

__all__ = ["Forgotten"]
