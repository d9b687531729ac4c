"""`aitbc miner run` and a real node: work is paid, faults are refunded, deaths cost only time.

One node and one miner serve all tests of this file, in order. The job whose miner is killed is
begun first and looked at last, because its lease has to run out.
"""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aitbc import (
    ApiError,
    InvalidRequest,
    JobFailed,
    SigningKey,
    action_array,
    canonical_json,
    format_address,
)
from miner.attempt import receipt_price
from miner.node_api import Lease, NodeApi
from miner.signing import ChainClock, Signer
from tests.miner.real_miner import MinerProcess, Site, wait_until
from tests.miner.test_ffmpeg import make, picture
from tests.processes import PASSPHRASE

QUESTION = "What is the capital of France? Answer in one sentence."


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        site.start()
        yield site
    finally:
        site.close()


@dataclass
class Doomed:
    """A job whose miner was killed while it worked."""

    job_id: str
    lease: Lease
    key: SigningKey
    api: NodeApi


@pytest.fixture(scope="module")
def doomed(site: Site) -> Doomed:
    """Begin a job at a miner and kill the miner in the middle of the transcoding."""
    clip = make(site.root / "clip.mp4", *picture(30, "160x90"), "-c:v", "mpeg4", "-q:v", "31")
    with site.miner("doomed") as miner:
        miner.wait_for("registered")
        job_id = submit_video(site, clip, resolution="320x180")
        api = NodeApi(site.client, "doomed")
        output = miner.folder / "scratch"
        wait_until(lambda: list(output.glob("attempt-*/output.*")), miner.told)
        miner.kill()
        # The same miner that claims again gets the same lease: what the dead process knew.
        return Doomed(job_id, api.claim(job_id), miner.key, api)


@pytest.fixture(scope="module")
def miners(site: Site, doomed: Doomed) -> Iterator[list[MinerProcess]]:
    """Keep the one miner that works; tests that end it put its successor there."""
    assert doomed.job_id
    running = [site.miner("steady")]
    try:
        running[0].wait_for("registered")
        yield running
    finally:
        for miner in running:
            miner.kill()


@pytest.fixture
def steady(miners: list[MinerProcess]) -> MinerProcess:
    return miners[-1]


def submit_video(site: Site, source: Path | str, **fields: str) -> str:
    reference = (
        source if isinstance(source, str) else f"artifact:{site.client.upload_artifact(source)}"
    )
    payload = {"service": "ffmpeg_transcode", "input_url": reference, **fields}
    return str(site.client.submit_job(payload)["job_id"])


def test_a_prompt_is_answered_and_its_miner_is_paid(site: Site, steady: MinerProcess) -> None:
    job_id = site.ask(QUESTION, max_tokens=24)
    answer = site.client.get_job_result(job_id)
    assert "Paris" in answer["result"]["output"]
    payment = site.settled_payment(job_id)
    receipt = site.client.get_receipt(job_id)
    assert (payment["status"], receipt["provider"]) == ("released", steady.name)
    assert receipt["unit_type"] == "tokens"
    assert payment["paid"] == pytest.approx(receipt["price"])
    assert steady.spooled == []


def test_the_command_line_orders_and_shows_the_same(site: Site, steady: MinerProcess) -> None:
    ordered = site.aitbc(
        *("job", "submit", QUESTION, "--model", "llama3.2", "--parameter", "temperature=0"),
        *("--parameter", "max_tokens=24", "--max-price", "0.3", "--wait", "--json"),
    )
    assert ordered.returncode == 0, ordered.stderr
    answer = json.loads(ordered.stdout)
    assert "Paris" in answer["result"]["output"]
    shown = site.aitbc("job", "result", answer["job_id"])
    assert shown.stdout.strip() == answer["result"]["output"].strip()
    state = json.loads(site.aitbc("job", "get", answer["job_id"], "--json").stdout)
    assert (state["state"], state["assigned_miner_id"]) == ("COMPLETED", steady.name)


