"""The devnet as a newcomer meets it: real processes, a real model, real payments."""

import json
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from devnet.network.directory import DevnetDirectory
from devnet.network.node import PLAIN_HTTP
from devnet.network.plan import Shape
from tests.devnet.running import (
    ROOT,
    START_TIMEOUT_S,
    RunningDevnet,
    free_ports,
    processes_of,
    run,
    started,
)

DOCUMENTS = Path(__file__).parents[1] / "api" / "documents"
CURL_TIMEOUT_S = 30
PATIENCE_S = 120.0
"""Limit of whatever a test waits for, on a busy machine."""
JOB = {"payload": {"model": "llama2", "prompt": "Say yes."}, "ttl_seconds": 900}

# A devnet of five nodes and two miners takes its time on a busy machine.
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def devnet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningDevnet]:
    directory = tmp_path_factory.mktemp("devnets") / "net"
    with started(directory, free_ports(2), "--followers", "1", "--coordinators", "2") as running:
        yield running
        assert running.interrupt() == 0
    assert processes_of(running.directory) == []


def test_each_step_of_both_jobs_is_printed_with_a_link(devnet: RunningDevnet) -> None:
    for step in ("job", "escrow", "assigned", "result", "receipt", "block", "payment"):
        assert len(re.findall(rf"^ *{step}  ", devnet.text, re.MULTILINE)) == 2, step
    for link in set(re.findall(rf"{devnet.url}/[a-z]+/\S+", devnet.text)):
        if "/v1/" not in link:
            assert httpx.get(link).status_code == httpx.codes.OK, link


def test_the_printed_curl_lines_work_when_pasted(devnet: RunningDevnet) -> None:
    manual = devnet.text.partition("Try it:")[2].partition("Kill a validator")[0]
    lines = [line for line in re.split(r"(?m)^(?=curl )", manual) if line.startswith("curl ")]
    assert len(lines) == 4
    answers = [_shell(line) for line in lines]
    assert answers[0]["state"] == "QUEUED"
    assert answers[1]["state"] == "COMPLETED"
    assert answers[2]["result"]["output"]
    assert answers[3]["status"] == "released"


def test_the_curl_lines_of_document_003_run_with_the_base_url_changed(
    devnet: RunningDevnet,
) -> None:
    script = (DOCUMENTS / "curl-2026-05-11.sh.txt").read_text()
    lines = [
        line.replace("http://localhost:8011", devnet.url)
        for line in re.split(r"(?m)^(?=curl )|^#.*$", script)
        if line and line.startswith("curl ")
    ]
    assert len(lines) == 3
    job = _shell(lines[0])
    assert job["state"] == "QUEUED"
    status = _shell(lines[1].replace("{job_id}", job["job_id"]))
    assert status["job_id"] == job["job_id"]
    _wait_until_completed(devnet.url, job["job_id"])
    result = _shell(lines[2].replace("{job_id}", job["job_id"]))
    assert result["result"]["output"]
    assert result["receipt"]["job_id"] == job["job_id"]
    assert result["receipt"]["signature"]


