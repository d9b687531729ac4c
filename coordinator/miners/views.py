"""Builds views of miners."""

import json

from sqlalchemy import Connection, Row

from coordinator.miners import store
from coordinator.miners.capabilities import digest_of_document, read_document
from coordinator.miners.model import MinerView
from coordinator.miners.presence import Presence
from coordinator.registry import ServiceRegistry
from ledger.actions import Custody


def view_of(
    connection: Connection,
    row: Row[tuple[object, ...]],
    registry: ServiceRegistry,
    presence: Presence,
) -> MinerView:
    """Return the view of a row of the table `miners`."""
    document: str = row.document or row.wanted
    declared = read_document(document, registry)
    return MinerView(
        name=row.name,
        address=row.address,
        custody=Custody(row.custody),
        capabilities=declared.declared,
        services=declared.services,
        models=declared.models,
        aliases=declared.aliases,
        gpu_info=declared.gpu_info,
        gpu_memory_mib=declared.gpu_memory_mib,
        python=json.loads(document).get("python"),
        price=declared.price,
        capabilities_digest=digest_of_document(document),
        is_active=row.is_active,
        registered_ms=row.registered_ms,
        last_seen_ms=presence.last_seen_ms(row.address),
        live_leases=store.held_leases(connection, row.address),
        completed_jobs=store.completed_jobs(connection, row.address),
    )
