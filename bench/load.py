"""Requests in flight: how fast they are answered, and what follows for rates and latencies."""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import httpx
import msgpack
import msgspec

from devnet.network.node import PLAIN_HTTP

BATCH: Final = 500
"""Transactions in one request."""

CONNECTIONS: Final = 8
"""Requests in flight; each waits until its batch is final."""

WINDOW: Final = 10_000
"""Transactions between two readings of a rate."""

REQUEST_TIMEOUT_S: Final = 120.0
"""Limit of one answer."""


def plain_client() -> httpx.Client:
    """Return a client for plain HTTP, on a connection that it keeps."""
    return httpx.Client(timeout=REQUEST_TIMEOUT_S, verify=PLAIN_HTTP)


@dataclass(frozen=True, slots=True)
class Delivered:
    """A request that was answered: what it held is final."""

    at_s: float
    """When the answer was there, seconds since the load began."""
    count: int
    """Transactions of it."""


class _Item(msgspec.Struct):
    status: str


class _Answer(msgspec.Struct):
    transactions: list[_Item]


_answers: Final = msgspec.json.Decoder(_Answer)


def post_final(client: httpx.Client, url: str, batch: Sequence[bytes]) -> int:
    """Send transactions to a node; return how many, when all of them are final there.

    Raises:
        RuntimeError: one of them is not.
    """
    answer = client.post(
        f"{url}/v1/chain/transactions?wait=final",
        content=msgpack.packb(list(batch)),
        headers={"Content-Type": "application/msgpack"},
    )
    answer.raise_for_status()
    statuses = {item.status for item in _answers.decode(answer.content).transactions}
    if statuses != {"final"}:
        raise RuntimeError(f"{url} answered {statuses} where all should be final")
    return len(batch)


def deliver(
    requests: int, connections: int, send: Callable[[httpx.Client, int], int]
) -> list[Delivered]:
    """Keep requests in flight until all are answered.

    Args:
        requests: how many.
        connections: how many are in flight, each on a connection of its own: request N goes over
            connection N modulo `connections`, in order.
        send: sends the request with a number, waits for its answer, and returns its transactions.

    Returns:
        The answers in the order in which they came.
    """
    delivered: list[Delivered] = []
    clients = [plain_client() for _ in range(connections)]
    began = time.perf_counter()

    def work(connection: int) -> None:
        for number in range(connection, requests, connections):
            count = send(clients[connection], number)
            # Appending is one step of the interpreter.
            delivered.append(Delivered(time.perf_counter() - began, count))

    try:
        with ThreadPoolExecutor(connections) as pool:
            list(pool.map(work, range(connections)))
    finally:
        for client in clients:
            client.close()
    return sorted(delivered, key=lambda each: each.at_s)


def window_rates(delivered: Sequence[Delivered], window: int) -> list[float]:
    """Return the rate in each full window of transactions, in order.

    Args:
        delivered: answers in the order in which they came.
        window: transactions after which a window ends, with the answer that reaches it.
    """
    rates = []
    count, since_s = 0, 0.0
    for each in delivered:
        count += each.count
        if count >= window:
            rates.append(count / (each.at_s - since_s))
            count, since_s = 0, each.at_s
    return rates


def light_load(
    client: httpx.Client, urls: Sequence[str], transfers: Sequence[bytes]
) -> list[float]:
    """Have one transfer in flight, at one node after the other; return the milliseconds of each."""
    took = []
    for number, signed in enumerate(transfers):
        began = time.perf_counter()
        post_final(client, urls[number % len(urls)], [signed])
        took.append((time.perf_counter() - began) * 1e3)
    return took
