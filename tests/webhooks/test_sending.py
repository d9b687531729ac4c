"""One sending: over real sockets, to addresses that were judged, within its bounds."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest

from coordinator.webhooks.sending import RESOLVERS, RESOLVERS_PER_CLIENT, Resolve, Sender
from coordinator.webhooks.urls import Target, parse_url
from tests.webhooks.receiver import Receiver, receiving

CLIENT = "client-a"


def sign() -> dict[str, str]:
    return {"webhook-id": "msg_1"}


def answering(*addresses: str) -> Resolve:
    """Return a name server that gives these addresses for every name."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        del host, port
        return addresses

    return resolve


def named(url: str, name: str = "your-app.com") -> Target:
    """Return the target of a URL whose host is a name."""
    parts = urlsplit(url)
    assert parts.port is not None
    return Target("http", name, parts.port, f"{name}:{parts.port}", parts.path)


@asynccontextmanager
async def sender(resolve: Resolve | None = None, **changes: object) -> AsyncIterator[Sender]:
    made = Sender(**({"with_loopback": True, "resolve": resolve} | changes))  # type: ignore[arg-type]
    yield made
    made.close()


async def test_a_message_arrives_with_its_headers_at_the_address_that_was_judged(
    receiver: Receiver,
) -> None:
    async with sender(answering("127.0.0.1")) as out:
        outcome = await out.post(CLIENT, named(receiver.url), sign, b'{"a": 1}')
    assert (outcome.code, outcome.http_status) == ("OK", 204)
    (received,) = receiver.received
    assert received.body == b'{"a": 1}'
    assert received.headers["host"].startswith("your-app.com:")
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-id"] == "msg_1"
    assert "cookie" not in received.headers


@pytest.mark.parametrize(
    "addresses", [("10.0.0.1",), ("::ffff:127.0.0.1",), ("1.1.1.1", "169.254.169.254")]
)
async def test_a_name_that_resolves_to_anything_inside_is_not_connected_to(
    receiver: Receiver, addresses: tuple[str, ...]
) -> None:
    async with sender(answering(*addresses)) as out:
        assert (await out.post(CLIENT, named(receiver.url), sign, b"{}")).code == "ADDRESS_REFUSED"
    assert receiver.received == []


async def test_without_loopback_this_machine_is_not_sent_to(receiver: Receiver) -> None:
    async with sender(with_loopback=False) as out:
        target = parse_url(receiver.url, with_loopback=True)
        assert (await out.post(CLIENT, target, sign, b"{}")).code == "ADDRESS_REFUSED"
    assert receiver.received == []


async def test_a_name_is_asked_for_once_so_that_it_cannot_change_its_mind(
    receiver: Receiver,
) -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(f"{host}:{port}")
        return ["127.0.0.1"] if len(asked) == 1 else ["10.0.0.1"]

    async with sender(rebinding) as out:
        assert (await out.post(CLIENT, named(receiver.url), sign, b"{}")).is_delivered
    assert len(asked) == 1
    assert len(receiver.received) == 1


async def test_the_next_address_is_tried_where_one_does_not_answer(receiver: Receiver) -> None:
    async with sender(answering("127.0.0.2", "::1", "127.0.0.1")) as out:
        assert (await out.post(CLIENT, named(receiver.url), sign, b"{}")).is_delivered


async def test_no_redirect_is_followed(receiver: Receiver) -> None:
    async with (
        receiving(status=307, headers={"location": receiver.url}) as elsewhere,
        sender(answering("127.0.0.1")) as out,
    ):
        outcome = await out.post(CLIENT, named(elsewhere.url), sign, b"{}")
    assert (outcome.code, outcome.http_status) == ("REDIRECT_REFUSED", 307)
    assert receiver.received == []


@pytest.mark.parametrize("status", [400, 410, 429, 500, 503])
async def test_a_refusal_is_told_with_how_long_to_wait(status: int) -> None:
    async with (
        receiving(status=status, headers={"retry-after": "17"}) as receiver,
        sender(answering("127.0.0.1")) as out,
    ):
        outcome = await out.post(CLIENT, named(receiver.url), sign, b"{}")
    assert (outcome.code, outcome.http_status) == ("HTTP_ERROR", status)
    assert outcome.retry_after_s == 17