@pytest.mark.parametrize(
    ("source", "fields", "reason"),
    [
        ("http://127.0.0.1:1/clip.mp4", {}, "public internet"),
        ("http://169.254.169.254/latest", {}, "public internet"),
        ("artifact:sha256:" + "0" * 64, {}, "not stored"),
        (Path(__file__), {}, "not a video"),
        (Path(__file__), {"resolution": "33x33"}, "resolution"),
    ],
)
def test_bad_input_ends_with_its_reason_and_a_refund(
    source: Path | str, fields: dict[str, str], reason: str, site: Site, steady: MinerProcess
) -> None:
    assert steady.process.poll() is None
    job_id = submit_video(site, source, **fields)
    with pytest.raises(JobFailed, match=reason):
        site.client.get_job_result(job_id)
    payment = site.settled_payment(job_id)
    assert (payment["status"], payment["paid"]) == ("refunded", 0)


def test_input_that_no_miner_could_use_is_refused_before_anything_is_paid(site: Site) -> None:
    for source, fields in (("file:///etc/passwd", {}), (Path(__file__), {"resolution": "1x1"})):
        with pytest.raises(InvalidRequest, match="/payload/"):
            submit_video(site, source, **fields)


def test_a_cancelled_job_stops_its_miner_which_goes_on_with_the_next(
    site: Site, steady: MinerProcess
) -> None:
    job_id = site.ask("Write a very long story.", max_tokens=1_000)
    steady.wait_for("works", job_id=job_id)
    assert site.client.cancel_job(job_id)["state"] == "CANCELLED"
    following = site.ask("Say hello.")
    assert site.client.wait_for_job(following)["state"] == "COMPLETED"
    assert site.client.get_job(job_id)["state"] == "CANCELLED"


def test_a_second_miner_in_the_same_folder_is_refused(site: Site, steady: MinerProcess) -> None:
    refused = site.aitbc(
        *("miner", "run", "--name", "other", "--directory", str(steady.folder)),
        *("--passphrase-file", str(site.folder.passphrase_file)),
    )
    assert refused.returncode == 5
    assert f"another miner runs in {steady.folder}" in refused.stderr


def test_a_name_that_is_taken_is_refused_with_the_reason(site: Site, steady: MinerProcess) -> None:
    refused = site.aitbc(
        *("miner", "run", "--name", steady.name.upper(), "--directory", str(site.root / "rival")),
        *("--passphrase-file", str(site.folder.passphrase_file)),
    )
    assert refused.returncode == 1
    assert "MINER_ALREADY_REGISTERED" in refused.stderr


def test_finished_work_outlives_the_death_of_node_and_miner(
    site: Site, miners: list[MinerProcess]
) -> None:
    first = miners[-1]
    # Long enough that the node is dead before it is written, however busy the machine is.
    job_id = site.ask("Write a long story.", max_tokens=256)
    first.wait_for("works", job_id=job_id)
    site.kill()
    wait_until(lambda: first.spooled, first.told)
    first.kill()
    miners.append(site.miner(first.name))
    site.start()
    assert site.client.wait_for_job(job_id)["state"] == "COMPLETED"
    assert site.settled_payment(job_id)["status"] == "released"
    assert site.client.get_receipt(job_id)["provider"] == first.name
    miners[-1].wait_for("resumes delivery", job_id=job_id, attempt=1)
    wait_until(lambda: not miners[-1].spooled, miners[-1].told)


def test_sigterm_lets_the_job_finish(site: Site, miners: list[MinerProcess]) -> None:
    draining = miners[-1]
    job_id = site.ask("Write a story.", max_tokens=60)
    draining.wait_for("works", job_id=job_id)
    draining.signal(signal.SIGTERM)
    assert draining.wait_end() == 0
    assert site.client.get_job(job_id)["state"] == "COMPLETED"
    assert draining.spooled == []
    miners.append(site.miner(draining.name))
    miners[-1].wait_for("registered")


