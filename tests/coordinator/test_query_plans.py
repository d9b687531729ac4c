"""Which indexes SQLite takes for the prepared statements: none reads what grows with every job."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam

import coordinator
from coordinator.database import Database
from coordinator.database.listed import Listed
from coordinator.database.prepared import Prepared

GROWING = ("jobs", "attempts", "outbox", "results", "receipts", "payloads", "events", "live")
"""Tables that hold something of every job, and names that statements give them."""

OF_A_STATE = {("coordinator.outbox.store", "_ALL_PENDING"), ("coordinator.outbox.store", "_LATE")}
"""Statements that are about all transactions of a state."""


def statements() -> Iterator[tuple[str, str, Prepared]]:
    """Yield each statement of the coordinator with its module and name; lists with four values."""
    for found in pkgutil.walk_packages(coordinator.__path__, "coordinator."):
        if ".migrations" in found.name:
            continue
        for name, value in vars(importlib.import_module(found.name)).items():
            if isinstance(value, Prepared):
                yield found.name, name, value
            if isinstance(value, Listed):
                listed: list[BindParameter[Any]] = [
                    bindparam(f"listed_{number}") for number in range(4)
                ]
                yield found.name, name, Prepared(value._make(listed))


def plan_of(connection: Connection, statement: Prepared) -> list[str]:
    compiled = statement._compile(connection.dialect)
    nothing = [None] * compiled.text.count("?")
    explained = connection.connection.cursor()
    explained.execute(f"EXPLAIN QUERY PLAN {compiled.text}", nothing)
    return [str(row[3]) for row in explained.fetchall()]


def test_no_statement_reads_all_that_a_growing_table_holds(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'coordinator.db'}")
    try:
        plans = database.look(
            lambda c: {(where, name): plan_of(c, each) for where, name, each in statements()}
        )
    finally:
        database.close()

    assert len(plans) > 50
    for place, plan in plans.items():
        for step in plan:
            how, what, *_ = [*step.split(), ""]
            assert (how, what in GROWING) != ("SCAN", True), (place, plan)
            assert "outbox_by_state" not in step or place in OF_A_STATE, (place, plan)
