"""Result documents: from what a miner delivers to canonical bytes, and back for the client."""

import json
from typing import Final

from coordinator.errors import InvalidRequest, ResultMalformed
from coordinator.jobs.documents import canonical_json
from coordinator.jobs.model import ArtifactRef, ResultView
from coordinator.leases.model import Output
from coordinator.values import JsonValue
from ledger.types import Attempt, Hash, TimestampMs

ARTIFACTS_MAX: Final = 64
"""Artifacts of one result."""

_PREFIX: Final = "sha256:"


def result_document(output: Output) -> bytes:
    """Return RFC 8785 JSON of {"text"?, "json"?, "artifacts", "metadata"}; absent ones left out.

    Raises:
        ResultMalformed: it holds what canonical JSON cannot.
    """
    document: dict[str, JsonValue] = {
        "artifacts": list(output.artifacts),
        "metadata": output.metadata,
    }
    if output.text is not None:
        document["text"] = output.text
    if output.json is not None:
        document["json"] = output.json
    try:
        return canonical_json(document, "/output")
    except InvalidRequest as error:
        raise ResultMalformed(error.detail, error.faults) from None


def artifact_refs(entries: JsonValue) -> tuple[ArtifactRef, ...]:
    """Return the artifacts that a result names: ``"sha256:HEX"`` or ``{"artifact": …}`` each.

    Raises:
        ResultMalformed: an entry is neither, or there are too many.
    """
    if not isinstance(entries, list) or len(entries) > ARTIFACTS_MAX:
        raise ResultMalformed.at("/output/artifacts", f"must be a list of at most {ARTIFACTS_MAX}")
    return tuple(_artifact_ref(place, entry) for place, entry in enumerate(entries))


def digest_of(reference: str) -> Hash | None:
    """Return the digest of ``sha256:HEX`` or ``artifact:sha256:HEX``, None if it is neither."""
    text = reference.removeprefix("artifact:")
    if not text.startswith(_PREFIX) or len(text) != len(_PREFIX) + 64:
        return None
    try:
        digest = bytes.fromhex(text.removeprefix(_PREFIX))
    except ValueError:
        return None
    return digest if digest.hex() == text.removeprefix(_PREFIX) else None


def result_view(
    document: bytes, *, salt: bytes, digest: Hash, attempt: Attempt, expires_ms: TimestampMs
) -> ResultView:
    """Return the view of a kept result; the arguments are those of the table `results`."""
    content = json.loads(document)
    return ResultView(
        text=content.get("text"),
        json=content.get("json"),
        artifacts=artifact_refs(content["artifacts"]),
        metadata=content["metadata"],
        document=document,
        salt=salt,
        digest=digest,
        attempt=attempt,
        expires_ms=expires_ms,
    )


def _artifact_ref(place: int, entry: JsonValue) -> ArtifactRef:
    fields = entry if isinstance(entry, dict) else {"artifact": entry}
    reference = fields.get("artifact")
    digest = digest_of(reference) if isinstance(reference, str) else None
    if digest is None:
        pointer = f"/output/artifacts/{place}"
        raise ResultMalformed.at(pointer, "must name sha256: and 64 lower-case hex digits")
    size, name, media_type = fields.get("size"), fields.get("name"), fields.get("media_type")
    return ArtifactRef(
        artifact=_PREFIX + digest.hex(),
        size=size if isinstance(size, int) and size >= 0 else 0,
        name=name[:255] if isinstance(name, str) else "",
        media_type=media_type[:127] if isinstance(media_type, str) else "",
    )
