"""`aitbc verify`: what it prints and how it ends, on the shared vectors."""

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from aitbc import check_proof
from aitbc.proofs import (
    BalanceProof,
    OutcomeProof,
    ReceiptProof,
    TransactionProof,
    Validator,
    ValidatorSet,
    read_genesis_bytes,
)
from cli.exits import Exit
from cli.main import main
from cli.proof_words import claim_lines
from genesis import genesis_text
from tests.sdk.scripted_server import Reply, serving
from tests.sdk.vectors import load
from tests.vectors.proof_chain import genesis_of

VECTORS = load("proofs.json")
BUNDLES = {each["name"]: each["bundle"] for each in VECTORS["bundles"]}
DIGEST = VECTORS["trusts"]["pinned"]["genesis_digest"]
GENESIS = read_genesis_bytes(bytes.fromhex(BUNDLES["receipt"]["genesis"]["specification"]))


def name_of(bundle: dict[str, Any]) -> str:
    """Return what a bundle is of, as people name it."""
    claims = check_proof(json.dumps(bundle).encode(), genesis=GENESIS).claims
    match claims:
        case ReceiptProof():
            return f"receipt/{claims.receipt.receipt_id}"
        case TransactionProof():
            return f"transaction/tx_{claims.transaction.transaction_id.hex()}"
        case OutcomeProof():
            return f"outcome/{claims.block.height}/{claims.index}"
        case BalanceProof():
            return f"account/{claims.address_text}"
    assert claims is not None
    return f"validators/{claims.block.epoch}"


WHOLE = [name for name, bundle in BUNDLES.items() if bundle["since"] is None]
"""Bundles that hold for whoever has the genesis."""
NAMES = {name: name_of(BUNDLES[name]) for name in WHOLE}


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str | Path, given: bytes = b"") -> Ended:
        monkeypatch.setattr(sys, "argv", ["aitbc", "verify", *map(str, arguments)])
        monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(given)))
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return Ended(int(ended.value.code or 0), captured.out, captured.err)

    return run


def saved(folder: Path, bundle: Any) -> Path:
    file = folder / "bundle.json"
    file.write_text(json.dumps(bundle))
    return file


RECEIPT_TEXT = """\
 1  document      passed    a bundle of kind receipt
 2  genesis       passed    chain {chain}: its digest is the pinned one; starts with the set of epoch 0, of 4
 3  boundaries    passed    the set has not changed since
 4  headers       passed    block 4, {block}
 5  validators    passed    block 4 names the set that was reached
 6  certificate   passed    block 4 is final: 3 of 4 signed, the quorum is 3
 7  inclusion     passed    transaction 3 of 3 of the block
 8  signature     passed    its sender signed it
 9  receipt       passed    it is a receipt, and its sender the miner

receipt         receipt_{receipt}
"""  # noqa: E501 - as it is printed


def test_a_receipt_is_verified_and_each_step_is_told(verify: Run, tmp_path: Path) -> None:
    done = verify(saved(tmp_path, BUNDLES["receipt"]), "--genesis-digest", DIGEST)
    assert (done.code, done.err) == (Exit.DONE, "")
    listed = next(each for each in VECTORS["bundles"] if each["name"] == "receipt")["claims"]
    expected = RECEIPT_TEXT.format(
        chain=listed["chain_id"],
        block=listed["block_id"],
        receipt=listed["claim"]["transaction_id"],
    )
    assert done.out.startswith(expected)
    assert "work            128 tokens\nprice           0.0032 AITBC\n" in done.out
    assert done.out.endswith("\nverified: final on the chain that you named\n")


@pytest.mark.parametrize("name", BUNDLES)
def test_each_kind_is_told_to_people_and_to_programs(
    verify: Run, tmp_path: Path, name: str
) -> None:
    file = saved(tmp_path, BUNDLES[name])
    (tmp_path / "genesis.json").write_bytes(genesis_text(genesis_of()))
    pin = ("--genesis", tmp_path / "genesis.json")
    needs_more = BUNDLES[name]["since"] is not None
    people, programs = verify(file, *pin), verify(file, *pin, "--json")
    assert people.code == programs.code == (Exit.REFUSED if needs_more else Exit.DONE)
    told = json.loads(programs.out)
    assert told["verdict"] == ("refuted" if needs_more else "verified")
    assert (told["claims"] is None) == needs_more
    if not needs_more:
        assert told["claims"]["block"]["block_id"] in people.out
        assert f"block {told['claims']['block']['height']} of" in people.out


