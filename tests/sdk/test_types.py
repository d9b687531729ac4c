"""What users of the SDK write type-checks strictly, and what is wrong with it is found."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.sdk.examples import ROOT, examples

WRONG = """\
from aitbc import AITBCClient, AsyncClient, Client

client = Client(api_key="k")
job = client.submit_job({"prompt": "Hello"})
job.jobid
client.submit_job({"prompt": "Hello"}, ttl=5)
client.get_job(5)
number: int = client.get_job(job.job_id).state
AITBCClient().jobs.get_result(job.job_id)


async def main() -> None:
    found = AsyncClient().get_job(job.job_id)
    found.state
"""

FOUND = {
    5: '"Job" has no attribute "jobid"',
    6: 'Unexpected keyword argument "ttl"',
    7: 'has incompatible type "int"; expected "str"',
    8: 'Incompatible types in assignment (expression has type "str", variable has type "int")',
    9: '"Jobs" has no attribute "get_result"',
    14: '"Coroutine[Any, Any, Job]" has no attribute "state"',
}
"""What the checker says of each line of `WRONG`."""


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Return what mypy says of all examples, and of a program that is wrong."""
    folder = tmp_path_factory.mktemp("programs")
    for number, example in enumerate(examples()):
        (folder / f"example_{number}.py").write_text(example.program)
    (folder / "wrong.py").write_text(WRONG)
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--cache-dir"]
    command += [str(folder / "cache"), "--no-error-summary", "."]
    done = subprocess.run(
        command,
        cwd=folder,
        env={"MYPYPATH": str(ROOT / "sdk/python"), "PATH": str(Path(sys.executable).parent)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_the_examples_are_typed_strictly(checked: list[str]) -> None:
    assert [line for line in checked if not line.startswith("wrong.py")] == []


def test_mistakes_are_found(checked: list[str]) -> None:
    for number, text in FOUND.items():
        assert any(line.startswith(f"wrong.py:{number}:") and text in line for line in checked), (
            number,
            checked,
        )
