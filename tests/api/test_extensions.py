"""Nothing is on the wire but what a document has, or what the table of extensions lists (V5)."""

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from coordinator.http import Error
from coordinator.leases.schemas import JobResult
from coordinator.marketplace.schemas import (
    AcceptedOffer,
    AcceptRequest,
    CreatedOffer,
    Offer,
    OfferList,
    OfferRequest,
)
from coordinator.miners.schemas import MinerRegistration
from coordinator.presenters.v2024_01_01 import types as oldest
from coordinator.presenters.v2026_01_24 import types as older
from coordinator.presenters.v2026_05_11 import types as newer
from coordinator.receipts.schemas import Verification, VerifyRequest
from coordinator.registry.schemas import ValidationAnswer, ValidationRequest
from coordinator.stats.schemas import Block, MarketplaceStats, MinerStats, NetworkStats
from tests.api.coverage import rows

FOLDER = Path(__file__).parent / "documents"
TABLE = (Path(__file__).parents[2] / "docs" / "api-extensions.md").read_text()

ROWS = re.findall(r"^\| (\d{4}-\d\d-\d\d) \| (\w+) \| `(\w+)` \|", TABLE, re.MULTILINE)


def documented() -> dict[tuple[str, str], set[str]]:
    schemas = json.loads((FOLDER / "openapi-2026-01-24.json").read_text())["components"]["schemas"]
    answers = json.loads((FOLDER / "answers-2026-05-11.json").read_text())
    fields = {("2026-01-24", name): set(item["properties"]) for name, item in schemas.items()}
    fields |= {("2026-05-11", name): set(item) for name, item in answers.items()}
    fields["2026-05-11", "ReceiptSummary"] = set(answers["ResultAnswer"]["receipt"])
    fields["2026-05-11", "Result"] = set(answers["ResultAnswer"]["result"])
    fields["2026-05-11", "Constraints"] = set(answers["JobRequest"]["constraints"])
    return fields | documented_by_000()


def documented_by_000() -> dict[tuple[str, str], set[str]]:
    """Return the members of document 000's objects: it prints examples, and names nothing."""
    inventory = {row["id"].removeprefix("2024-01-01.000."): row for row in rows()}
    return {
        ("2024-01-01", name): members(inventory[row][part], prefix)
        for name, (row, part, prefix) in PRINTED.items()
    }


def members(part: dict[str, Any], prefix: str) -> set[str]:
    names = part.get("fields", part)
    inside = {name.removeprefix(prefix) for name in names if name.startswith(prefix)}
    return {name for name in inside if not {".", "["} & set(name)}


REQUEST, ANSWER = "request", "response_fields"

PRINTED = {
    "JobRequest": ("jobs.create", REQUEST, ""),
    "Program": ("jobs.create", REQUEST, "model."),
    "Output": ("jobs.create", REQUEST, "output."),
    "Resources": ("jobs.create", REQUEST, "resources."),
    "Pricing": ("jobs.create", REQUEST, "pricing."),
    "CreatedJob": ("jobs.create", ANSWER, ""),
    "Job": ("jobs.get", ANSWER, ""),
    "JobList": ("jobs.list", ANSWER, ""),
    "ListedJob": ("jobs.list", ANSWER, "jobs[]."),
    "CancelledJob": ("jobs.cancel.submitted", ANSWER, ""),
    "JobResults": ("jobs.results", ANSWER, ""),
    "Receipt": ("receipts.get-by-job", ANSWER, ""),
    "Signature": ("receipts.get-by-job", ANSWER, "signature."),
    "Attestation": ("receipts.get-by-job", ANSWER, "attestations[]."),
    "VerifyRequest": ("receipts.verify", REQUEST, ""),
    "Verification": ("receipts.verify", ANSWER, ""),
    "OfferRequest": ("offers.create", REQUEST, ""),
    "CreatedOffer": ("offers.create", ANSWER, ""),
    "OfferList": ("offers.list", ANSWER, ""),
    "Offer": ("offers.list", ANSWER, "offers[]."),
    "AcceptRequest": ("offers.accept", REQUEST, ""),
    "AcceptedOffer": ("offers.accept", ANSWER, ""),
    "MarketplaceStats": ("marketplace.stats", ANSWER, ""),
    "MinerStats": ("miners.stats", ANSWER, ""),
    "ValidationRequest": ("registry.services.validate", REQUEST, ""),
    "ValidationAnswer": ("registry.services.validate", ANSWER, ""),
}
"""Where document 000 prints the members of each object."""

ONE_TYPE: dict[tuple[str, str], type[msgspec.Struct]] = {
    ("2024-01-01", item.__name__): item
    for item in (
        VerifyRequest,
        Verification,
        OfferRequest,
        CreatedOffer,
        OfferList,
        Offer,
        AcceptRequest,
        AcceptedOffer,
        MarketplaceStats,
        MinerStats,
        ValidationRequest,
        ValidationAnswer,
    )
}
"""Objects that are one type in all versions; some members are shown in the newest only."""

OLDEST: dict[tuple[str, str], type[msgspec.Struct]] = {
    ("2024-01-01", item.__name__): item
    for item in (
        oldest.JobRequest,
        oldest.Program,
        oldest.Output,
        oldest.Resources,
        oldest.Pricing,
        oldest.CreatedJob,
        oldest.Job,
        oldest.JobList,
        oldest.ListedJob,
        oldest.CancelledJob,
        oldest.JobResults,
        oldest.Receipt,
        oldest.Signature,
        oldest.Attestation,
    )
}


TYPES: dict[tuple[str, str], type[msgspec.Struct]] = {
    ("2026-01-24", item.__name__): item
    for item in (
        older.JobRequest,
        older.Job,
        older.Receipt,
        older.Signature,
        JobResult,
        MinerRegistration,
        Block,
        NetworkStats,
        Error,
    )
} | {
    ("2026-05-11", item.__name__): item
    for item in (
        newer.JobRequest,
        newer.Constraints,
        newer.Job,
        newer.CancelledJob,
        newer.ResultAnswer,
        newer.Result,
        newer.ReceiptSummary,
        newer.Payment,
        newer.Receipt,
    )
}
TYPES |= OLDEST | ONE_TYPE


def test_every_documented_object_has_a_type() -> None:
    assert documented().keys() == TYPES.keys()


@pytest.mark.parametrize("key", TYPES)
def test_a_type_has_the_documented_fields_and_the_listed_extensions_only(
    key: tuple[str, str],
) -> None:
    is_one_type = key in ONE_TYPE
    listed = {
        field
        for version, name, field in ROWS
        if name == key[1] and (version == key[0] or is_one_type)
    }
    fields = {field.name for field in msgspec.structs.fields(TYPES[key])}
    assert fields == documented()[key] | listed
    assert not documented()[key] & listed


def test_every_row_of_the_table_is_about_a_type() -> None:
    one = {name for _, name in ONE_TYPE}
    assert {(version, name) for version, name, _ in ROWS if name not in one} <= TYPES.keys()
    assert len(ROWS) == TABLE.count("\n| 20")