def test_a_refuted_bundle_names_its_step(verify: Run) -> None:
    bundle = json.dumps(BUNDLES["receipt"]).replace('"index": "2"', '"index": "1"').encode()
    done = verify("-", "--genesis-digest", DIGEST, given=bundle)
    assert done.code == Exit.REFUSED
    assert " 7  inclusion     FAILED    INCLUSION_MISMATCH: " in done.out
    assert " 8  signature     not run\n" in done.out
    assert done.out.endswith("refuted at the step inclusion: this bundle proves nothing\n")
    told = json.loads(verify("-", "--genesis-digest", DIGEST, "--json", given=bundle).out)
    assert [step["ok"] for step in told["steps"]] == [True] * 6 + [False, None, None]
    assert told["steps"][6]["code"] == "INCLUSION_MISMATCH"


def test_without_a_named_chain_it_says_what_that_means_and_does_not_end_with_0(
    verify: Run, tmp_path: Path
) -> None:
    done = verify(saved(tmp_path, BUNDLES["account"]))
    assert done.code == Exit.UNPINNED
    assert "you named no chain" in done.out
    assert "Anybody can make one" in done.out
    assert f"--genesis-digest {DIGEST}" in done.out
    assert "verified:" not in done.out
    other = verify(tmp_path / "bundle.json", "--genesis-digest", "ab" * 32)
    assert other.code == Exit.REFUSED
    assert "GENESIS_OTHER" in other.out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("/nowhere/bundle.json",), "cannot be read: No such file"),
        (("-", "--genesis-digest", "ab"), "must be 64 hex digits"),
        (("-", "--genesis-digest", DIGEST, "--genesis", "g.json"), "not both"),
        (("-", "--genesis", "/nowhere/genesis.json"), "cannot be read"),
        (("http://:1:1/v1/proofs/x",), "must be http"),
        (("http://localhost/v1/proofs/\x1b",), "no such characters"),
        ((), "Missing argument"),
    ],
)
def test_what_cannot_be_used_ends_with_2(
    verify: Run, arguments: tuple[str, ...], told: str
) -> None:
    done = verify(*arguments)
    assert (done.code, done.out) == (Exit.MALFORMED, "")
    assert told in done.err


def test_what_is_no_bundle_ends_with_2_and_shows_nothing_of_it_raw(verify: Run) -> None:
    hostile = {"format": "aitbc-proof/1", "kind": "validators", "\x1b[31m": ""}
    done = verify("-", "--genesis-digest", DIGEST, given=json.dumps(hostile).encode())
    assert done.code == Exit.MALFORMED
    assert "DOCUMENT_MALFORMED" in done.out
    assert "\x1b" not in done.out
    assert "malformed:" in done.out


def test_names_of_a_chain_that_breaks_the_rules_do_not_reach_the_terminal_raw() -> None:
    claims = check_proof(json.dumps(BUNDLES["validators"]).encode()).claims
    assert claims is not None
    hostile = Validator(bytes(32), "\x1b[31mevil\n", bytes(20))
    block = replace(claims.block, validators=ValidatorSet((hostile,)), signers=(hostile.name,))
    lines = list(claim_lines(replace(claims, block=block)))
    assert all(line.isprintable() for line in lines)
    assert "signed by       '\\x1b[31mevil\\n'" in lines


def test_a_bundle_is_fetched_from_a_node(verify: Run) -> None:
    with serving(lambda _: Reply(200, BUNDLES["account"])) as server:
        path = f"/v1/proofs/{NAMES['account']}?since=2"
        url = server.url + path
        assert verify(url, "--genesis-digest", DIGEST).code == Exit.DONE
        assert [asked.path for asked in server.asked] == [path]
    assert verify(url).code == Exit.UNREACHABLE
    with serving(lambda _: Reply(404, {"error_code": "PROOF_NOT_FOUND"})) as server:
        done = verify(f"{server.url}/v1/proofs/receipt/x")
    assert (done.code, done.out) == (Exit.UNREACHABLE, "")
    assert "PROOF_NOT_FOUND" in done.err


