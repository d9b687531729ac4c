"""Types on the wire of artifacts."""

from typing import Annotated

from msgspec import Meta

from coordinator.artifacts.model import ArtifactView
from coordinator.artifacts.model import Upload as UploadModel
from coordinator.http.times import format_time
from coordinator.wire import Body, TimeText, View, artifact_text


class Artifact(View, kw_only=True, frozen=True):
    """A stored file. Jobs refer to it as `artifact:` and its name."""

    artifact: str
    """Its name: `sha256:` and the hex digest of its bytes."""
    size: int
    """Bytes."""
    expires_at: TimeText
    """When it is deleted."""


class ArtifactList(View, kw_only=True, frozen=True):
    """The files that the caller keeps, those that end first first."""

    artifacts: list[Artifact]
    """The files; at most 1000."""


class UploadRequest(Body, kw_only=True, frozen=True):
    """A file that is to come in pieces."""

    artifact: Annotated[str, Meta(pattern=r"^sha256:[0-9a-f]{64}$")]
    """Its name: `sha256:` and the hex digest of its bytes."""
    size: Annotated[int, Meta(ge=1)]
    """Its bytes."""


class Upload(View, kw_only=True, frozen=True):
    """A file that comes in pieces."""

    upload_id: str
    """Id of the upload."""
    artifact: str
    """Name that the file is to have."""
    size: int
    """Bytes that it is to have."""
    offset: int
    """Bytes that are here: where the next piece begins."""
    expires_at: TimeText
    """When it is thrown away, unless more comes."""


def artifact_view(artifact: ArtifactView) -> Artifact:
    """Return an artifact."""
    return Artifact(
        artifact=artifact_text(artifact.digest),
        size=artifact.size,
        expires_at=format_time(artifact.expires_ms),
    )


def upload_view(upload: UploadModel) -> Upload:
    """Return an upload."""
    return Upload(
        upload_id=upload.upload_id,
        artifact=artifact_text(upload.digest),
        size=upload.size,
        offset=upload.received,
        expires_at=format_time(upload.expires_ms),
    )
