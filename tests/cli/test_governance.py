"""`aitbc authority` and `aitbc ballot` against a real node that is its chain's one authority.

A passed addition waits for the epoch's end, which is an hour away here: the chain stays alone.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from aitbc import format_address
from cli.exits import Exit
from cli.main import main
from ledger.keys import KeyPair
from node.keyfile import Role, create_key_file
from tests.processes import PASSPHRASE, NodeFolder, NodeProcess, start_node

NEW = format_address(KeyPair(bytes([78]) * 32).address)
PAYOUT = format_address(KeyPair(bytes([79]) * 32).address)

Run = Callable[..., "Ended"]


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    folder = NodeFolder(tmp_path_factory.mktemp("node") / "n")
    with start_node(folder) as node:
        yield node


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed with ``--json``."""
        assert self.code == Exit.DONE, self.err
        return json.loads(self.out)


@pytest.fixture
def aitbc(
    node: NodeProcess, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command in this process, with the node's address."""

    def run(*arguments: str | Path) -> Ended:
        told = ["aitbc", *map(str, arguments), "--node", node.url]
        monkeypatch.setattr(sys, "argv", told)
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run


@pytest.fixture
def signing(node: NodeProcess) -> list[str | Path]:
    """Return the options of the authority that signs."""
    folder = node.folder
    return ["--key", folder.key_file("validator"), "--passphrase-file", folder.passphrase_file]


def get(node: NodeProcess, path: str) -> httpx.Response:
    return httpx.get(node.url + path)


def wait_indexed(node: NodeProcess, height: int) -> None:
    """Return when the node's index has reached a height."""
    deadline = time.monotonic() + 30
    while get(node, "/v1/chain/status").json()["indexed_height"] < height:
        assert time.monotonic() < deadline, "the index does not follow"


# ---------------------------------------------------------------- reading


def test_the_validators_are_listed_with_what_waits(node: NodeProcess, aitbc: Run) -> None:
    shown = aitbc("authority", "list", "--json").json
    assert shown["quorum"] == 1
    assert [member["name"] for member in shown["validators"]] == ["alone"]
    told = aitbc("authority", "list").out
    assert "alone" in told
    assert shown["validators"][0]["public_key"] in told
    assert get(node, "/v1/chain/validators").json() == shown


def test_no_ballot_is_open_at_first(aitbc: Run) -> None:
    assert aitbc("ballot", "list", "--json").json["ballots"] == []
    assert aitbc("ballot", "list").out == "no ballot is open\n"


def test_what_is_no_ballot_is_said_clearly(node: NodeProcess, aitbc: Run) -> None:
    for name in ("00" * 32, "nonsense"):
        ended = aitbc("ballot", "show", name)
        assert ended.code == Exit.REFUSED
        assert "BALLOT_NOT_FOUND" in ended.err
    assert get(node, "/v1/chain/ballots?status=lost").status_code == 400
    assert get(node, "/v1/chain/ballots?status=passed&before=x").status_code == 400
    assert get(node, "/v1/chain/ballots?limit=0").status_code == 400


# ---------------------------------------------------------------- deciding


def test_an_authority_issues_units_and_the_ballot_is_found_afterwards(
    node: NodeProcess, aitbc: Run, signing: list[str | Path]
) -> None:
    told = aitbc("ballot", "propose", "issue", NEW, "12.5", *signing, "--json").json
    assert told["ballot"]["status"] == "passed"
    assert get(node, f"/v1/chain/accounts/{NEW}").json()["balance_nait"] == "12500000000"
    wait_indexed(node, told["height"])
    ballot = aitbc("ballot", "show", told["ballot"]["ballot_id"], "--json").json
    assert ballot["motion"] == "issue_units"
    assert ballot["details"] == {"to": NEW, "amount": "12.50"}
    assert [vote["support"] for vote in ballot["votes"]] == [True]
    assert ballot["closed_height"] == told["height"]
    assert "yes" in aitbc("ballot", "show", told["ballot"]["ballot_id"]).out
    passed = aitbc("ballot", "list", "--status", "passed", "--json").json["ballots"]
    assert ballot["ballot_id"] in [one["ballot_id"] for one in passed]
    changes = get(node, "/v1/chain/governance/changes").json()["changes"]
    issued = next(change for change in changes if change["kind"] == "units_issued")
    assert (issued["parties"], issued["amounts"]) == ([NEW], ["12.50"])


def test_a_parameter_waits_for_the_next_epoch(aitbc: Run, signing: list[str | Path]) -> None:
    told = aitbc("ballot", "propose", "parameter", "fee_base", "1234", *signing, "--json").json
    assert told["ballot"]["status"] == "passed"
    shown = aitbc("authority", "list", "--json").json
    assert shown["pending_parameters"] == {"fee_base": 1234}
    assert "fee_base = 1234" in aitbc("authority", "list").out
    refused = aitbc("ballot", "propose", "parameter", "fee_base", "1234", *signing)
    assert refused.code == Exit.REFUSED
    assert "PARAMETER_UNCHANGED" in refused.err
    assert "PARAMETER_UNKNOWN" in aitbc("ballot", "propose", "parameter", "x", "1", *signing).err


def test_a_candidate_proves_its_key_and_is_proposed(
    node: NodeProcess, aitbc: Run, signing: list[str | Path], tmp_path: Path
) -> None:
    key, candidate = tmp_path / "joining.key", tmp_path / "joining.json"
    create_key_file(key, Role.VALIDATOR, PASSPHRASE.encode())
    passphrase = ["--passphrase-file", node.folder.passphrase_file]
    names = ["--name", "second", "--payout", PAYOUT, "--out", candidate]
    proven = aitbc("authority", "prove", "--key", key, *passphrase, *names)
    assert proven.code == Exit.DONE, proven.err
    again = aitbc("authority", "prove", "--key", key, *passphrase, *names)
    assert again.code == Exit.REFUSED, "a candidate's file is not overwritten"
    document = json.loads(candidate.read_text())
    lie = tmp_path / "lie.json"
    lie.write_text(json.dumps(document | {"payout": NEW}))
    refused = aitbc("authority", "propose-add", lie, *signing)
    assert "POSSESSION_UNPROVEN" in refused.err
    told = aitbc("authority", "propose-add", candidate, *signing, "--json").json
    assert told["ballot"]["status"] == "passed"
    pending = aitbc("authority", "list", "--json").json["pending"]
    assert [(change["change"], change["validator"]["name"]) for change in pending] == [
        ("add", "second")
    ]
    assert pending[0]["validator"]["public_key"] == document["public_key"]
    assert "waiting: add second" in aitbc("authority", "list").out


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("authority", "propose-remove", "nobody"), "they are alone"),
        (("ballot", "propose", "protocol-version", "1"), "VERSION_NOT_NEWER"),
        (("ballot", "propose", "issue", NEW, "lots"), "must be AITBC"),
        (("ballot", "propose", "issue", "ait1nobody", "1"), "address"),
        (("ballot", "propose", "ruling", "00" * 32, "--for", "miner"), "JOB_UNKNOWN"),
        (("ballot", "propose", "ruling", "job_x", "--for", "client"), "no id of a job"),
        (("ballot", "propose", "add-coordinator", NEW, "--name", "In Capitals"), "name"),
        (("ballot", "propose", "remove-coordinator", NEW), "COORDINATOR_UNKNOWN"),
        (("ballot", "vote", "00" * 32), "BALLOT_NOT_FOUND"),
        (("authority", "vote", "00" * 32, "--no"), "BALLOT_NOT_FOUND"),
    ],
)
def test_what_cannot_be_proposed_is_refused_with_the_reason(
    aitbc: Run, signing: list[str | Path], arguments: tuple[str, ...], expected: str
) -> None:
    ended = aitbc(*arguments, *signing)
    assert ended.code == Exit.REFUSED
    assert expected in ended.err


def test_another_role_than_a_validators_key_cannot_vote(node: NodeProcess, aitbc: Run) -> None:
    folder = node.folder
    options = ["--key", folder.key_file("faucet"), "--passphrase-file", folder.passphrase_file]
    ended = aitbc("ballot", "propose", "issue", NEW, "1", *options)
    assert ended.code == Exit.REFUSED
    assert "validator" in ended.err