def test_an_idle_miner_ends_at_once(site: Site, miners: list[MinerProcess]) -> None:
    idle = miners[-1]
    idle.signal(signal.SIGINT)
    assert idle.wait_end() == 0
    miners.append(site.miner(idle.name))
    miners[-1].wait_for("registered")


def test_a_second_sigterm_releases_the_job(site: Site, miners: list[MinerProcess]) -> None:
    hurried = miners[-1]
    job_id = site.ask("Write a very long story.", max_tokens=1_000)
    hurried.wait_for("works", job_id=job_id)
    hurried.signal(signal.SIGTERM)
    hurried.wait_for("drains: finishing the current job; a second signal releases it")
    hurried.signal(signal.SIGTERM)
    assert hurried.wait_end() == 0
    assert site.client.get_job(job_id)["state"] == "QUEUED"
    assert site.client.cancel_job(job_id)["state"] == "CANCELLED"
    assert site.settled_payment(job_id)["paid"] == 0
    miners.append(site.miner(hurried.name))
    miners[-1].wait_for("registered")


def test_the_job_of_a_killed_miner_is_done_and_paid_once_by_another(
    site: Site, doomed: Doomed, steady: MinerProcess
) -> None:
    assert site.client.wait_for_job(doomed.job_id)["state"] == "COMPLETED"
    assert site.client.get_job(doomed.job_id)["assigned_miner_id"] == steady.name
    before = site.settled_payment(doomed.job_id)
    address_before = balance_of(site, doomed.key)
    document: dict[str, Any] = {"text": "late", "artifacts": [], "metadata": {}}
    transaction, salt = signed_receipt(site, doomed, document)
    with pytest.raises(ApiError) as refusal:
        doomed.api.complete(
            doomed.job_id,
            {
                "attempt": doomed.lease.attempt,
                "output": document,
                "salt": salt.hex(),
                "transaction": transaction.hex(),
            },
        )
    assert (refusal.value.status, refusal.value.error_code) in {
        (409, "LEASE_LOST"),
        (409, "JOB_ALREADY_COMPLETED"),
    }
    sent = site.client.send_transaction(transaction, wait_final=True)
    assert (sent["status"], sent["code"]) == ("rejected", "JOB_UNKNOWN")
    assert site.client.get_payment(doomed.job_id) == before
    assert balance_of(site, doomed.key) == address_before
    assert site.client.get_receipt(doomed.job_id)["provider"] == steady.name


def signed_receipt(site: Site, doomed: Doomed, document: dict[str, Any]) -> tuple[bytes, bytes]:
    """Return the receipt that the dead miner would have sent, and its salt."""
    lease, salt = doomed.lease, bytes(32)
    clock = ChainClock(site.client, site.client.chain_time_ms())
    signer = Signer(doomed.key, site.client.chain_tags(), clock)
    digest = signer.tags.result_digest(
        lease.job_digest, lease.attempt, signer.address, salt, canonical_json(document)
    )
    action = action_array(
        "post_receipt",
        job_id=lease.job_digest,
        attempt=lease.attempt,
        client=lease.client,
        coordinator=lease.coordinator,
        payload_digest=lease.payload_digest,
        price_cap=lease.price_cap,
        result_digest=digest,
        units_micro=1_000_000,
        unit_type=4,
        price=receipt_price(lease, 1_000_000),
        model="",
        started_ms=1,
        completed_ms=2,
    )
    return signer.sign(action).signed, salt


def balance_of(site: Site, key: SigningKey) -> int:
    return int(site.client.get_account(format_address(key.address))["balance_nait"])


def test_no_log_holds_a_secret_or_a_clients_words(site: Site, miners: list[MinerProcess]) -> None:
    assert miners
    secrets = [PASSPHRASE, "capital of France", "Paris"]
    for name in ("doomed", "steady"):
        text = (site.root / name / "miner.log").read_text()
        assert "works" in text
        assert [secret for secret in secrets if secret in text] == []
