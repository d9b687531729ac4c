"""The catalogue of deliberate breakages fits the source, and the command judges them rightly."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from devnet.commands import ROOT
from devnet.commands.mutations import app
from devnet.mutation import (
    MUTATIONS,
    Detector,
    DetectorBroken,
    Edit,
    Mutation,
    TextMissing,
    broken_text,
    judge,
)

NUMBERS = "numbers.txt"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_each_breakage_still_fits_the_source_and_leaves_python(mutation: Mutation) -> None:
    texts: dict[str, str] = {}
    for edit in mutation.edits:
        before = texts.get(edit.path) or (ROOT / edit.path).read_text("utf-8")
        texts[edit.path] = broken_text(before, edit)
    for path, text in texts.items():
        compile(text, path, "exec")


def test_there_are_at_least_fifteen_breakages_with_names_of_their_own() -> None:
    names = {mutation.name for mutation in MUTATIONS}
    assert len(names) == len(MUTATIONS) >= 15
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)


def test_text_that_occurs_twice_or_never_is_refused() -> None:
    for text in ("", "one one"):
        with pytest.raises(TextMissing):
            broken_text(text, Edit(NUMBERS, "one", "two"))


def detector(source: str) -> Detector:
    return Detector("test", ("-c", source), lambda output: output.strip())


def test_a_breakage_is_judged_in_the_tree_and_taken_back(tmp_path: Path) -> None:
    (tmp_path / NUMBERS).write_text("one")
    mutation = Mutation("other-number", "numbers stay", (Edit(NUMBERS, "one", "two"),))
    looks = detector(f"text = open('{NUMBERS}').read(); print(text); exit(text != 'one')")
    verdict = judge(tmp_path, mutation, [looks], all_of_them=False)
    assert verdict.caught == {"test": "two"}
    assert (tmp_path / NUMBERS).read_text() == "one"
    assert looks.run(tmp_path) is None


def test_a_breakage_that_nobody_notices_survives(tmp_path: Path) -> None:
    (tmp_path / NUMBERS).write_text("one")
    mutation = Mutation("other-number", "numbers stay", (Edit(NUMBERS, "one", "two"),))
    assert not judge(tmp_path, mutation, [detector("")], all_of_them=True).caught


def test_a_detector_that_cannot_run_is_no_proof(tmp_path: Path) -> None:
    with pytest.raises(DetectorBroken):
        detector("exit(4)").run(tmp_path)


def test_the_command_lists_a_part_and_knows_its_names() -> None:
    runner = CliRunner()
    parts = [runner.invoke(app, ["--list", "--part", f"{n}/3"]).output for n in (1, 2, 3)]
    assert sum(len(part.splitlines()) for part in parts) == len(MUTATIONS)
    assert runner.invoke(app, ["no-such-breakage"]).exit_code == 2
    assert runner.invoke(app, ["--part", "4/3"]).exit_code == 2
