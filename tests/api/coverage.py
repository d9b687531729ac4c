"""Renders docs/api-coverage.md: each documented behaviour, and the tests that show it.

The rows are `documents/endpoints.json`. A test says which rows it shows by the marker
`@pytest.mark.row("2026-01-24.002.jobs.create", ...)`, whose arguments are literals, so that the
table is made from the sources of the tests without running or importing them.
"""

import ast
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.api.resolutions import places, resolutions_of

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "documents"
DOCUMENT = ROOT / "docs" / "api-coverage.md"

HEADING = """# What shows each documented behaviour

Rendered from `tests/api/documents/endpoints.json`, the inventory of the five reference documents,
and from the marker `row` of the tests; set `REGENERATE_DOCUMENTS=1` for
`tests/api/test_coverage.py` to write it anew. A row without a test fails the build.

The column `must` is what the tests of a row show; where it is empty, fields, defaults and status
as the document has them. The last column links the resolutions of what the documents leave open
or contradict.

Tests are marked *node* that ask the program of a node, a process of its own with consensus, by its
sockets; most share one (`tests/api/node_site.py`), each with a client and a miner of its own. The
others ask the coordinator's application over real HTTP and WebSockets, with its real database, on a
chain that applies the ledger's rules in the test's process, without consensus
(`tests/api/site.py`): there a test turns the clock and makes the blocks. A row without a test that
is marked *node* fails the build, unless `tests/api/documents/rows-in-process.txt` says why.

Notes:

- Document 002 lists a security requirement for `POST /v1/jobs` only. Reading a job outside the
  devnet needs a key all the same (A3).
- Document 001 is 000 word for word after a preface that describes no API; its rows are 000's.
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A test, by where it is."""

    path: str
    """Path from the root of the repository."""
    name: str
    """Name of its function."""
    on_node: bool = False
    """Whether it asks a node's process: its module starts one, or it takes one of `ON_A_NODE`."""


class RowMarkInvalid(Exception):
    """A marker that this module cannot read, or that would say nothing."""


def rows() -> list[dict[str, Any]]:
    """Return the inventory, in the documents' order."""
    found: list[dict[str, Any]] = json.loads((FOLDER / "endpoints.json").read_text())
    return found


def shown_rows(folder: Path = ROOT / "tests") -> dict[str, list[Shown]]:
    """Return the tests that show each row, by the markers in the sources under a folder.

    Tests that only long runs include show nothing.

    Raises:
        RowMarkInvalid: a marker without literals, or one that decorates no test.
    """
    shown: defaultdict[str, list[Shown]] = defaultdict(list)
    for path in sorted(folder.rglob("test_*.py")):
        text = path.read_text()
        if "mark.row" not in text:
            continue
        name = path.relative_to(ROOT if path.is_relative_to(ROOT) else folder).as_posix()
        module = ast.parse(text)
        on_node = _starts_a_node(module)
        for function, ids in _marked(module, name):
            test = Shown(name, function.name, on_node or _takes_a_node(function))
            for row in ids:
                shown[row].append(test)
    return dict(shown)


def rows_in_process() -> set[str]:
    """Return the rows that no test shows on a node's process, as they are listed."""
    lines = (FOLDER / "rows-in-process.txt").read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def _marked(
    module: ast.Module, path: str
) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, list[str]]]:
    """Yield each test with its rows."""
    seen: set[ast.Call] = set()
    for node in ast.walk(module):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        parts = [part for item in node.decorator_list for part in ast.walk(item)]
        marks = [part for part in parts if isinstance(part, ast.Call) and _is_mark(part.func)]
        if not marks:
            continue
        if not node.name.startswith("test_"):
            raise RowMarkInvalid(f"{path}: {node.name} is marked, and is no test")
        seen.update(marks)
        if not any(isinstance(part, ast.Attribute) and part.attr == "soak" for part in parts):
            yield node, [row for mark in marks for row in _literals(mark, path)]
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and _is_mark(node.func) and node not in seen:
            raise RowMarkInvalid(f"{path}:{node.lineno}: `row` stands in a test's decorators")


def _starts_a_node(module: ast.Module) -> bool:
    """Return whether a module imports what starts a node's process."""
    return any(
        isinstance(node, ast.ImportFrom)
        and node.module == "tests.processes"
        and "start_node" in {alias.name for alias in node.names}
        for node in ast.walk(module)
    )


ON_A_NODE = {"NodeSite", "NodeDocument"}
"""Types of what comes from a node's process that tests share."""


def _takes_a_node(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Return whether a test takes a client of a shared node, or what one served."""
    return any(
        isinstance(each.annotation, ast.Name) and each.annotation.id in ON_A_NODE
        for each in function.args.args
    )


def _is_mark(function: ast.expr) -> bool:
    return (
        isinstance(function, ast.Attribute)
        and function.attr == "row"
        and isinstance(function.value, ast.Attribute)
        and function.value.attr == "mark"
    )


def _literals(mark: ast.Call, path: str) -> list[str]:
    ids = [item.value for item in mark.args if isinstance(item, ast.Constant)]
    texts = [item for item in ids if isinstance(item, str)]
    if not texts or len(texts) != len(mark.args) or mark.keywords:
        raise RowMarkInvalid(f"{path}:{mark.lineno}: `row` takes ids, as literals")
    return texts


def render(shown: Mapping[str, Sequence[Shown]]) -> str:
    """Return the whole document."""
    inventory = rows()
    links = places()
    count = len(shown.keys() & {row["id"] for row in inventory})
    on_node = sum(any(test.on_node for test in shown.get(row["id"], ())) for row in inventory)
    lines = [
        HEADING,
        f"{count} of {len(inventory)} rows have a test, {on_node} one that is marked *node*.",
    ]
    sections: defaultdict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in inventory:
        sections[row["version"], row["document"]].append(row)
    for (version, document), members in sections.items():
        lines += [
            f"\n## Document {document}, version {version}\n",
            "| row | what | must | shown by | resolved in |",
            "|---|---|---|---|---|",
        ]
        lines += [_line(row, shown.get(row["id"], ()), links) for row in members]
    return "\n".join(lines) + "\n"


def _line(row: Mapping[str, Any], tests: Sequence[Shown], links: Mapping[str, str]) -> str:
    distinct = dict.fromkeys(tests)
    cells = (
        f"`{row['id'].split('.', 2)[2]}`",
        _cell(f"{row['method']} {row['path']}".replace("* *", "every route")),
        _cell("; ".join(row["must"])),
        ", ".join(
            f"[{_sentence(test.name)}](../{test.path}){' *node*' if test.on_node else ''}"
            for test in distinct
        ),
        ", ".join(
            f"[{code}](rules/api-resolutions.md#{links[code]})"
            for code in resolutions_of(row["id"])
        ),
    )
    return "| " + " | ".join(cells) + " |"


def _sentence(name: str) -> str:
    return name.removeprefix("test_").replace("_", " ")


def _cell(text: str) -> str:
    """Return a text that a cell of a table shows as it is."""
    for character in ("\\", "|", "*", "_", "<", "`", "["):
        text = text.replace(character, f"\\{character}")
    return text
