"""The comparison runs both chains, counts what arrived, and says why where it cannot."""

import json
from pathlib import Path

import httpx
import pytest

from bench import compare
from bench.anvil import PACKAGE, Anvil, AnvilUnavailable, install


def test_both_chains_take_the_same_load(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        install()
    except AnvilUnavailable as reason:
        pytest.skip(str(reason))
    small = ["--accounts=40", "--transactions=80", "--batch=40", "--connections=2", "--runs=1"]
    assert compare.main(["anvil", *small, "--quick", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    figures = {each["key"]: each for each in report["figures"]}
    ours, theirs = figures["compare.ours"], figures["compare.anvil.asked"]
    ratio = figures["compare.ratio.asked"]["median"]
    assert ratio == pytest.approx(ours["median"] / theirs["median"], rel=1e-3)
    assert "no consensus and nothing on disk" in report["mode"]["anvil"]
    assert "synced to disk" in report["mode"]["ours"]


def test_without_npm_it_says_so_and_ends_with_3(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert compare.main(["anvil"]) == 3
    assert "node and npm are needed" in capsys.readouterr().err


def test_what_is_installed_is_pinned_by_version_and_digest_and_names_no_registry() -> None:
    text = (PACKAGE / "package-lock.json").read_text()
    packages = json.loads(text)["packages"]
    wanted = packages.pop("")["dependencies"]
    assert wanted == json.loads((PACKAGE / "package.json").read_text())["dependencies"]
    assert all(each["integrity"].startswith("sha512-") for each in packages.values())
    assert "://" not in text


def answering(*answers: object) -> httpx.Client:
    left = list(answers)
    return httpx.Client(
        transport=httpx.MockTransport(lambda _: httpx.Response(200, json=left.pop(0)))
    )


def test_a_batch_is_delivered_when_the_last_of_it_has_a_receipt() -> None:
    client = answering(
        [{"id": 1, "result": "0xbb"}, {"id": 0, "result": "0xaa"}],
        [{"id": 0, "result": None}],
        [{"id": 0, "result": {"blockNumber": "0x1"}}],
    )
    assert Anvil("http://anvil", ["0x01", "0x02", "0x03"], batch=2).send(client, 0) == 2


def test_a_run_ends_when_all_transfers_are_in_blocks() -> None:
    height, zero = [{"id": 0, "result": "0x1"}], {"id": 0, "result": "0x0"}
    client = answering(
        height,
        [zero, {"id": 1, "result": "0x2"}],
        height,
        [zero, {"id": 1, "result": "0x3"}],
    )
    Anvil("http://anvil", ["0x01", "0x02", "0x03"], batch=2).wait_for_all(client)


def test_a_refused_transfer_is_an_error_and_not_a_fast_one() -> None:
    client = answering([{"id": 0, "error": {"message": "nonce too low"}}])
    with pytest.raises(RuntimeError, match="nonce too low"):
        Anvil("http://anvil", ["0x01"], batch=1).send(client, 0)
