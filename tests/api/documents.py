"""The programs and command lines that the reference documents print, ready to be run."""

import asyncio
import re
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "documents"

PRODUCTION = "https://aitbc.bubuit.net/api"
DEVELOPMENT = "http://localhost:8011"


@dataclass(frozen=True)
class Run:
    """How a program ended."""

    code: int
    out: str
    err: str


async def run(*command: str, env: Mapping[str, str] | None = None, cwd: Path | None = None) -> Run:
    """Run a program to its end; its text streams are UTF-8."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
        cwd=cwd,
    )
    try:
        out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode is not None
    return Run(process.returncode, out.decode(), err.decode())


def printed(name: str, base_url: str, *, replaces: str = PRODUCTION) -> str:
    """Return a printed text with another base URL and nothing else changed."""
    text = (FOLDER / name).read_text()
    assert replaces in text
    return text.replace(replaces, base_url)


async def run_python(name: str, base_url: str) -> Run:
    """Run one of the printed Python programs."""
    return await run(sys.executable, "-c", printed(name, base_url))


async def run_javascript(node_js: str, name: str, base_url: str) -> Run:
    """Run one of the printed JavaScript programs under Node.js."""
    return await run(node_js, "--input-type=module", "--eval", printed(name, base_url))


def curl_lines(name: str, base_url: str, *, replaces: str) -> list[list[str]]:
    """Return the printed curl commands, each as its arguments."""
    text = printed(name, base_url, replaces=replaces).replace("\\\n", " ")
    lines = re.sub(r"^#.*$", "", text, flags=re.MULTILINE)
    commands = [f"curl {part}" for part in re.split(r"^curl ", lines, flags=re.MULTILINE)[1:]]
    return [shlex.split(command) for command in commands]


async def run_curl(arguments: list[str], *, job_id: str = "") -> Run:
    """Run a printed curl command with `{job_id}` replaced; it prints body and status."""
    replaced = [argument.replace("{job_id}", job_id) for argument in arguments]
    return await run(*replaced, "--silent", "--show-error", "--write-out", "\n%{http_code}")
