"""Chat completions through the `openai` package, against a coordinator with a miner."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import openai
import pytest
from openai.types.chat import ChatCompletionChunk, ChatCompletionMessageParam

from tests.api.listening import PATIENCE_S, eventually
from tests.api.site import MINER, Site

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = "llama3.2"
ALIAS = "gpt-like"
HELLO: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hello?"}]

Work = Callable[[str], Awaitable[None]]


@pytest.fixture
def site(site_of_module: Site) -> Site:
    """Return the module's site: what its tests leave behind, none of them minds."""
    return site_of_module


@asynccontextmanager
async def client_of(site: Site, **options: Any) -> AsyncIterator[openai.AsyncOpenAI]:
    await site.register(aliases={ALIAS: MODEL})
    options = {"api_key": "your-api-key", "max_retries": 0, **options}
    async with openai.AsyncOpenAI(base_url=f"{site.url}/v1", **options) as client:
        yield client


async def next_job(site: Site) -> str:
    """Wait for a job as a miner does, and claim it."""
    polled = await site.http.post(
        "/v1/miners/poll", json={"miner_id": MINER, "wait_s": 20}, timeout=30
    )
    job_id: str = polled.json()["job"]["job_id"]
    assert (await site.claim(job_id)).status_code == 200
    return job_id


async def say(site: Site, job_id: str, text: str, *, offset: int = 0, attempt: int = 1) -> None:
    body = {"miner_id": MINER, "attempt": attempt, "offset": offset, "text": text}
    response = await site.http.post(f"/v1/jobs/{job_id}/progress", json=body)
    assert response.status_code == 200, response.text


def text_of(chunks: list[ChatCompletionChunk]) -> str:
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


async def test_a_chat_is_answered(site: Site) -> None:
    async with client_of(site) as client:
        completion, job_id = await asyncio.gather(
            client.chat.completions.create(model=MODEL, messages=HELLO, max_tokens=16, seed=7),
            site.serve_next_job("Hello to you."),
        )
    (choice,) = completion.choices
    assert (choice.message.role, choice.message.content) == ("assistant", "Hello to you.")
    assert (choice.finish_reason, completion.model) == ("stop", MODEL)
    assert completion.object == "chat.completion"
    assert completion.id == f"chatcmpl-{job_id.removeprefix('job_')}"
    job = (await site.http.get(f"/v1/jobs/{job_id}")).json()
    assert (job["state"], job["job_id"]) == ("COMPLETED", job_id)
    proof = completion.model_extra["aitbc"]  # type: ignore[index]
    assert proof["job_id"] == job_id
    assert proof["miner_id"] == MINER
    assert (await site.http.get(f"/v1/receipts/{proof['receipt_id']}")).status_code == 200


async def test_what_is_asked_reaches_the_miner(site: Site) -> None:
    chat: list[ChatCompletionMessageParam] = [
        {"role": "developer", "content": "Be brief."},
        {
            "role": "user",
            "content": [{"type": "text", "text": "One "}, {"type": "text", "text": "two"}],
        },
        {"role": "assistant", "content": "Three."},
        {"role": "user", "content": "And?"},
    ]
    async with client_of(site) as client:
        asking = asyncio.create_task(
            client.chat.completions.create(
                model=ALIAS,
                messages=chat,
                max_completion_tokens=5,
                temperature=0,
                top_p=0.5,
                seed=-1,
                stop="END",
                user="me",
                n=1,
                frequency_penalty=0.0,
                response_format={"type": "text"},
                extra_body={"max_price": "0.05", "ttl_seconds": 60},
            )
        )
        offered = await site.http.post(
            "/v1/miners/poll", json={"miner_id": MINER, "wait_s": 20}, timeout=30
        )
        job_id = offered.json()["job"]["job_id"]
        lease = (await site.claim(job_id)).json()
        await site.complete(job_id, "Four.")
        answer = await asking
    assert lease["input"]["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "One two"},
        {"role": "assistant", "content": "Three."},
        {"role": "user", "content": "And?"},
    ]
    assert lease["input"]["prompt"].splitlines()[0] == "system: Be brief."
    assert lease["params"] == {
        "max_tokens": 5,
        "temperature": 0,
        "top_p": 0.5,
        "seed": 2**31 - 1,
        "stop": ["END"],
    }
    assert offered.json()["job"]["max_price"] == "0.05"
    assert answer.model == ALIAS
    assert answer.model_extra["aitbc"]["model"] == MODEL  # type: ignore[index]


