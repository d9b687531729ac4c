"""Blocks of transfers from bytes to a durable commit: step by step, and overlapped."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

from bench.chain import BenchChain, address_of_number
from ledger import apply_block
from ledger.actions import Transfer
from ledger.block import CODEC, Block
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.store import ChainStore
from ledger.transaction import (
    IdentifiedTransaction,
    SignedTransaction,
    identify,
    verify_signature,
)
from node.signatures import SignatureVerifier, claim_of

STEPS: Final = ("decode", "identify", "verify", "apply and state root", "durable commit")
"""What is timed of each block, in order."""

AHEAD: Final = 3
"""Blocks whose signatures are verified while one is applied."""


def store_for(chain: BenchChain, path: Path) -> tuple[str, ChainStore]:
    """Return the URL of a new store and the store, with the chain's genesis."""
    url = f"sqlite:///{path}"
    store = ChainStore.open(url)
    records = {key: encode(record) for key, record in chain.records.items()}
    store.initialise(chain.tags, Block(chain.view.header, ()), records)
    return url, store


def blocks_of_transfers(accounts: int, blocks: int, transfers: int) -> list[bytes]:
    """Return blocks that follow each other, as bytes; signing and building are not measured."""
    chain = BenchChain(accounts)
    made = []
    for number in range(blocks):
        built = chain.build(_body(chain, number, transfers, accounts))
        made.append(encode(built.block))
        chain.extend(built.result.view)
    return made


def step_times(chain: BenchChain, store: ChainStore, data: bytes) -> tuple[list[float], int]:
    """Carry a block from its bytes to a durable commit, one step after the other.

    Returns:
        Microseconds a transfer of each step, and how many transfers it has.
    """
    started = time.perf_counter()
    block = CODEC.decode(data)
    decoded = time.perf_counter()
    body = _identified(chain.tags, block)
    identified = time.perf_counter()
    for signed in body:
        verify_signature(chain.tags, signed.transaction_id, signed.content)
    verified = time.perf_counter()
    result = apply_block(chain.view, block, verified=lambda _: True, body=body)
    applied = time.perf_counter()
    store.commit(result.view.block_id, block, b"", result.outcomes, result.delta)
    committed = time.perf_counter()
    chain.extend(result.view)
    count = len(block.transactions)
    times = (started, decoded, identified, verified, applied, committed)
    return [(end - begin) / count * 1e6 for begin, end in pairwise(times)], count


def overlapped_rates(
    chain: BenchChain, store: ChainStore, blocks: Sequence[bytes], workers: int
) -> list[float]:
    """Carry blocks through all steps with signatures verified beside, as a node does.

    Returns:
        Transfers a second of each block, from the commit before to its own.
    """
    return asyncio.run(_overlapped(chain, store, blocks, workers))


@dataclass(frozen=True, slots=True)
class _Begun:
    """A block whose signatures are being verified."""

    block: Block
    body: tuple[IdentifiedTransaction, ...]
    verdicts: asyncio.Task[list[bool]]


async def _overlapped(
    chain: BenchChain, store: ChainStore, blocks: Sequence[bytes], workers: int
) -> list[float]:
    verifier = SignatureVerifier(chain.tags, workers)
    await verifier.start()
    try:
        await _warm_up(verifier, chain.tags, blocks[0])
        waiting: deque[_Begun] = deque()
        left, rates = deque(blocks), []
        since = time.perf_counter()
        while left or waiting:
            while left and len(waiting) < AHEAD:
                waiting.append(_begin(verifier, chain.tags, left.popleft()))
                # The records have to reach the worker before this thread is busy.
                await asyncio.sleep(0)
            begun = waiting.popleft()
            assert all(await begun.verdicts), "the benchmark signs well"
            # In a thread, so that the loop keeps feeding the workers.
            await asyncio.to_thread(_apply, chain, store, begun)
            now = time.perf_counter()
            rates.append(len(begun.body) / (now - since))
            since = now
    finally:
        await verifier.stop()
    # The first block waits for its signatures; nothing overlaps with them.
    return rates[1:] or rates


async def _warm_up(verifier: SignatureVerifier, tags: Tags, data: bytes) -> None:
    body = _identified(tags, CODEC.decode(data))
    for _ in range(2):
        await verifier.verify([claim_of(signed) for signed in body[:100]])


def _begin(verifier: SignatureVerifier, tags: Tags, data: bytes) -> _Begun:
    block = CODEC.decode(data)
    body = _identified(tags, block)
    claims = [claim_of(signed) for signed in body]
    return _Begun(block, body, asyncio.create_task(verifier.verify(claims)))


def _apply(chain: BenchChain, store: ChainStore, begun: _Begun) -> None:
    result = apply_block(chain.view, begun.block, verified=lambda _: True, body=begun.body)
    store.commit(result.view.block_id, begun.block, b"", result.outcomes, result.delta)
    chain.extend(result.view)


def _identified(tags: Tags, block: Block) -> tuple[IdentifiedTransaction, ...]:
    return tuple(identify(tags, signed) for signed in block.transactions)


def _body(
    chain: BenchChain, block_number: int, count: int, accounts: int
) -> list[SignedTransaction]:
    """Return signed transfers from the known senders to accounts all over the state."""
    receivers = max(1, accounts - len(chain.senders))
    return [
        chain.sign(
            chain.senders[number % len(chain.senders)],
            Transfer(address_of_number((block_number * count + number) * 7_919 % receivers), 1),
        )
        for number in range(count)
    ]