@pytest.mark.parametrize("name", WHOLE)
def test_a_bundle_has_to_prove_what_was_asked_for(verify: Run, tmp_path: Path, name: str) -> None:
    file = saved(tmp_path, BUNDLES[name])
    (tmp_path / "genesis.json").write_bytes(genesis_text(genesis_of()))
    for asked in {NAMES[each] for each in WHOLE} | {"validators"}:
        is_it = asked == NAMES[name]
        is_it |= asked == "validators" and NAMES[name].startswith("validators/")
        told = verify(file, "--genesis", tmp_path / "genesis.json", "--expect", asked, "--json")
        verdict = json.loads(told.out)
        last = verdict["steps"][-1]
        assert (last["name"], last["ok"]) == ("asked", is_it)
        assert last["code"] == ("" if is_it else "PROVES_OTHER")
        assert (told.code, verdict["verdict"], verdict["claims"] is not None) == (
            (Exit.DONE, "verified", True) if is_it else (Exit.REFUSED, "refuted", False)
        )


@pytest.mark.parametrize(
    ("path", "code"),
    [
        (NAMES["receipt"], Exit.DONE),
        (NAMES["receipt"].replace("receipt_", ""), Exit.DONE),
        (NAMES["receipt"].replace("receipt_", "tx%5F") + "?since=1", Exit.DONE),
        (NAMES["receipt"].replace("receipt/", "transaction/"), Exit.REFUSED),
        ("receipt/receipt_" + "ab" * 32, Exit.REFUSED),
        ("receipt/x", Exit.REFUSED),
        ("receipt", Exit.REFUSED),
        (NAMES["account"], Exit.REFUSED),
        ("account/../" + NAMES["receipt"], Exit.REFUSED),
        ("validators", Exit.REFUSED),
        ("things/%1b[31m", Exit.REFUSED),
    ],
)
def test_a_node_has_to_prove_what_its_address_names(verify: Run, path: str, code: Exit) -> None:
    with serving(lambda _: Reply(200, BUNDLES["receipt"])) as server:
        # Behind a prefix, too.
        prefixed = verify(f"{server.url}/node/v1/proofs/{path}", "--genesis-digest", DIGEST)
        url = f"{server.url}/v1/proofs/{path}"
        done = verify(url, "--genesis-digest", DIGEST)
        assert (done.code, done.out) == (code, prefixed.out)
        assert "\x1b" not in done.out
        # An address that names nothing is a file's.
        assert verify(f"{server.url}/receipt.json", "--genesis-digest", DIGEST).code == Exit.DONE
        # Without a chain, too, what was not asked for is refused first.
        assert verify(url).code == (Exit.UNPINNED if code == Exit.DONE else code)
    if code == Exit.REFUSED:
        assert "asked         FAILED    PROVES_OTHER: it is of receipt " in done.out
        assert done.out.endswith("refuted: what this bundle proves is not what you asked for\n")


def test_the_epoch_of_a_set_that_was_asked_for_has_to_be_proved(verify: Run) -> None:
    with serving(lambda _: Reply(200, BUNDLES["validators of the first epoch"])) as server:
        for query, code in {
            "": Exit.DONE,
            "?since=0": Exit.DONE,
            "?epoch=0": Exit.DONE,
            "?epoch=1": Exit.REFUSED,
            "?epoch=0&epoch=1": Exit.REFUSED,
            "?epoch=x": Exit.REFUSED,
        }.items():
            url = f"{server.url}/v1/proofs/validators{query}"
            assert verify(url, "--genesis-digest", DIGEST).code == code, query


def test_a_refuted_bundle_is_not_compared_with_what_was_asked_for(verify: Run) -> None:
    bundle = json.dumps(BUNDLES["receipt"]).replace('"index": "2"', '"index": "1"').encode()
    done = verify("-", "--genesis-digest", DIGEST, "--expect", NAMES["receipt"], given=bundle)
    assert (done.code, "asked         not run\n" in done.out) == (Exit.REFUSED, True)
    assert done.out.endswith("refuted at the step inclusion: this bundle proves nothing\n")


@pytest.mark.parametrize(
    "name", ["", "receipt", "receipt/x", "things/1", "account/ait1x", "outcome/1", "validators/x"]
)
def test_an_expectation_that_no_proof_can_meet_ends_with_2(verify: Run, name: str) -> None:
    done = verify("-", "--genesis-digest", DIGEST, "--expect", name)
    assert (done.code, done.out) == (Exit.MALFORMED, "")
    assert "must be receipt/ID" in done.err
