"""Types on the wire of artifacts."""

from coordinator.artifacts.model import ArtifactView
from coordinator.http.times import format_time
from coordinator.wire import TimeText, View, artifact_text


class Artifact(View, kw_only=True, frozen=True):
    """A stored file. Jobs refer to it as `artifact:` and its name."""

    artifact: str
    """Its name: `sha256:` and the hex digest of its bytes."""
    size: int
    """Bytes."""
    expires_at: TimeText
    """When it is deleted."""


def artifact_view(artifact: ArtifactView) -> Artifact:
    """Return an artifact."""
    return Artifact(
        artifact=artifact_text(artifact.digest),
        size=artifact.size,
        expires_at=format_time(artifact.expires_ms),
    )
