"""Every documented behaviour is shown by a test, and docs/api-coverage.md says by which."""

import os
from pathlib import Path

import pytest

from tests.api.coverage import (
    DOCUMENT,
    RowMarkInvalid,
    Shown,
    render,
    rows,
    rows_in_process,
    shown_rows,
)
from tests.api.resolutions import APPLIES, places, resolutions_of


def test_the_inventory_has_all_rows_once() -> None:
    ids = [row["id"] for row in rows()]
    assert len(ids) == len(set(ids)) == 214


def test_every_row_is_shown_by_a_test_and_every_marker_names_a_row() -> None:
    shown, ids = shown_rows().keys(), {row["id"] for row in rows()}
    assert not shown - ids, "markers name rows that do not exist"
    assert not ids - shown, "no test shows these rows"


def test_no_row_falls_back_from_a_node_s_process_and_none_is_listed_in_vain() -> None:
    shown = shown_rows()
    elsewhere = {row for row, tests in shown.items() if not any(test.on_node for test in tests)}
    assert elsewhere == rows_in_process()


def test_the_document_is_what_the_markers_say() -> None:
    rendered = render(shown_rows())
    if os.environ.get("REGENERATE_DOCUMENTS"):
        DOCUMENT.write_text(rendered)
    assert DOCUMENT.read_text() == rendered


def test_every_resolution_that_is_linked_exists_and_applies_to_a_row() -> None:
    assert not APPLIES.keys() - places().keys()
    applied = {code for row in rows() for code in resolutions_of(row["id"])}
    assert applied == APPLIES.keys()


def test_markers_are_read_from_functions_and_from_parameters(tmp_path: Path) -> None:
    (tmp_path / "test_some.py").write_text(
        "@pytest.mark.row('a', 'b')\n"
        "@pytest.mark.parametrize('x', [pytest.param(1, marks=pytest.mark.row('c'))])\n"
        "async def test_shows(x): ...\n"
        "@pytest.mark.soak\n"
        "@pytest.mark.row('d')\n"
        "def test_takes_an_hour(): ...\n"
    )
    test = Shown("test_some.py", "test_shows")
    assert shown_rows(tmp_path) == {"a": [test], "b": [test], "c": [test]}


def test_a_test_that_starts_a_node_is_told_from_one_that_does_not(tmp_path: Path) -> None:
    marked = "@pytest.mark.row('a')\ndef test_it(): ...\n"
    shared = "@pytest.mark.row('a')\ndef test_it(node_site: NodeSite, site: Site): ...\n"
    (tmp_path / "test_shared.py").write_text(shared)
    (tmp_path / "test_node.py").write_text(f"from tests.processes import start_node\n{marked}")
    (tmp_path / "test_site.py").write_text(f"from tests.processes import Told\n{marked}")
    assert shown_rows(tmp_path) == {
        "a": [
            Shown("test_node.py", "test_it", on_node=True),
            Shown("test_shared.py", "test_it", on_node=True),
            Shown("test_site.py", "test_it"),
        ]
    }


@pytest.mark.parametrize(
    "source",
    [
        "pytestmark = pytest.mark.row('a')",
        "@pytest.mark.row('a')\ndef a_fixture(): ...",
        "@pytest.mark.row(NAME)\ndef test_it(): ...",
        "@pytest.mark.row()\ndef test_it(): ...",
        "@pytest.mark.row(id='a')\ndef test_it(): ...",
    ],
)
def test_a_marker_that_would_show_nothing_is_refused(tmp_path: Path, source: str) -> None:
    (tmp_path / "test_some.py").write_text(source)
    with pytest.raises(RowMarkInvalid):
        shown_rows(tmp_path)
