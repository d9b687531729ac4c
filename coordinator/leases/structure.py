"""Level 0 of verification: structural checks on every result; what fails is never paid (J3)."""

from dataclasses import replace

from sqlalchemy import Connection, exists, select

from coordinator.database.tables import artifacts
from coordinator.errors import ResultMalformed
from coordinator.jobs.model import ArtifactRef
from coordinator.jobs.results import artifact_refs, digest_of, result_document
from coordinator.leases.model import Output
from coordinator.registry import ServiceDefinition
from ledger.types import TimestampMs


def literal_output(output: Output, service: ServiceDefinition) -> Output:
    """Return the output of a miner that delivers one string, as the older documents have it.

    Where a service's result is a file, the string may be the name of an artifact.
    """
    if not service.needs_artifact or output.text is None or output.artifacts:
        return output
    reference = output.text.strip()
    if digest_of(reference) is None:
        return output
    return replace(output, artifacts=({"artifact": reference.removeprefix("artifact:")},))


def check_result(
    connection: Connection,
    output: Output,
    service: ServiceDefinition,
    *,
    bytes_max: int,
    now_ms: TimestampMs,
) -> bytes:
    """Check a result's schema, length and files; return its canonical document.

    Raises:
        ResultMalformed: it fails; names the field.
    """
    document = result_document(output)
    if len(document) > bytes_max:
        raise ResultMalformed.at(
            "/output", f"more than {bytes_max} bytes: upload large results as artifacts", "TOO_LONG"
        )
    if service.needs_text and not (output.text or "").strip():
        raise ResultMalformed.at("/output/text", f"{service.service_id} answers with a text")
    refs = artifact_refs(list(output.artifacts))
    if service.needs_artifact and not refs:
        message = f"{service.service_id} answers with at least one uploaded artifact"
        raise ResultMalformed.at("/output/artifacts", message)
    for place, ref in enumerate(refs):
        _check_kept(connection, place, ref, now_ms)
    return document


def _check_kept(connection: Connection, place: int, ref: ArtifactRef, now_ms: TimestampMs) -> None:
    digest = digest_of(ref.artifact)
    kept = exists().where(artifacts.c.digest == digest, artifacts.c.expires_ms > now_ms)
    if not connection.execute(select(kept)).scalar_one():
        pointer = f"/output/artifacts/{place}"
        raise ResultMalformed.at(pointer, f"{ref.artifact} was not uploaded here", "NOT_UPLOADED")
