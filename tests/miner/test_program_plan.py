"""Requests for Python programs: hostile until checked, whatever the coordinator let through."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miner.runners.program_plan import ProgramPlan
from miner.work import BadInput

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
FIELDS = ("name", "entrypoint", "requirements", "source", "artifact", "input", "output")


def field(**request: Any) -> str:
    with pytest.raises(BadInput) as caught:
        ProgramPlan.of({"entrypoint": "m.py", **request})
    return caught.value.field


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"entrypoint": "../m.py"}, "entrypoint"),
        ({"entrypoint": "-m.py"}, "entrypoint"),
        ({"entrypoint": "m.py\n"}, "entrypoint"),
        ({"entrypoint": "m"}, "entrypoint"),
        ({"requirements": "numpy"}, "requirements"),
        ({"requirements": ["numpy>=2"]}, "requirements"),
        ({"requirements": ["a"] * 33}, "requirements"),
        ({"source": ""}, "source"),
        ({"source": "x" * 131_073}, "source"),
        ({"source": "pass", "artifact": "artifact:sha256:" + "0" * 64}, "artifact"),
        ({"artifact": "artifact:sha256:0"}, "artifact"),
        ({"input": []}, "input"),
        ({"input": {"url": "file:///etc/passwd"}}, "input.url"),
        ({"input": {"data": 1, "url": "http://example.com"}}, "input.url"),
        ({"input": {"data": "base64:%"}}, "input.data"),
    ],
)
def test_a_field_that_is_wrong_is_named(request_: dict[str, Any], expected: str) -> None:
    assert field(**request_) == expected


def test_a_job_without_an_entry_point_is_none() -> None:
    with pytest.raises(BadInput):
        ProgramPlan.of({})


def test_data_is_a_file_only_if_it_says_so() -> None:
    text = ProgramPlan.of({"entrypoint": "m.py", "input": {"data": "base32"}})
    assert (text.file, text.given) == (None, {"data": "base32"})
    file = ProgramPlan.of({"entrypoint": "m.py", "input": {"data": "base64:aGk=", "type": "t"}})
    assert (file.file, file.given) == (b"hi", {"type": "t"})


@given(request_=st.dictionaries(st.sampled_from(FIELDS), values))
def test_any_request_is_a_plan_or_bad_input(request_: dict[str, Any]) -> None:
    try:
        plan = ProgramPlan.of(request_)
    except BadInput:
        return
    assert plan.entrypoint.endswith(".py")
    assert "/" not in plan.entrypoint
