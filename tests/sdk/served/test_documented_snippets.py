"""The SDK programs that the documents print, run as they print them.

The base URL comes from the environment, so nothing in them is changed; only the dots of document
000 become the remaining fields of its own example (resolution 1.7).
"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from tests.api.documents import FOLDER, Run
from tests.api.site import Site

JOB_2024: Mapping[str, Any] = json.loads((FOLDER / "create-job-2024-01-01.json").read_text())
"""The body of document 000's create-job example."""


def fill_dots(program: str) -> str:
    """Return document 000's program with its dots replaced by what the example has besides."""
    rest = {name: JOB_2024[name] for name in JOB_2024 if name not in {"name", "type"}}
    assert program.count("    ...\n") == 1
    return program.replace("    ...\n", f"    **{rest!r},\n")


async def run_program(program: str, base_url: str) -> Run:
    """Run a Python program whose clients find a site by the environment."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        env={**os.environ, "AITBC_BASE_URL": base_url},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return Run(process.returncode, out.decode(), err.decode())


@pytest.mark.row(
    "2024-01-01.000.sdk.python.construct",
    "2024-01-01.000.sdk.python.jobs.create",
    "2024-01-01.000.sdk.python.jobs.get_results",
)
async def test_the_program_of_000_creates_a_job_and_gets_its_results(site: Site) -> None:
    await site.register(capabilities=["python"])
    program = fill_dots((FOLDER / "aitbc-client.py.txt").read_text())
    shows = 'print(__import__("json").dumps([job, results, job.job_id, results.results]))'
    ran, job_id = await asyncio.gather(
        run_program(f"{program}\n{shows}\n", site.url), site.serve_next_job("a cat")
    )
    assert (ran.code, ran.err) == (0, "")
    job, results, attribute, inner = json.loads(ran.out)
    assert set(job) == {"job_id", "status", "created_at", "estimated_completion"}
    assert (job["job_id"], job["status"], attribute) == (job_id, "submitted", job_id)
    assert (results["job_id"], results["status"]) == (job_id, "completed")
    assert results["results"] == inner == {"output": "a cat"}


@pytest.mark.row(
    "2026-05-11.003.sdk.python.construct",
    "2026-05-11.003.sdk.python.submit_job",
    "2026-05-11.003.sdk.python.get_job",
    "2026-05-11.003.sdk.python.get_job_result",
)
async def test_the_program_of_003_prints_state_and_result(site: Site) -> None:
    await site.register(capabilities=["llama2"])
    program = (FOLDER / "aitbc-sdk.py.txt").read_text()
    ran, _ = await asyncio.gather(
        run_program(program, site.url), site.serve_next_job("Hello yourself.")
    )
    assert (ran.code, ran.err) == (0, "")
    state, result = ran.out.splitlines()
    assert state in {"Job state: QUEUED", "Job state: RUNNING", "Job state: COMPLETED"}
    assert result.startswith("Result: {")
    assert "'output': 'Hello yourself.'" in result
