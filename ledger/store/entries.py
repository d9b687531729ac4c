"""Rows of the index that change after they are made: jobs, receipts, miners, offers, ballots.

The fields of an entry are the columns of its table, in order. The indexer loads the entries that a
batch of blocks concerns, changes them in memory, and writes each touched one back once.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Final, TypeVar, cast

from sqlalchemy import Column, Connection

from ledger.store.bulk import Row, Value, find_rows
from ledger.store.columns import id_prefix
from ledger.store.index_tables import BALLOTS, JOBS, MINERS, OFFERS, RECEIPTS
from ledger.store.work_models import (
    JobPhase,
    Payment,
)
from ledger.types import Address, Hash


@dataclass(slots=True)
class JobEntry:
    """A row of `JOBS`; `JobRow` says what the values mean."""

    position: int
    id_prefix: int
    job_id: Hash
    client: Address
    terms: bytes
    submitted_ms: int
    phase: str = JobPhase.QUEUED
    payment: str = Payment.ESCROWED
    attempt: int = 0
    miner: Address | None = None
    price_cap: int | None = None
    lease_end_ms: int | None = None
    assigned_height: int | None = None
    assigned_ms: int | None = None
    receipt_position: int | None = None
    receipt_id: Hash | None = None
    received_ms: int | None = None
    ended_height: int | None = None
    ended_ms: int | None = None
    end_kind: int | None = None
    end_code: int | None = None
    paid_miner: int = 0
    paid_coordinator: int = 0
    paid_client: int = 0
    disputed_height: int | None = None
    disputed_ms: int | None = None
    disputed_by: Address | None = None
    dispute_reason: int | None = None
    dispute_bond: int | None = None


@dataclass(slots=True)
class ReceiptEntry:
    """A row of `RECEIPTS`; `ReceiptRow` says what the values mean."""

    position: int
    id_prefix: int
    receipt_id: Hash
    timestamp_ms: int
    client: Address
    miner: Address
    miner_name: str
    custody: int
    content: bytes
    payment: str = Payment.ESCROWED
    delivery_height: int | None = None
    delivery_ms: int | None = None
    delivery_id: Hash | None = None
    rerun_height: int | None = None
    rerun_ms: int | None = None
    rerun_id: Hash | None = None
    settled_height: int | None = None
    settled_ms: int | None = None
    paid_miner: int = 0
    paid_coordinator: int = 0
    paid_client: int = 0


@dataclass(slots=True)
class MinerEntry:
    """A row of `MINERS`; `MinerRow` says what the values mean."""

    miner: Address
    position: int
    name: str
    name_key: str
    active: int
    capabilities_digest: Hash
    price_floor: int
    bond: int
    custody: int
    registered_ms: int
    retired_height: int | None = None
    retired_ms: int | None = None
    assignments: int = 0
    receipts: int = 0
    settled: int = 0
    released: int = 0
    lost: int = 0
    earned: int = 0
    timeouts: int = 0
    refuted: int = 0
    reruns: int = 0


@dataclass(slots=True)
class BallotEntry:
    """A row of `BALLOTS`; `BallotRow` says what the values mean."""

    position: int
    id_prefix: int
    ballot_id: Hash
    opener: Address
    kind: int
    motion: bytes
    opened_ms: int
    status: str
    closed_height: int | None = None
    closed_ms: int | None = None


@dataclass(slots=True)
class OfferEntry:
    """A row of `OFFERS`; `OfferRow` says what the values mean."""

    position: int
    id_prefix: int
    offer_id: Hash
    miner: Address
    service: str
    price: int
    capacity: int
    remaining: int
    posted_ms: int
    expires_ms: int
    status: str
    closed_height: int | None = None
    closed_ms: int | None = None


Entry = TypeVar("Entry", JobEntry, ReceiptEntry, MinerEntry, BallotEntry, OfferEntry)

_VALUES: Final = {
    kind: attrgetter(*(field.name for field in fields(kind)))
    for kind in (JobEntry, ReceiptEntry, MinerEntry, BallotEntry, OfferEntry)
}


def rows_of(entries: Iterable[Entry]) -> list[Row]:
    """Return entries as rows in the order of their table's columns."""
    return [cast("Row", _VALUES[type(entry)](entry)) for entry in entries]


def load_jobs(connection: Connection, job_ids: set[Hash]) -> dict[Hash, JobEntry]:
    """Return the indexed ones among some jobs."""
    prefixes = sorted({id_prefix(job_id) for job_id in job_ids})
    entries = _load(connection, JobEntry, JOBS.c.id_prefix, prefixes)
    return {entry.job_id: entry for entry in entries if entry.job_id in job_ids}


def load_receipts(connection: Connection, positions: set[int]) -> dict[int, ReceiptEntry]:
    """Return receipts by position."""
    ordered = sorted(positions)
    entries = _load(connection, ReceiptEntry, RECEIPTS.c.position, ordered)
    return {entry.position: entry for entry in entries}


def load_miners(connection: Connection, addresses: set[Address]) -> dict[Address, MinerEntry]:
    """Return the indexed ones among some miners."""
    ordered = sorted(addresses)
    entries = _load(connection, MinerEntry, MINERS.c.miner, ordered)
    return {entry.miner: entry for entry in entries}


def load_ballots(connection: Connection, ballot_ids: set[Hash]) -> dict[Hash, BallotEntry]:
    """Return the indexed ones among some ballots."""
    prefixes = sorted({id_prefix(ballot_id) for ballot_id in ballot_ids})
    entries = _load(connection, BallotEntry, BALLOTS.c.id_prefix, prefixes)
    return {entry.ballot_id: entry for entry in entries if entry.ballot_id in ballot_ids}


def load_offers(connection: Connection, offer_ids: set[Hash]) -> dict[Hash, OfferEntry]:
    """Return the indexed ones among some offers."""
    prefixes = sorted({id_prefix(offer_id) for offer_id in offer_ids})
    entries = _load(connection, OfferEntry, OFFERS.c.id_prefix, prefixes)
    return {entry.offer_id: entry for entry in entries if entry.offer_id in offer_ids}


def _load(
    connection: Connection,
    kind: type[Entry],
    column: Column[int] | Column[bytes],
    values: Sequence[Value],
) -> list[Entry]:
    # What the store wrote has the types of the fields.
    make = cast("Callable[..., Entry]", kind)
    return [make(*row) for row in find_rows(connection, column, values)]
