"""The baseline may only shrink."""

from pathlib import Path

import pytest

from devnet.checks.ratchet import judge, read_baseline, write_baseline
from devnet.checks.violation import Violation


def too_long(size: int, check: str = "file-size") -> Violation:
    return Violation(check, "ledger/a.py", 1, f"{size} lines", size=size)


def test_a_violation_without_an_entry_fails() -> None:
    assert judge([too_long(410)], {}).failures == [too_long(410)]


def test_a_violation_that_its_entry_covers_passes_and_stays_in_the_baseline() -> None:
    judgement = judge([too_long(410)], {"file-size": {"ledger/a.py": 410}})
    assert (judgement.failures, judgement.loose) == ([], [])
    assert judgement.tightened == {"file-size": {"ledger/a.py": 410}}


def test_a_violation_that_outgrew_its_entry_fails() -> None:
    judgement = judge([too_long(411)], {"file-size": {"ledger/a.py": 410}})
    assert judgement.failures == [too_long(411)]
    assert judgement.tightened == {"file-size": {"ledger/a.py": 410}}


def test_an_entry_that_tolerates_more_than_there_is_has_to_be_lowered() -> None:
    judgement = judge([too_long(405)], {"file-size": {"ledger/a.py": 410}})
    assert len(judgement.loose) == 1
    assert judgement.tightened == {"file-size": {"ledger/a.py": 405}}


def test_an_entry_of_what_is_gone_has_to_be_removed() -> None:
    judgement = judge([], {"file-size": {"ledger/a.py": 410}})
    assert len(judgement.loose) == 1
    assert judgement.tightened == {}


def test_checks_without_a_ratchet_take_no_exceptions(tmp_path: Path) -> None:
    violation = too_long(1, check="unfinished")
    assert judge([violation], {"unfinished": {"ledger/a.py": 1}}).failures == [violation]
    path = tmp_path / "baseline.json"
    path.write_text('{"unfinished": {"ledger/a.py": 1}}')
    with pytest.raises(ValueError, match="takes no exceptions"):
        read_baseline(path)


@pytest.mark.parametrize("size", ["0", "-1", "true", '"410"', "4.5"])
def test_a_size_that_is_no_positive_integer_is_refused(tmp_path: Path, size: str) -> None:
    path = tmp_path / "baseline.json"
    path.write_text(f'{{"file-size": {{"ledger/a.py": {size}}}}}')
    with pytest.raises(ValueError, match="is no size"):
        read_baseline(path)


def test_a_written_baseline_reads_as_it_was(tmp_path: Path) -> None:
    baseline = {"file-size": {"b.py": 500, "a.py": 410}}
    write_baseline(tmp_path / "baseline.json", baseline)
    assert read_baseline(tmp_path / "baseline.json") == baseline
