"""The programs of our documents for Python do what they are said to do."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook

from tests.processes import NodeFolder, NodeProcess, start_node
from tests.rest_miner import RestMiner
from tests.sdk.examples import Example, examples

ANSWER = "Because of Rayleigh scattering."
DEVELOPMENT = "http://localhost:8011"
SECRET = "whsec_" + base64.b64encode(bytes(range(24))).decode()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """Return a real node, and a miner that answers whatever is asked."""
    folder = NodeFolder(tmp_path_factory.mktemp("node") / "n", with_coordinator=True)
    with start_node(folder) as node:
        miner = RestMiner.registered(node, "a-miner", "llm_inference", "llama3.2", "llama2")
        with miner.working(ANSWER, "Because of ", "Rayleigh scattering."):
            yield node


def run(program: str, node: NodeProcess) -> tuple[str, dict[str, Any]]:
    """Run a program; return what it printed, and its names."""
    said: list[str] = []

    def say(*values: object, end: str = "\n", flush: bool = False) -> None:
        said.append(" ".join(map(str, values)) + end)

    names: dict[str, Any] = {"__name__": "__main__", "print": say}
    exec(compile(program.replace(DEVELOPMENT, node.url), "<example>", "exec"), names)
    return "".join(said), names


@pytest.fixture(autouse=True)
def surroundings(node: NodeProcess, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What a program finds: the node's address, a webhook's secret, a folder with the genesis."""
    monkeypatch.setenv("AITBC_BASE_URL", node.url)
    monkeypatch.setenv("WEBHOOK_SECRET", SECRET)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "genesis.json").write_bytes((node.folder.root / "genesis.json").read_bytes())


@pytest.mark.row("2026-01-24.004.docs.sdk-examples")
@pytest.mark.parametrize(
    "example", [each for each in examples() if each.printed], ids=lambda each: each.name
)
def test_an_example_prints_what_the_page_says(example: Example, node: NodeProcess) -> None:
    said, _ = run(example.program, node)
    assert example.fits(said), said


def test_the_readme_s_program_prints_the_answer(node: NodeProcess) -> None:
    (program,) = [each.program for each in examples() if each.name.startswith("sdk/python")]
    assert run(program, node)[0] == f"{ANSWER}\n"


def test_the_receiver_of_webhooks_takes_what_was_signed_and_nothing_else(
    node: NodeProcess,
) -> None:
    (program,) = [each.program for each in examples() if "WebhookInvalid" in each.program]
    body = json.dumps({"type": "job.completed", "data": {"job_id": "job_1"}})
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(SECRET).sign("msg_1", now, body),
    }
    calls = f"\nprint(receive({body.encode()!r}, {headers!r}))\nprint(receive(b'x', {headers!r}))"
    assert run(program + calls, node)[0] == "job.completed job_1\n204\n400\n"


def test_every_program_is_run() -> None:
    assert len([each for each in examples() if not each.printed]) == 2
