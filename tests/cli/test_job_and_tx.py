"""`aitbc job` and `aitbc tx` against a real node, and how they and the miner fail."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from aitbc import Client, format_address
from cli.amounts import format_aitbc, parse_aitbc
from cli.exits import CommandFailed, Exit
from cli.main import main
from ledger.keys import KeyPair
from node.keyfile import Role, create_key_file
from tests.processes import NodeFolder, NodeProcess, start_node

NEW = format_address(KeyPair(bytes([77]) * 32).address)
NOBODY = "http://127.0.0.1:1"

Run = Callable[..., "Ended"]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = NodeFolder(tmp_path_factory.mktemp("node") / "n", with_coordinator=True)
    with start_node(folder) as node:
        yield node


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def run(*arguments: str | Path) -> Ended:
        monkeypatch.setattr(sys, "argv", ["aitbc", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def aitbc(node: NodeProcess, run: Run) -> Run:
    """Run a command with the node's address."""
    return lambda *arguments: run(*arguments, "--node", node.url)


def send(node: NodeProcess, **changes: str | Path) -> list[str | Path]:
    """Return the arguments of a transfer from the faucet, some of them changed."""
    folder = node.folder
    options: dict[str, str | Path] = {
        "key": folder.key_file("faucet"),
        "passphrase-file": folder.passphrase_file,
        "to": NEW,
        "amount": "1.5",
        **changes,
    }
    return ["tx", "send", *(part for name in options for part in (f"--{name}", options[name]))]


def balance_of(node: NodeProcess, address: str) -> int:
    with Client(node.url) as client:
        return int(client.get_account(address)["balance_nait"])


def disputing(node: NodeProcess, *changes: str) -> list[str | Path]:
    """Return the arguments of a dispute of a job that never was."""
    folder = node.folder
    named = ["job", "dispute", f"job_{'ab' * 32}", "cd" * 32, *changes]
    return [*named, "--key", folder.key_file("faucet"), "--passphrase-file", folder.passphrase_file]


# ---------------------------------------------------------------- job dispute


def test_a_dispute_of_a_job_that_is_not_live_is_refused_by_the_ledger(
    node: NodeProcess, aitbc: Run
) -> None:
    done = aitbc(*disputing(node))
    assert (done.code, done.out) == (Exit.REFUSED, "")
    assert "JOB_UNKNOWN" in done.err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("--reason", "BECAUSE"), "--reason BECAUSE: must be one of UNSPECIFIED"),
        (("--bond", "1e3"), "--bond 1e3: must be AITBC"),
    ],
)
def test_a_dispute_says_what_is_wrong_with_it(
    node: NodeProcess, aitbc: Run, change: tuple[str, ...], told: str
) -> None:
    done = aitbc(*disputing(node, *change))
    assert done.code != 0
    assert told in done.err


def test_a_dispute_with_a_key_names_the_receipt(node: NodeProcess, aitbc: Run) -> None:
    done = aitbc("job", "dispute", f"job_{'ab' * 32}", "--key", node.folder.key_file("faucet"))
    assert done.code != 0
    assert "receipt's id" in done.err


# ---------------------------------------------------------------- tx


def test_a_transfer_is_final_when_the_command_ends(node: NodeProcess, aitbc: Run) -> None:
    before = balance_of(node, NEW)
    done = aitbc(*send(node), "--json")
    assert done.code == 0, done.err
    shown = json.loads(done.out)
    assert (shown["status"], shown["amount"], shown["to"]) == ("final", "1.5", NEW)
    assert balance_of(node, NEW) == before + 1_500_000_000
    told = aitbc(*send(node, amount="0.000000001"))
    assert told.out.startswith(f"sent 0.000000001 AITBC to {NEW}")
    assert "final in block" in told.out


def test_more_than_there_is_moves_nothing(node: NodeProcess, aitbc: Run) -> None:
    before = balance_of(node, NEW)
    done = aitbc(*send(node, amount="9000000000"))
    assert (done.code, done.out) == (Exit.REFUSED, "")
    assert "INSUFFICIENT_BALANCE" in done.err
    assert balance_of(node, NEW) == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"amount": "1e3"}, "--amount 1e3: must be AITBC"),
        ({"amount": "-1"}, "--amount -1: must be AITBC"),
        ({"amount": "0.0000000001"}, "at most 9 decimals"),
        ({"to": "ait1qqqq"}, "address: must be"),
        ({"to": NEW[:-1] + ("q" if NEW[-1] != "q" else "p")}, "checksum is wrong"),
        ({"key": "/no/such.key"}, "/no/such.key cannot be read"),
        ({"passphrase-file": "/no/such"}, "/no/such cannot be read"),
        ({"genesis-digest": "00" * 32}, "another chain"),
    ],
)
def test_what_is_wrong_is_said_in_one_paragraph(
    change: dict[str, str], told: str, node: NodeProcess, aitbc: Run
) -> None:
    done = aitbc(*send(node, **change))
    assert (done.code, done.out) == (Exit.REFUSED, "")
    assert told in done.err
    assert done.err.startswith("aitbc: ")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("role", [Role.MINER, Role.COORDINATOR, Role.VALIDATOR])
