"""The `aitbc` command: keys and genesis from end to end, exit codes, and how quickly it answers."""

import json
import os
import pty
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.exits import Exit
from cli.lazy import Group
from cli.main import Groups, main
from cli.output import show
from genesis import read_genesis
from node.keyfile import Role, load_key
from tests.processes import child_environment

PASSPHRASE = b"correct horse battery"

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def aitbc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process; returns exit code, output and errors."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["aitbc", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        code = ended.value.code
        return (int(code) if code else 0), captured.out, captured.err

    return run


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    path = tmp_path / "passphrase"
    path.write_bytes(PASSPHRASE + b"\n")
    path.chmod(0o600)
    return path


def new_key(aitbc: Run, passphrase: Path, role: str, path: Path) -> dict[str, Any]:
    code, out, err = aitbc(
        "keys", "new", "--role", role, "--out", path, "--passphrase-file", passphrase, "--json"
    )
    assert code == 0, err
    made: dict[str, Any] = json.loads(out)
    return made


# ---------------------------------------------------------------- keys


def test_a_new_key_is_shown_and_opens_with_its_passphrase(
    aitbc: Run, passphrase: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.key"
    made = new_key(aitbc, passphrase, "account", path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_key(path, Role.ACCOUNT, PASSPHRASE).public_key.hex() == made["public_key"]
    code, out, _ = aitbc("keys", "show", path, "--json")
    assert (code, json.loads(out)) == (0, made)
    code, out, _ = aitbc("keys", "show", path)
    assert made["address"] in out


def test_a_passphrase_comes_through_a_descriptor(aitbc: Run, tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.write(writer, PASSPHRASE)
    os.close(writer)
    path = tmp_path / "a.key"
    code, _, err = aitbc(
        "keys", "new", "--role", "validator", "--out", path, "--passphrase-fd", str(reader)
    )
    assert code == 0, err
    load_key(path, Role.VALIDATOR, PASSPHRASE)


def test_a_passphrase_is_asked_for_twice_at_a_terminal_and_not_shown(tmp_path: Path) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "cli.main", "keys", "new", "--role", "account"]
    child = subprocess.Popen(
        [*command, "--out", str(tmp_path / "a.key")],
        stdin=slave, stdout=slave, stderr=slave, env=child_environment(), start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    shown = b""
    for prompt in (b"Passphrase for", b"Again: "):
        while prompt not in shown:
            shown += os.read(master, 1_024)
        os.write(master, PASSPHRASE + b"\n")
    assert child.wait(60) == 0
    os.close(master)
    assert PASSPHRASE not in shown
    load_key(tmp_path / "a.key", Role.ACCOUNT, PASSPHRASE)


def test_without_a_terminal_or_a_source_nothing_is_made(
    aitbc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        code, _, err = aitbc("keys", "new", "--role", "account", "--out", tmp_path / "a.key")
    assert code == Exit.REFUSED
    assert "--passphrase-file" in err
    assert not list(tmp_path.iterdir())


def test_refusals_are_one_paragraph_with_an_exit_code(
    aitbc: Run, passphrase: Path, tmp_path: Path
) -> None:
    path = tmp_path / "a.key"
    new_key(aitbc, passphrase, "account", path)
    new = ("keys", "new", "--role", "account", "--out", path)
    for arguments, said in (
        ((*new, "--passphrase-file", passphrase), "never overwritten"),
        (("keys", "show", tmp_path / "absent"), "cannot be read"),
        (("keys", "show", passphrase), "not a key file"),
        ((*new, "--passphrase-file", tmp_path / "absent"), "cannot be read"),
        (("genesis", "prove", "--key", path, "--chain", "x", "--passphrase-file", passphrase),
         "role validator"),
        (("genesis", "prove", "--key", path, "--chain", "X"), "not a chain name"),
        (("node", "run", "--config", tmp_path / "absent"), "cannot be read"),
    ):  # fmt: skip
        code, out, err = aitbc(*arguments)
        assert (code, out) == (Exit.REFUSED, "")
        assert said in err
        assert err.startswith("aitbc: ")
        assert len(err.splitlines()) == 1


def test_both_passphrase_options_at_once_are_a_usage_error(
    aitbc: Run, passphrase: Path, tmp_path: Path
) -> None:
    code, _, err = aitbc(
        "keys", "new", "--role", "account", "--out", tmp_path / "a.key",
        "--passphrase-file", passphrase, "--passphrase-fd", "9",
    )  # fmt: skip
    assert code == 2
    assert "not both" in err


def test_a_passphrase_file_that_others_can_read_is_refused(
    aitbc: Run, passphrase: Path, tmp_path: Path
) -> None:
    passphrase.chmod(0o644)
    new = ("keys", "new", "--role", "account", "--out", tmp_path / "a.key")
    code, _, err = aitbc(*new, "--passphrase-file", passphrase)
    assert code == Exit.REFUSED
    assert "chmod 600" in err


# ---------------------------------------------------------------- genesis


def test_a_chain_is_begun_by_commands_alone(aitbc: Run, passphrase: Path, tmp_path: Path) -> None:
    validator, payout = tmp_path / "v.key", tmp_path / "p.key"
    new_key(aitbc, passphrase, "validator", validator)
    owner = new_key(aitbc, passphrase, "account", payout)["address"]
    code, out, err = aitbc(
        "genesis", "prove", "--key", validator, "--chain", "club", "--passphrase-file", passphrase
    )
    assert code == 0, err
    spec = tmp_path / "club.toml"
    spec.write_text(
        f'name = "club"\ntimestamp_ms = 1767225600000\nbuckets = 256\n'
        f'[[validators]]\nname = "north"\npayout = "{owner}"\n{out}'
        f'[[allocations]]\naddress = "{owner}"\namount = "12.50"\n'
    )
    built = tmp_path / "genesis.json"
    code, out, err = aitbc("genesis", "build", spec, "-o", built, "--json")
    assert code == 0, err
    summary = json.loads(out)
    assert summary["supply"] == "12.50"
    assert summary["chain_id"] == read_genesis(built).chain_id
    code, out, _ = aitbc("genesis", "show", built, "--json")
    assert (code, json.loads(out)) == (0, summary)
    code, _, err = aitbc("genesis", "build", spec, "-o", built)
    assert (code, "exists" in err) == (Exit.REFUSED, True)


def test_a_refused_specification_names_field_and_fix(aitbc: Run, tmp_path: Path) -> None:
    spec = tmp_path / "club.toml"
    spec.write_text('name = "club"\ntimestamp_ms = 1\nvalidatos = []\n')
    code, _, err = aitbc("genesis", "build", spec, "-o", tmp_path / "genesis.json")
    assert code == Exit.REFUSED
    assert "unknown field `validatos`" in err
    assert "correct its spelling" in err
    assert not (tmp_path / "genesis.json").exists()


# ---------------------------------------------------------------- the command itself


def test_an_unknown_command_is_a_usage_error(aitbc: Run) -> None:
    code, _, err = aitbc("nod")
    assert code == 2
    assert "No such command 'nod'" in err


def test_every_group_loads_and_explains_itself(aitbc: Run) -> None:
    code, out, _ = aitbc("--help")
    assert code == 0
    groups = [line.split()[0] for line in out.partition("Commands:")[2].splitlines() if line]
    assert {"node", "genesis", "keys"} <= set(groups)
    for group in groups:
        code, out, _ = aitbc(group, "--help")
        assert code == 0
        assert "Usage: aitbc " in out
        assert ("Commands:" in out) == (group not in {"balance", "statement", "verify"})


def test_help_loads_no_group_and_answers_at_once() -> None:
    """CPU time, since the machine may be busy; the best of three, since the first one compiles."""
    program = (
        "import sys, time; began = time.process_time(); import cli.main;"
        "heavy = {'litestar', 'sqlalchemy', 'nacl', 'msgspec', 'ledger', 'node', 'rich', 'httpx'};"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules);"
        "print(time.process_time() - began)"
    )
    command = [sys.executable, "-c", program]
    seconds = [
        float(subprocess.run(
            command, env=child_environment(), check=True, capture_output=True, text=True
        ).stdout)
        for _ in range(3)
    ]  # fmt: skip
    assert min(seconds) < 0.3


def test_a_nodes_status_needs_nothing_that_a_node_is_made_of() -> None:
    program = (
        "import atexit, sys, cli.main; sys.argv[1:] = ['node', 'status', '--help'];"
        "atexit.register(lambda: print(sorted({'node', 'sqlalchemy'} & {*sys.modules})));"
        "cli.main.main()"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=child_environment(), check=True, capture_output=True)
    assert ended.stdout.splitlines()[-1] == b"[]"


def test_a_process_searches_for_no_garbage_when_it_loads_or_ends() -> None:
    program = (
        "import atexit, gc, sys, cli.main; sys.argv[1:] = ['node', 'run', '--help'];"
        "atexit.register(lambda: print(gc.isenabled(), gc.get_freeze_count() > 10_000));"
        "before = gc.get_stats()[2]['collections'];"
        "atexit.register(lambda: print(gc.get_stats()[2]['collections'] - before));"
        "cli.main.main()"
    )
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, env=child_environment(), check=True, capture_output=True)
    assert ended.stdout.splitlines()[-2:] == [b"0", b"True True"]


def test_an_unexpected_failure_ends_without_a_traceback(
    aitbc: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Groups.GROUPS, "broken", Group("cli.not_there", "Not there."))
    code, _, err = aitbc("broken")
    assert code == Exit.INTERNAL
    assert "ModuleNotFoundError" in err
    assert "Traceback" not in err
    monkeypatch.setenv("AITBC_TRACEBACK", "1")
    assert "Traceback" in aitbc("broken")[2]


def test_a_python_without_assertions_is_refused() -> None:
    command = [sys.executable, "-O", "-m", "cli.main", "--help"]
    ended = subprocess.run(command, env=child_environment(), capture_output=True, check=False)
    assert ended.returncode == Exit.INTERNAL
    assert b"assertions" in ended.stderr


# ---------------------------------------------------------------- what people read


def test_small_amounts_are_printed_as_people_write_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show({"fee": 3.55e-06, "paid": 0.02, "amount": 100.0}, as_json=False)
    told = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert told == [["fee", "0.00000355"], ["paid", "0.02"], ["amount", "100.0"]]
