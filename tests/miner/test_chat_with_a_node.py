"""The `openai` package against a real node, and a real miner with its real language model."""

import json
from collections.abc import Iterator

import httpx
import openai
import pytest

from tests.miner.real_miner import ALIAS, MinerProcess, Site

QUESTION = "What is the capital of France? Answer in one sentence."


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    try:
        site.start()
        yield site
    finally:
        site.close()


@pytest.fixture(scope="module", autouse=True)
def steady(site: Site) -> Iterator[MinerProcess]:
    with site.miner("steady") as miner:
        miner.wait_for("registered")
        yield miner


@pytest.fixture
def client(site: Site) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{site.url}/v1", api_key="your-api-key", max_retries=0) as client:
        yield client


def test_a_question_is_answered_by_the_model(client: openai.OpenAI, site: Site) -> None:
    completion = client.chat.completions.create(
        model=ALIAS,
        messages=[{"role": "user", "content": QUESTION}],
        temperature=0,
        max_tokens=24,
    )
    (choice,) = completion.choices
    assert choice.message.content is not None
    assert "Paris" in choice.message.content
    assert completion.usage is not None
    assert 0 < completion.usage.completion_tokens <= 24
    assert completion.usage.total_tokens > completion.usage.completion_tokens
    assert completion.model == ALIAS
    assert completion.model_extra is not None
    proof = completion.model_extra["aitbc"]
    assert proof["model"] == "smollm2-135m"
    assert site.settled_payment(proof["job_id"])["status"] == "released"
    receipt = site.client.get_receipt(proof["job_id"])
    assert receipt["receipt_id"] == proof["receipt_id"]
    assert receipt["units"] == completion.usage.completion_tokens


def test_an_answer_comes_while_the_model_makes_it(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model=ALIAS,
        messages=[{"role": "user", "content": "Tell me a long story about a lighthouse."}],
        temperature=0,
        max_tokens=96,
        seed=1,
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    pieces = [
        c.choices[0].delta.content for c in chunks if c.choices and c.choices[0].delta.content
    ]
    # The miner sends four times a second at most; the model takes longer than that.
    assert len(pieces) > 1
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == 96
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "length"
    whole = client.chat.completions.create(
        model=ALIAS,
        messages=[{"role": "user", "content": "Tell me a long story about a lighthouse."}],
        temperature=0,
        max_tokens=96,
        seed=1,
    )
    assert "".join(pieces) == whole.choices[0].message.content


def test_events_of_a_job_bring_its_text(site: Site) -> None:
    job_id = site.ask("Count from one to twenty.", max_tokens=48)
    events: list[tuple[str, dict[str, object]]] = []
    with httpx.stream("GET", f"{site.url}/v1/jobs/{job_id}/events", timeout=60) as response:
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                events.append((name, json.loads(line.removeprefix("data: "))))
    states = [data["state"] for name, data in events if name == "state"]
    text = "".join(str(data["text"]) for name, data in events if name == "text")
    assert states[-2:] == ["RUNNING", "COMPLETED"]
    assert text == site.client.get_job_result(job_id)["result"]["output"]


def test_a_prompt_above_the_context_is_a_bad_request(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="context") as refused:
        client.chat.completions.create(
            model=ALIAS, messages=[{"role": "user", "content": "word " * 6_000}]
        )
    assert refused.value.code == "bad_input"


def test_the_model_is_listed_with_its_alias(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {ALIAS, "smollm2-135m"} <= set(names)


def test_a_reader_that_goes_away_stops_the_model(
    client: openai.OpenAI, site: Site, steady: MinerProcess
) -> None:
    stream = client.chat.completions.create(
        model=ALIAS,
        messages=[{"role": "user", "content": "Tell me an endless story."}],
        max_tokens=1_000,
        stream=True,
    )
    said = next(chunk for chunk in stream if chunk.choices[0].delta.content)
    stream.close()
    job_id = f"job_{said.id.removeprefix('chatcmpl-')}"
    payment = site.settled_payment(job_id)
    assert site.client.get_job(job_id)["state"] == "CANCELLED"
    assert payment["status"] == "refunded"
    steady.wait_for("stopped: the attempt is over at the coordinator", job_id=job_id)