def test_who_holds_a_key_can_send_what_it_earned(
    role: Role, node: NodeProcess, aitbc: Run, tmp_path: Path
) -> None:
    earned = tmp_path / "earned.key"
    made = create_key_file(earned, role, node.folder.passphrase_file.read_bytes().strip())
    paid = aitbc(*send(node, to=made.address, amount="2"))
    assert paid.code == 0, paid.err
    if role is Role.MINER:
        (tmp_path / "miner-key.json").write_bytes(earned.read_bytes())
        (tmp_path / "miner-key.json").chmod(0o600)
        shown = json.loads(aitbc("miner", "account", "--directory", tmp_path, "--json").out)
        assert shown == {"address": made.address, "balance": "2"}
    before = balance_of(node, NEW)
    done = aitbc(*send(node, key=earned, amount="1"))
    assert done.code == 0, done.err
    assert balance_of(node, NEW) == before + 10**9
    assert 0 < balance_of(node, made.address) < 10**9


def test_a_wrong_passphrase_and_a_file_that_others_read_are_refused(
    node: NodeProcess, aitbc: Run, tmp_path: Path
) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not the passphrase\n")
    wrong.chmod(0o600)
    assert "the passphrase does not open" in aitbc(*send(node, **{"passphrase-file": wrong})).err
    wrong.chmod(0o644)
    assert f"chmod 600 {wrong}" in aitbc(*send(node, **{"passphrase-file": wrong})).err


# ---------------------------------------------------------------- job


def test_a_job_is_ordered_shown_cancelled_and_waited_for(aitbc: Run) -> None:
    ordered = aitbc("job", "submit", "Say hello.", "--model", "llama3.2", "--max-price", "0.2")
    assert ordered.code == 0, ordered.err
    job_id = ordered.out.strip()
    assert job_id.startswith("job_")
    assert json.loads(aitbc("job", "get", job_id, "--json").out)["job_id"] == job_id
    assert job_id in aitbc("job", "get", job_id).out
    assert json.loads(aitbc("job", "cancel", job_id, "--json").out)["state"] == "CANCELLED"
    waited = aitbc("job", "wait", job_id, "--json")
    assert (waited.code, json.loads(waited.out)["state"]) == (Exit.NO_RESULT, "CANCELLED")
    result = aitbc("job", "result", job_id)
    assert result.code == Exit.NO_RESULT
    assert f"job {job_id} ended as CANCELLED" in result.err


def test_waiting_ends_with_the_stated_time(aitbc: Run) -> None:
    job_id = aitbc("job", "submit", "Say hello.").out.strip()
    waited = aitbc("job", "wait", job_id, "--timeout", "0.1")
    assert waited.code == Exit.TIMED_OUT
    assert "has not ended after" in waited.err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["job", "submit"], "needs a prompt"),
        (["job", "submit", "x", "--field", "novalue"], "--field novalue: must be NAME=VALUE"),
        (["job", "submit", "x", "--file", "input_url=/no/such"], "/no/such cannot be read"),
        (["job", "submit", "x", "--max-price", "lots"], "--max-price lots: must be AITBC"),
        (["job", "submit", "--service", "nonsense"], "INVALID_JOB_TYPE"),
        (["job", "get", "job_" + "0" * 64], "JOB_NOT_FOUND"),
        (["job", "get", "../../v1/miners"], "NOT_FOUND"),
    ],
)
def test_a_refused_order_says_why(arguments: list[str], told: str, aitbc: Run) -> None:
    done = aitbc(*arguments)
    assert (done.code, done.out) == (Exit.REFUSED, "")
    assert told in done.err
    assert "Traceback" not in done.err


# ---------------------------------------------------------------- nobody there


def test_a_node_that_is_not_there_is_said_with_the_remedy(run: Run) -> None:
    done = run("job", "get", "job_1", "--node", NOBODY)
    assert done.code == Exit.UNREACHABLE
    assert f"no node answers at {NOBODY}" in done.err
    assert "--node" in done.err


def test_an_address_that_is_none_is_refused(run: Run) -> None:
    done = run("job", "get", "job_1", "--node", "localhost:8011")
    assert (done.code, "http://" in done.err) == (Exit.REFUSED, True)


def test_a_miner_says_what_is_wrong_before_it_starts(tmp_path: Path, run: Run) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("correct horse battery\n")
    passphrase.chmod(0o600)
    folder = tmp_path / "miner"
    common = ["miner", "run", "--name", "m", "--directory", str(folder), "--node", "nowhere"]
    assert "give --passphrase-file" in run(*common).err
    with_file = [*common, "--passphrase-file", str(passphrase)]
    assert "must be http://" in run(*with_file).err
    assert "--price free: must be AITBC" in run(*with_file, "--price", "free").err
    passphrase.write_text("another passphrase\n")
    assert "the passphrase does not open" in run(*with_file).err
    (folder / "miner-key.json").unlink()
    key = (passphrase.read_bytes().strip(), folder / "miner-key.json")
    create_key_file(key[1], Role.ACCOUNT, key[0])
    assert "role account where one of role miner" in run(*with_file).err


def test_the_doctor_lists_what_this_machine_can_do(run: Run) -> None:
    found = json.loads(run("miner", "doctor", "--json").out)["services"]
    assert found["llm_inference"] == ["smollm2-135m"]
    assert found["ffmpeg_transcode"] == []


# ---------------------------------------------------------------- amounts


@pytest.mark.parametrize(
    ("text", "nait"),
    [("0", 0), ("1", 10**9), ("0.000000001", 1), ("9999999999.999999999", 10**19 - 1)],
)
def test_amounts_are_read_and_written_exactly(text: str, nait: int) -> None:
    assert parse_aitbc(text, "--amount") == nait
    assert format_aitbc(nait) == text


@pytest.mark.parametrize("text", ["", "1.", ".5", "01", "+1", "1_0", "１", "NaN", "1.0000000000"])
def test_other_texts_are_no_amounts(text: str) -> None:
    with pytest.raises(CommandFailed):
        parse_aitbc(text, "--amount")
