"""How an engine means to answer a query: what it would read from end to end, and what sort.

PostgreSQL reads small tables whole, so it is forbidden to where there is another way. Which of two
indexes it takes depends on what it counted in the rows, so that is not looked at.
"""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection

ONE_ROW_OR_FEW = {"index_cursor", "totals"}
"""Tables whose size does not depend on the chain's."""


def check_plan(connection: Connection, statement: str, values: Any) -> None:
    """Check that a query neither sorts nor scans what grows with the chain."""
    if connection.dialect.name == "postgresql":
        steps = _postgresql_steps(connection, statement, values)
    else:
        steps = _sqlite_steps(connection, statement, values)
    # A list without a filter walks a key from the end, as far as its limit.
    walks_key = "ORDER BY" in statement and "LIMIT" in statement and "WHERE" not in statement
    for kind, table in steps:
        assert kind != "sort", (statement, steps)
        assert walks_key or table in ONE_ROW_OR_FEW, (statement, steps)


def _sqlite_steps(connection: Connection, statement: str, values: Any) -> list[tuple[str, str]]:
    plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
    found = []
    for step in (row[3] for row in plan):
        # Groups are kept one row each; a range that is grouped is bounded by its condition.
        if "TEMP B-TREE" in step and not step.endswith("FOR GROUP BY"):
            found.append(("sort", step))
        elif step.startswith("SCAN"):
            table = re.fullmatch(r"SCAN (\w+)(?: USING INDEX \w+)?", step)
            found.append(("scan", table[1] if table else step))
    return found


def _postgresql_steps(connection: Connection, statement: str, values: Any) -> list[tuple[str, str]]:
    for way in ("seqscan", "sort"):
        connection.exec_driver_sql(f"SET LOCAL enable_{way} = off")
    plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values).scalar_one()
    found = []
    for node in _nodes(plan[0]["Plan"]):
        kind = node["Node Type"]
        if kind == "Seq Scan":
            found.append(("scan", node["Relation Name"]))
        elif "Sort" in kind:
            found.append(("sort", str(node["Sort Key"])))
    return found


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)
