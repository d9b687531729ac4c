"""Units leave a managed wallet by the command, against a real node."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aitbc import Client, format_address
from cli.exits import Exit
from tests.processes import NodeFolder, NodeProcess, start_node

RECEIVER = format_address(bytes(20))


@dataclass(frozen=True)
class Command:
    """Runs `aitbc wallet` as a client of a node."""

    node: str
    key_file: Path

    def __call__(self, *arguments: str, key: Path | None = None) -> tuple[int, str, str]:
        """Return code, output and complaints; nobody is at the terminal."""
        options = ("--node", self.node, "--api-key-file", str(key or self.key_file))
        ran = subprocess.run(
            [sys.executable, "-m", "cli.main", *arguments, *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return ran.returncode, ran.stdout, ran.stderr


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = NodeFolder(tmp_path_factory.mktemp("node") / "n", with_coordinator=True)
    with start_node(folder) as node:
        yield node


@pytest.fixture
def aitbc(node: NodeProcess, tmp_path: Path) -> Command:
    with Client(node.url) as client:
        text = client.me.register("a person").api_key
    file = tmp_path / "client.key"
    file.touch(mode=0o600)
    file.write_text(text)
    return Command(node.url, file)


def test_units_are_sent_listed_and_shown(aitbc: Command, node: NodeProcess) -> None:
    sending = ("wallet", "send", "--to", RECEIVER, "--amount", "2.5")
    code, _, said = aitbc(*sending)
    assert (code, "give --yes" in said) == (Exit.REFUSED, True)
    twice = [aitbc(*sending, "--yes", "--json", "--idempotency-key", "rent-7") for _ in range(2)]
    assert [code for code, _, _ in twice] == [0, 0], twice
    sent, again = (json.loads(out) for _, out, _ in twice)
    assert sent == again
    assert (sent["status"], sent["amount"], sent["to"]) == ("final", "2.50", RECEIVER)
    code, out, _ = aitbc("wallet", "list", "--json")
    assert json.loads(out) == [sent]
    _, out, _ = aitbc("wallet", "show", sent["transaction_id"])
    assert f"proof                {sent['proof']}" in out
    with Client(node.url) as client:
        assert client.get_account(RECEIVER)["balance"] == "2.50"
        states = list(client.chain.follow_transaction(sent["transaction_id"]))
        assert [state.status for state in states] == ["final"]


def test_what_cannot_be_sent_is_told_in_a_sentence(aitbc: Command, tmp_path: Path) -> None:
    code, _, said = aitbc("wallet", "send", "--to", RECEIVER[:-1], "--amount", "1", "--yes")
    assert (code, "address" in said) == (Exit.REFUSED, True)
    code, _, said = aitbc("wallet", "send", "--to", RECEIVER, "--amount", "99999", "--yes")
    assert (code, "INSUFFICIENT_BALANCE" in said) == (Exit.REFUSED, True)
    other = tmp_path / "other.key"
    assert aitbc("key", "create", "--out", str(other))[0] == 0
    code, _, said = aitbc("wallet", "send", "--to", RECEIVER, "--amount", "1", "--yes", key=other)
    assert (code, "`wallet`" in said) == (Exit.REFUSED, True)
    assert aitbc("wallet", "list", key=other)[1] == "nothing was sent\n"
