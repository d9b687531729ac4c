"""Who may ask for chats, and what the `openai` package does besides asking."""

import asyncio
import json
import sys
from pathlib import Path

import openai
import pytest

from coordinator.clients import Scope
from coordinator.events.places import Places, StreamLimits
from tests.api.listening import eventually
from tests.api.site import Site

MODEL = "llama3.2"
SCRIPT = Path(__file__).parent / "openai_alone.py"


async def test_errors_have_the_shape_that_the_package_reads(closed_site: Site) -> None:
    async def create(key: str) -> None:
        async with openai.AsyncOpenAI(
            base_url=f"{closed_site.url}/v1", api_key=key, max_retries=0
        ) as client:
            await client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": "Hello?"}]
            )

    with pytest.raises(openai.AuthenticationError) as unknown:
        await create("sk-wrong")
    assert unknown.value.code == "invalid_api_key"
    assert unknown.value.request_id is not None
    with pytest.raises(openai.PermissionDeniedError) as forbidden:
        await create(await closed_site.key(Scope.READ))
    assert forbidden.value.code == "forbidden"
    with pytest.raises(openai.NotFoundError) as missing:
        await create(await closed_site.key())
    assert missing.value.code == "model_not_found"


async def test_the_package_speaks_to_nobody_else(site: Site) -> None:
    await site.register()
    program = await asyncio.create_subprocess_exec(
        sys.executable, str(SCRIPT), f"{site.url}/v1", MODEL, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        await site.serve_next_job("Once.")
        await site.serve_next_job("Twice.")
        out, _ = await program.communicate()
    told = json.loads(out)
    assert told["answers"] == ["Once.", "Twice."]
    assert told["models"] > 0
    port = int(site.url.rpartition(":")[2])
    assert {tuple(address) for address in told["addresses"]} == {("127.0.0.1", port)}


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_a_chat_for_which_there_is_no_place_leaves_no_job(
    site: Site, *, is_streamed: bool
) -> None:
    # The program never changes its settings; a test may.
    places = Places(StreamLimits(per_key=1))
    object.__setattr__(site.world.services.events, "places", places)
    await site.register()
    body = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Hello?"}],
        "stream": is_streamed,
    }
    chats = [
        asyncio.create_task(site.http.post("/v1/chat/completions", json=body)) for _ in range(2)
    ]
    await site.serve_next_job("Hello to you.")
    answers = await asyncio.gather(*chats)
    assert sorted(answer.status_code for answer in answers) == [200, 429]
    answered, refused = sorted(answers, key=lambda answer: answer.status_code)
    assert "Hello to you." in answered.text
    assert refused.json()["error"]["code"] == "too_many_streams"
    assert len((await site.http.get("/v1/jobs")).json()) == 1
    await eventually(lambda: not places.open)