async def test_a_receiver_that_does_not_answer_is_left_in_time(receiver: Receiver) -> None:
    receiver.is_open.clear()
    async with sender(answering("127.0.0.1"), seconds_max=0.2) as out:
        assert (await out.post(CLIENT, named(receiver.url), sign, b"{}")).code == "TIMEOUT"


async def test_a_name_server_that_does_not_answer_is_left_in_time(receiver: Receiver) -> None:
    async def never(host: str, port: int) -> Sequence[str]:
        del host, port
        await asyncio.Event().wait()
        return []

    async with sender(never, seconds_max=0.2) as out:
        assert (await out.post(CLIENT, named(receiver.url), sign, b"{}")).code == "TIMEOUT"


@asynccontextmanager
async def speaking(said: bytes) -> AsyncIterator[str]:
    """Serve something that is no HTTP, then ends the connection."""

    async def say(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(say, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"


@pytest.mark.parametrize(
    "said", [b"", b"220 mail.example ESMTP\r\n", b"HTTP/1.1 200 OK\r\nA: " + b"x" * 10**6]
)
async def test_what_speaks_no_http_is_no_receiver(said: bytes) -> None:
    async with speaking(said) as url, sender(answering("127.0.0.1")) as out:
        outcome = await out.post(CLIENT, named(url), sign, b"{}")
    assert outcome.code in {"NOT_HTTP", "CONNECTION_LOST"}


async def test_an_endless_answer_is_not_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n"
    async with speaking(head + b"x" * 10_000) as url, sender(answering("127.0.0.1")) as out:
        assert (await out.post(CLIENT, named(url), sign, b"{}")).is_delivered


async def test_nobody_there_and_no_such_name_are_told_apart(receiver: Receiver) -> None:
    async def unknown(host: str, port: int) -> Sequence[str]:
        raise OSError(f"{host}:{port}")

    async with sender(answering("127.0.0.2")) as out:
        assert (await out.post(CLIENT, named(receiver.url), sign, b"{}")).code == "CONNECT_FAILED"
    for resolve in (unknown, answering()):
        async with sender(resolve) as out:
            assert (
                await out.post(CLIENT, named(receiver.url), sign, b"{}")
            ).code == "NAME_NOT_FOUND"


async def test_the_certificate_has_to_be_the_names(receiver: Receiver) -> None:
    """The receiver speaks no TLS at all, so nothing but a failure of TLS can come of it."""
    target = named(receiver.url)
    over_tls = Target("https", target.host, target.port, target.authority, target.path)
    async with sender(answering("127.0.0.1"), trust=ssl.create_default_context()) as out:
        assert (await out.post(CLIENT, over_tls, sign, b"{}")).code == "TLS_FAILED"
    assert receiver.received == []


class Tarpit:
    """A name server that keeps whoever asks for one name, and answers for others."""

    def __init__(self) -> None:
        self.asked = 0
        self.is_open = asyncio.Event()

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        del port
        if host == "tarpit.com":
            self.asked += 1
            await self.is_open.wait()
        return ["127.0.0.1"]


async def test_names_that_nobody_answers_for_hold_up_their_own_client_alone(
    receiver: Receiver,
) -> None:
    tarpit, slow = Tarpit(), named(receiver.url, "tarpit.com")
    async with sender(tarpit.resolve) as out:
        stuck = [
            asyncio.create_task(out.post(CLIENT, slow, sign, b"{}")) for _ in range(2 * RESOLVERS)
        ]
        assert (await out.post("client-b", named(receiver.url), sign, b"{}")).is_delivered
        assert tarpit.asked == RESOLVERS_PER_CLIENT
        tarpit.is_open.set()
        assert all(outcome.is_delivered for outcome in await asyncio.gather(*stuck))


async def test_the_seconds_of_a_sending_begin_when_its_name_is_asked_for(
    receiver: Receiver,
) -> None:
    tarpit, slow = Tarpit(), named(receiver.url, "tarpit.com")
    async with sender(tarpit.resolve, seconds_max=1.0) as out:
        first = [out.post(CLIENT, slow, sign, b"{}") for _ in range(RESOLVERS_PER_CLIENT)]
        late = asyncio.gather(*first)
        waiting = asyncio.create_task(out.post(CLIENT, slow, sign, b"{}"))
        assert {outcome.code for outcome in await late} == {"TIMEOUT"}
        # They are given up, and still asked for.
        assert (tarpit.asked, waiting.done()) == (RESOLVERS_PER_CLIENT, False)
        tarpit.is_open.set()
        assert (await waiting).is_delivered