async def test_a_chat_is_streamed_as_its_miner_says_it(site: Site) -> None:
    async with client_of(site) as client, asyncio.timeout(PATIENCE_S):
        stream = await client.chat.completions.create(
            model=MODEL, messages=HELLO, stream=True, stream_options={"include_usage": True}
        )
        job_id = await next_job(site)
        chunks = [await anext(stream)]
        offset = 0
        for piece in ("Once ", "upon ", "a time"):
            await say(site, job_id, piece, offset=offset)
            offset += len(piece)
            chunks.append(await anext(stream))
        assert text_of(chunks) == "Once upon a time"
        await site.complete(job_id, "Once upon a time, the end.")
        chunks += [chunk async for chunk in stream]
    assert text_of(chunks) == "Once upon a time, the end."
    assert chunks[0].choices[0].delta.role == "assistant"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert {chunk.id for chunk in chunks} == {f"chatcmpl-{job_id.removeprefix('job_')}"}


async def test_another_attempt_goes_on_where_the_first_was(site: Site) -> None:
    async with client_of(site) as client, asyncio.timeout(PATIENCE_S):
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        job_id = await next_job(site)
        chunks = [await anext(stream)]
        await say(site, job_id, "The same ")
        chunks.append(await anext(stream))
        await attempt_again(site, job_id)
        await say(site, job_id, "The same text again", attempt=2)
        chunks.append(await anext(stream))
        assert text_of(chunks) == "The same text again"
        await site.complete(job_id, "The same text again")
        chunks += [chunk async for chunk in stream]
    assert text_of(chunks) == "The same text again"


async def test_a_stream_whose_answer_became_another_ends_with_an_error(site: Site) -> None:
    async with client_of(site) as client, asyncio.timeout(PATIENCE_S):
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        job_id = await next_job(site)
        await say(site, job_id, "It is yes")
        await anext(stream)
        await anext(stream)
        await attempt_again(site, job_id)
        await say(site, job_id, "It is no", attempt=2)
        await site.complete(job_id, "It is no")
        with pytest.raises(openai.APIError, match="TEXT_DIVERGED"):
            [chunk async for chunk in stream]
    result = (await site.http.get(f"/v1/jobs/{job_id}/result")).json()
    assert result["result"]["output"] == "It is no"


async def attempt_again(site: Site, job_id: str) -> None:
    released = await site.http.post(
        f"/v1/jobs/{job_id}/release", json={"miner_id": MINER, "reason": "RUNNER_FAILED"}
    )
    assert released.status_code == 200, released.text
    site.world.clock.advance(11)
    site.world.chain.make_block()
    assert (await site.claim(job_id)).status_code == 200


async def test_a_reader_that_goes_away_cancels_the_job(site: Site) -> None:
    async with client_of(site) as client, asyncio.timeout(PATIENCE_S):
        stream = await client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
        job_id = await next_job(site)
        await say(site, job_id, "Nobody will ")
        await anext(stream)
        await anext(stream)
        await stream.close()
        waited = await site.http.get(f"/v1/jobs/{job_id}?wait=30", timeout=40)
    assert (waited.json()["state"], waited.json()["error"]) == ("CANCELLED", "Cancelled by user")
    places = site.world.services.events.places
    await eventually(lambda: not places.open)


async def test_input_that_nobody_can_answer_is_a_bad_request(site: Site) -> None:
    async with client_of(site) as client:
        asking = asyncio.create_task(client.chat.completions.create(model=MODEL, messages=HELLO))
        job_id = await next_job(site)
        body = {"miner_id": MINER, "reason": "BAD_INPUT", "message": "prompt: is too long"}
        await site.http.post(f"/v1/jobs/{job_id}/fail", json=body)
        with pytest.raises(openai.BadRequestError, match="prompt: is too long") as refused:
            await asking
    assert refused.value.code == "bad_input"
    assert refused.value.response.headers["x-should-retry"] == "false"


