"""Artifacts: files by digest."""

from coordinator.artifacts.model import ArtifactFile, ArtifactView
from coordinator.artifacts.service import ArtifactService

__all__ = ["ArtifactFile", "ArtifactService", "ArtifactView"]
