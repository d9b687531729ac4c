"""Artifacts: files by digest.

The types of the slice. Its service stands on parts that need these types themselves, and is
exported by `coordinator.services`.
"""

from coordinator.artifacts.model import ArtifactFile, ArtifactView

__all__ = ["ArtifactFile", "ArtifactView"]