def test_the_httpx_client_of_document_004_runs_with_the_base_url_changed(
    devnet: RunningDevnet,
) -> None:
    """The asynchronous one and the JavaScript run against a node in tests/api."""
    source = (DOCUMENTS / "httpx-client.py.txt").read_text()
    done = subprocess.run(
        [sys.executable, "-"],
        input=source.replace("https://aitbc.bubuit.net/api", devnet.url),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() not in ("", "None")


def test_a_miner_that_was_killed_is_started_again_and_its_job_is_done(
    devnet: RunningDevnet,
) -> None:
    miners = [p for p in processes_of(devnet.directory) if "miner" in p.cmdline()]
    (miner,) = [p for p in miners if "devnet-miner-1" in p.cmdline()]
    miner.kill()
    psutil.wait_procs([miner])
    job = httpx.post(f"{devnet.url}/v1/jobs", json=JOB).json()
    _wait_until_completed(devnet.url, job["job_id"])


def test_a_job_can_be_ordered_at_any_node_that_runs_a_coordinator(devnet: RunningDevnet) -> None:
    second = devnet.node_url("node-2")
    job = httpx.post(f"{second}/v1/jobs", json=JOB, timeout=30).json()
    _wait_until_completed(second, job["job_id"])
    miner = httpx.get(f"{second}/v1/jobs/{job['job_id']}").json()["assigned_miner_id"]
    assert miner == "devnet-miner-2"
    digits = job["job_id"].removeprefix("job_")
    for name in ("node-1", "node-3", "follower-1"):
        _wait_until_final(devnet.node_url(name), digits)


def test_a_validator_that_is_killed_is_missed_by_nobody_and_started_again(
    devnet: RunningDevnet,
) -> None:
    kill, status = re.findall(r"(?m)^(?:kill|\.venv/bin/aitbc) .*$", devnet.text)
    assert kill == f"kill -9 {devnet.node_pid('node-4')}"
    done = subprocess.run(
        ["sh", "-ec", f"{kill}\n{status}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=CURL_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "validator-4" in done.stdout
    job = httpx.post(f"{devnet.url}/v1/jobs", json=JOB, timeout=30).json()
    _wait_until_completed(devnet.url, job["job_id"])
    devnet.wait_for_line(r"node-4 was ended by SIGKILL; the others are at block \d+")
    devnet.wait_for_line(r"starting node-4 again")
    devnet.wait_for_line(r"node-4 is back, at block \d+", START_TIMEOUT_S)
    _wait_until_final(devnet.node_url("node-4"), job["job_id"].removeprefix("job_"))


def test_who_is_where_is_printed_and_true(devnet: RunningDevnet) -> None:
    for name in ("node-1", "node-2", "node-3", "follower-1"):
        status = httpx.get(f"{devnet.node_url(name)}/v1/chain/status").json()
        assert status["validators"] == 4
        role = "follower" if name == "follower-1" else "validator"
        assert status["consensus"]["role"] == role
        assert str(devnet.directory) in " ".join(psutil.Process(devnet.node_pid(name)).cmdline())


def test_a_second_devnet_in_the_same_directory_is_refused_with_the_remedy(
    devnet: RunningDevnet,
) -> None:
    second = run(devnet.directory, free_ports(1), "--demo")
    assert second.returncode == 4
    assert str(devnet.process.pid) in second.stdout
    assert "--directory" in second.stdout


def test_the_demo_ends_with_one_json_object_and_the_next_start_resumes_its_chain(
    tmp_path: Path,
) -> None:
    directory, ports = tmp_path / "net", free_ports(1)
    done = run(directory, ports, "--demo", "--json", "--validators", "1")
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert outcome["result"]
    assert outcome["receipt_id"].startswith("receipt_")
    assert outcome["payment"]["status"] == "released"
    assert [node["name"] for node in outcome["nodes"]] == ["node-1"]
    assert [job["service"] for job in outcome["jobs"]] == ["llm_inference", "ffmpeg_transcode"]
    assert processes_of(directory) == []
    with started(directory, ports) as running:
        receipt = httpx.get(f"{running.url}/v1/receipts/{outcome['receipt_id']}").json()
        assert receipt["job_id"] == outcome["jobs"][0]["job_id"]
        height = httpx.get(f"{running.url}/v1/chain/status").json()["height"]
        assert height > outcome["block_height"]
        orphans = processes_of(directory)
        running.process.kill()
        _, alive = psutil.wait_procs(orphans, timeout=30)
    assert len(orphans) >= 2
    assert alive == []


def test_a_chain_keeps_the_validators_that_it_began_with(tmp_path: Path) -> None:
    with DevnetDirectory(tmp_path / "net") as directory:
        directory.root.mkdir()
        directory.keys.mkdir()
        directory.mark_provisioned(Shape(4, 0, 1))
    done = run(tmp_path / "net", free_ports(1), "--demo", "--validators", "3")
    assert done.returncode == 3
    assert "4 validators" in done.stdout
    assert "--fresh" in done.stdout


def test_a_port_in_use_is_named_with_the_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(tmp_path / "net", [port], "--demo")
    assert done.returncode == 4
    assert str(port) in done.stdout
    assert "--port" in done.stdout


def test_a_directory_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years of work")
    done = run(tmp_path, free_ports(1), "--demo", "--fresh")
    assert done.returncode == 3
    assert (tmp_path / "thesis.txt").read_text() == "ten years of work"


def _shell(line: str) -> dict[str, Any]:
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=CURL_TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert isinstance(answer, dict)
    return answer


def _wait_until_completed(url: str, job_id: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    path = f"{url}/v1/jobs/{job_id}?wait=30"
    while (answer := httpx.get(path, timeout=40, verify=PLAIN_HTTP)).json()["state"] in (
        "QUEUED",
        "RUNNING",
    ):
        assert time.monotonic() < deadline, answer.text
    assert answer.json()["state"] == "COMPLETED", answer.text


def _wait_until_final(url: str, transaction: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    path = f"{url}/v1/chain/transactions/{transaction}"
    while (answer := httpx.get(path, verify=PLAIN_HTTP).json()).get("status") != "final":
        assert time.monotonic() < deadline, answer
        time.sleep(0.1)