async def test_a_job_that_expires_is_not_begun_again(site: Site) -> None:
    async with client_of(site, max_retries=2) as client:
        asking = asyncio.create_task(
            client.chat.completions.create(
                model=MODEL, messages=HELLO, extra_body={"ttl_seconds": 5}
            )
        )
        hub = site.world.services.events.hub
        await eventually(lambda: hub.consumers > 0)
        await site.world.pass_time(10)
        with pytest.raises(openai.InternalServerError, match="EXPIRED") as failed:
            await asking
    assert failed.value.status_code == 503


# ------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"n": 2}, "n", "unsupported_parameter"),
        ({"frequency_penalty": 1}, "frequency_penalty", "unsupported_parameter"),
        ({"tools": [{"type": "function"}]}, "tools", "unsupported_parameter"),
        ({"logprobs": True}, "logprobs", "unsupported_parameter"),
        ({"top_logprobs": 3}, "top_logprobs", "unsupported_parameter"),
        ({"response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
        ({"reasoning_effort": "high"}, "reasoning_effort", "unsupported_parameter"),
        ({"store": True}, "store", "unsupported_parameter"),
        ({"temperature": 3}, "temperature", "validation_error"),
        ({"top_p": "x"}, "top_p", "validation_error"),
        ({"max_tokens": 0}, "max_tokens", "validation_error"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens", "validation_error"),
        ({"stop": [""]}, "stop.0", "validation_error"),
        ({"stop": ["a"] * 5}, "stop", "validation_error"),
        ({"messages": []}, "messages", "validation_error"),
        ({"messages": [{"role": "tool", "content": ""}]}, "messages.0.role", "validation_error"),
        ({"max_price": "free"}, "max_price", "validation_error"),
        ({"model": ""}, "model", "validation_error"),
        ({"surprise": 1}, "surprise", "validation_error"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "text": ""}]}]},
            "messages.0.content.0.type",
            "validation_error",
        ),
    ],
)
async def test_what_cannot_be_done_is_refused_by_name(
    site: Site, change: dict[str, Any], param: str, code: str
) -> None:
    body = {"model": MODEL, "messages": HELLO} | change
    response = await site.http.post("/v1/chat/completions", json=body)
    error = response.json()["error"]
    assert (response.status_code, error["param"], error["code"]) == (400, param, code)
    assert error["type"] == "invalid_request_error"
    assert set(response.json()) == {"error"}


async def test_null_is_as_good_as_nothing(site: Site) -> None:
    names = ("n", "tools", "stop", "seed", "top_p", "audio", "logit_bias", "stream", "max_price")
    body = {"model": MODEL, "messages": HELLO, **dict.fromkeys(names)}
    await site.register()
    answered, _ = await asyncio.gather(
        site.http.post("/v1/chat/completions", json=body), site.serve_next_job("Yes.")
    )
    assert answered.status_code == 200, answered.text


async def test_a_model_that_nobody_runs_is_not_found(site: Site) -> None:
    async with client_of(site) as client:
        with pytest.raises(openai.NotFoundError) as refused:
            await client.chat.completions.create(model="gpt-99", messages=HELLO)
        assert refused.value.code == "model_not_found"
        with pytest.raises(openai.NotFoundError):
            await client.models.retrieve("gpt-99")


async def test_models_and_aliases_are_listed(site: Site) -> None:
    async with client_of(site) as client:
        models = {model.id: model async for model in client.models.list()}
        assert {MODEL, "codellama", ALIAS} <= set(models)
        one = await client.models.retrieve(ALIAS)
    assert (one.id, one.object, one.owned_by) == (ALIAS, "model", "aitbc")
    assert one.model_extra is not None
    assert one.model_extra["alias_of"] == MODEL
    assert one == models[ALIAS]


async def test_a_name_with_slashes_is_a_name(site: Site) -> None:
    await site.register(miner_id="slashed", capabilities=["org/model-1.5:q4"])
    async with client_of(site) as client:
        assert (await client.models.retrieve("org/model-1.5:q4")).id == "org/model-1.5:q4"
