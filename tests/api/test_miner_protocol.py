"""The miner protocol with a miner that holds its own key, through the SDK that miners use."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest

from aitbc import (
    REASONS,
    UNIT_TYPES,
    ApiError,
    ChainTags,
    Client,
    RetryPolicy,
    SigningKey,
    action_array,
    canonical_json,
    format_address,
    sign_transaction,
)
from miner.node_api import Lease, NodeApi
from miner.registration import Capabilities, register
from tests.api.site import Site

T = TypeVar("T")

NAME = "own-key"

CAPABILITIES = Capabilities(
    entries=["llm_inference", "ffmpeg_transcode", "smollm2-135m"],
    aliases={"llama3.2": "smollm2-135m"},
    gpu_info={},
    price="0.01",
    price_floor=10**7,
)

PROMPT = {"prompt": "Why is the sky blue?"}


class OwnKeyMiner:
    """A miner that signs for itself."""

    def __init__(self, url: str) -> None:
        # One exchange for each call: what the server refuses shall be seen at once.
        self.client = Client(url, retry=RetryPolicy(attempts=1))
        self.api = NodeApi(self.client, NAME)
        self.key = SigningKey(hashlib.sha256(b"own key").digest())
        self.tags: ChainTags | None = None
        self.chain_time_ms = 0

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        return await asyncio.to_thread(function, *arguments)

    async def register(self) -> None:
        challenge = await self.call(register, self.api, self.key, CAPABILITIES)
        self.tags, self.chain_time_ms = challenge.tags, challenge.chain_time_ms

    def sign(self, action: list[Any]) -> bytes:
        assert self.tags is not None
        valid_until_ms = self.chain_time_ms + 120_000
        return sign_transaction(
            self.tags, self.key, action, fee=0, valid_until_ms=valid_until_ms
        ).signed

    def completion(self, lease: Lease, document: dict[str, Any], **changes: Any) -> dict[str, Any]:
        assert self.tags is not None
        salt = os.urandom(32)
        digest = self.tags.result_digest(
            lease.job_digest, lease.attempt, self.key.address, salt, canonical_json(document)
        )
        fields: dict[str, Any] = {
            "job_id": lease.job_digest,
            "attempt": lease.attempt,
            "client": lease.client,
            "coordinator": lease.coordinator,
            "payload_digest": lease.payload_digest,
            "price_cap": lease.price_cap,
            "result_digest": digest,
            "units_micro": 12_500_000,
            "unit_type": UNIT_TYPES["tokens"],
            "price": lease.price_cap,
            "model": "smollm2-135m",
            "started_ms": self.chain_time_ms,
            "completed_ms": self.chain_time_ms + 1_500,
        }
        receipt = self.sign(action_array("post_receipt", **fields | changes))
        return {
            "attempt": lease.attempt,
            "output": document,
            "salt": salt.hex(),
            "transaction": receipt.hex(),
        }


@pytest.fixture
async def miner(site: Site) -> AsyncIterator[OwnKeyMiner]:
    made = OwnKeyMiner(site.url)
    await made.register()
    yield made
    made.client.close()


async def test_registration_proves_the_key_and_is_repeated_as_an_update(
    site: Site, miner: OwnKeyMiner
) -> None:
    shown = (await site.http.get(f"/v1/miners/{NAME}")).json()
    assert (shown["key"], shown["status"]) == ("own", "active")
    assert shown["address"] == format_address(miner.key.address)
    assert shown["price"] == "0.01"
    await miner.register()
    record = site.world.chain.miner(miner.key.address)
    assert record is not None
    assert record.capabilities_digest == CAPABILITIES.digest()


async def test_a_challenge_of_another_key_or_time_proves_nothing(
    site: Site, miner: OwnKeyMiner
) -> None:
    thief = OwnKeyMiner(site.url)
    thief.api.miner_id = "thief"
    thief.key = SigningKey(hashlib.sha256(b"thief").digest())
    thief.key.public_key = miner.key.public_key
    with pytest.raises(ApiError) as refused:
        await thief.register()
    assert refused.value.error_code in {"CHALLENGE_INVALID", "TRANSACTION_INVALID"}
    thief.client.close()
    for key in ("", "00", "zz" * 32, "00" * 32):
        response = await site.http.get(f"/v1/miners/challenge?public_key={key}")
        assert response.status_code == 400


async def test_a_job_is_polled_claimed_kept_and_completed(site: Site, miner: OwnKeyMiner) -> None:
    polling = asyncio.create_task(miner.call(miner.api.poll, 20))
    job_id = await site.queued(PROMPT)
    assert (await polling)[0] == job_id
    # The input of a job comes with the final assignment, and not before (J9).
    offered = (await site.http.get(f"/v1/jobs/available?miner_id={NAME}")).json()
    assert "prompt" not in offered

    lease = await miner.call(miner.api.claim, job_id)
    assert lease.attempt == 1
    assert lease.input == {"prompt": PROMPT["prompt"]}
    assert lease.price_cap == 10**7
    assert lease.heartbeat_interval_s == 5
    assert miner.tags is not None
    assert miner.tags.payload_digest(lease.payload, lease.blind) == lease.payload_digest
    assert (
        canonical_json(
            {
                "input": dict(lease.input),
                "model": lease.model,
                "params": dict(lease.params),
                "service": lease.service,
            }
        )
        == lease.payload
    )

    assert await miner.call(miner.api.heartbeat, lease, 40) is False
    headers = {"AITBC-Version": "2026-05-11"}
    running = (await site.http.get(f"/v1/jobs/{job_id}", headers=headers)).json()
    assert (running["state"], running["progress"], running["attempt"]) == ("RUNNING", 40, 1)

    document: dict[str, Any] = {
        "text": "Rayleigh scattering. ☀",
        "artifacts": [],
        "metadata": {"engine": "test", "seconds": 0.1, "tokens": 12, "big": 1e21, "none": None},
    }
    completion = miner.completion(lease, document)
    receipt = await miner.call(miner.api.complete, job_id, completion)
    assert receipt["receipt_id"].startswith("receipt_")
    assert receipt["units"] == 12.5
    assert (receipt["unit_type"], receipt["custody"]) == ("tokens", "own")
    assert receipt == await miner.call(miner.api.complete, job_id, completion)

    answer = (await site.http.get(f"/v1/jobs/{job_id}/result")).json()
    assert answer["result"]["output"] == document["text"]
    assert answer["result"]["metadata"].items() >= document["metadata"].items()
    proof = answer["proof"]
    digest = miner.tags.result_digest(
        lease.job_digest,
        proof["attempt"],
        miner.key.address,
        bytes.fromhex(proof["salt"]),
        proof["document"].encode(),
    )
    assert digest.hex() == proof["result_digest"]


async def test_files_go_up_and_down_and_a_result_may_be_one(
    site: Site, miner: OwnKeyMiner, tmp_path: Path
) -> None:
    clip = tmp_path / "clip.bin"
    clip.write_bytes(os.urandom(300_000))
    name = await miner.call(miner.client.upload_artifact, clip)
    assert name == "sha256:" + hashlib.sha256(clip.read_bytes()).hexdigest()
    job = {
        "payload": {
            "service": "ffmpeg-transcode",
            "input_url": f"artifact:{name}",
            "output_format": "mp4",
        }
    }
    job_id = await site.queued(job)
    lease = await miner.call(miner.api.claim, job_id)
    assert lease.service == "ffmpeg_transcode"
    assert lease.input == {"input_url": f"artifact:{name}", "output_format": "mp4"}
    document = {
        "artifacts": [
            {"artifact": name, "size": 300_000, "name": "clip.mp4", "media_type": "video/mp4"}
        ],
        "json": {"duration": 2.5},
        "metadata": {},
    }
    completion = miner.completion(lease, document, model="", unit_type=UNIT_TYPES["video_seconds"])
    await miner.call(miner.api.complete, job_id, completion)

    answer = (await site.http.get(f"/v1/jobs/{job_id}/result")).json()
    assert answer["result"]["output"] == '{"duration":2.5}'
    assert answer["result"]["metadata"]["json"] == {"duration": 2.5}
    (artifact,) = answer["result"]["metadata"]["artifacts"]
    assert artifact["artifact"] == name
    headers = {"AITBC-Version": "2026-01-24"}
    older = (await site.http.get(f"/v1/jobs/{job_id}", headers=headers)).json()
    assert older["result"] == '{"duration":2.5}'
    assert older["prompt"].startswith('{"input_url":')
    target = tmp_path / "copy.bin"
    await miner.call(miner.client.download_artifact, name, target)
    assert target.read_bytes() == clip.read_bytes()


async def test_a_receipt_that_contradicts_the_lease_is_refused(
    site: Site, miner: OwnKeyMiner
) -> None:
    job_id = await site.queued(PROMPT)
    lease = await miner.call(miner.api.claim, job_id)
    document = {"text": "Cheap.", "artifacts": [], "metadata": {}}
    for changes in (
        {"price": lease.price_cap + 1},
        {"attempt": 2},
        {"client": lease.coordinator},
        {"result_digest": bytes(32)},
    ):
        completion = miner.completion(lease, document, **changes)
        with pytest.raises(ApiError) as refused:
            await miner.call(miner.api.complete, job_id, completion)
        assert (refused.value.status, refused.value.error_code) == (400, "RECEIPT_INVALID")
    await miner.call(miner.api.complete, job_id, miner.completion(lease, document))


async def test_a_signed_release_gives_the_job_back_and_bad_input_ends_it(
    site: Site, miner: OwnKeyMiner
) -> None:
    job_id = await site.queued(PROMPT)
    lease = await miner.call(miner.api.claim, job_id)

    def release(lease: Lease, reason: str) -> bytes:
        fields: dict[str, Any] = {"job_id": lease.job_digest, "attempt": lease.attempt}
        return miner.sign(action_array("release_job", **fields, reason=REASONS[reason]))

    crash = release(lease, "RUNNER_FAILED")
    await miner.call(miner.api.give_up, lease, "release", "RUNNER_FAILED", "it crashed", crash)
    job = (await site.http.get(f"/v1/jobs/{job_id}")).json()
    assert job["status"] == "pending"
    assert "miner_id" not in job
    with pytest.raises(ApiError) as lost:
        await miner.call(miner.api.heartbeat, lease, 50)
    assert lost.value.error_code == "LEASE_LOST"

    await site.world.pass_time(11)
    again = await miner.call(miner.api.claim, job_id)
    assert again.attempt == 2
    bad = release(again, "BAD_INPUT")
    await miner.call(miner.api.give_up, again, "fail", "BAD_INPUT", "not a language", bad)
    await site.world.quiet()
    failed = (await site.http.get(f"/v1/jobs/{job_id}")).json()
    assert failed["status"] == "failed"
    assert "not a language" in failed["error"]


async def test_an_idle_poll_says_why_there_is_no_work(site: Site, miner: OwnKeyMiner) -> None:
    assert await miner.call(miner.api.poll, 0) == (None, {})
    await site.queued({"payload": {"service": "blender_render", "blend_file_url": "artifact:x"}})
    job_id, reasons = await miner.call(miner.api.poll, 0)
    assert job_id is None
    assert sum(reasons.values()) == 1
