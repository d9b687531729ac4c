"""The lines that docs/reference/components/coordinator_api.md prints, and what they answer."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from tests.api.documents import DEVELOPMENT, run
from tests.api.site import Site
from tests.processes import NodeFolder, start_node

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "components" / "coordinator_api.md"

_EXAMPLE = re.compile(r"^```sh\n(.*?)^```\n\n```json\n(.*?)^```", re.MULTILINE | re.DOTALL)

WILD = "…"
"""Stands for anything: alone for any value, within a text for any part of it."""


def examples() -> list[tuple[str, Any]]:
    """Return each line of the page with the answer that it prints."""
    found = _EXAMPLE.findall(PAGE.read_text(encoding="utf-8"))
    return [(line.replace("\\\n", " "), json.loads(answer)) for line, answer in found]


def check(printed: Any, answered: Any, where: str = "") -> None:
    """Check that an answer is the printed one."""
    if printed == WILD:
        return
    if isinstance(printed, dict):
        assert isinstance(answered, dict), where
        assert set(printed) == set(answered), where
        for name, value in printed.items():
            check(value, answered[name], f"{where}/{name}")
    elif isinstance(printed, list) and any(isinstance(item, dict) for item in printed):
        assert len(printed) == len(answered), where
        for at, value in enumerate(printed):
            check(value, answered[at], f"{where}/{at}")
    elif isinstance(printed, str) and WILD in printed:
        pattern = ".*".join(map(re.escape, printed.split(WILD)))
        assert re.fullmatch(pattern, answered, re.DOTALL), where
    else:
        assert printed == answered, where


async def answer_to(line: str, base_url: str) -> Any:
    assert DEVELOPMENT in line
    ran = await run(*shlex.split(line.replace(DEVELOPMENT, base_url)), "--silent", "--show-error")
    assert (ran.code, ran.err) == (0, ""), line
    return json.loads(ran.out)


@pytest.mark.row("2026-01-24.004.docs.coordinator-api")
async def test_every_printed_line_gets_the_printed_answer(site: Site, tmp_path: Path) -> None:
    found = examples()
    assert len(found) == 8
    (health, told), *rest = found
    for line, printed in rest:
        check(printed, await answer_to(line, site.url), line)
    # Health is a whole node's.
    with start_node(NodeFolder(tmp_path / "n", with_coordinator=True)) as node:
        check(told, await answer_to(health, node.url), health)
        assert node.stop() == 0


def test_a_difference_anywhere_would_be_found() -> None:
    printed = {"a": "x…z", "b": [{"c": 1}], "d": WILD}
    check(printed, {"a": "xyz", "b": [{"c": 1}], "d": None})
    for other in (
        {"a": "xyz", "b": [{"c": 1}]},
        {"a": "xy", "b": [{"c": 1}], "d": 1},
        {"a": "xyz", "b": [{"c": 2}], "d": 1},
        {"a": "xyz", "b": [], "d": 1},
        {"a": "xyz", "b": [{"c": 1}], "d": 1, "e": 1},
    ):
        with pytest.raises(AssertionError):
            check(printed, other)
