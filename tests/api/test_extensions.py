"""Nothing is on the wire but what a document has, or what the table of extensions lists (V5)."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from coordinator.http import Error
from coordinator.leases.schemas import JobResult
from coordinator.miners.schemas import MinerRegistration
from coordinator.presenters.v2026_01_24 import types as older
from coordinator.presenters.v2026_05_11 import types as newer
from coordinator.stats.schemas import Block, NetworkStats

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
    return fields


TYPES = {
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


def test_every_documented_object_has_a_type() -> None:
    assert documented().keys() == TYPES.keys()


@pytest.mark.parametrize("key", TYPES)
def test_a_type_has_the_documented_fields_and_the_listed_extensions_only(
    key: tuple[str, str],
) -> None:
    listed = {field for version, name, field in ROWS if (version, name) == key}
    fields = {field.name for field in msgspec.structs.fields(TYPES[key])}
    assert fields == documented()[key] | listed
    assert not documented()[key] & listed


def test_every_row_of_the_table_is_about_a_type() -> None:
    assert {(version, name) for version, name, _ in ROWS} <= TYPES.keys()
    assert len(ROWS) == TABLE.count("\n| 20")
