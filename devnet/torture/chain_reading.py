"""A node's chain as an outsider reads it: bytes over HTTP, decoded and hashed with own code.

Nothing here calls the ledger: what it decodes and computes is what the checks compare it with.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from typing import Any

import httpx
import msgpack

READS_AT_ONCE = 8
"""Requests under way to one node."""


class ChainUnreadable(Exception):
    """A node's answer is not a block of a chain; says which and why."""


@dataclass(frozen=True, slots=True)
class ReadTransaction:
    """A transaction of a block."""

    transaction_id: str
    """Its id, computed here, as the API writes it."""
    sender: bytes
    """Address, computed here from the key."""
    action: list[Any]
    """Number of the action, then its fields."""
    fee: int
    """Nait."""


@dataclass(frozen=True, slots=True)
class ReadBlock:
    """A block, as far as the checks look at it."""

    height: int
    epoch: int
    view: int
    block_id: str
    """Computed here from the header's bytes."""
    parent_id: str
    timestamp_ms: int
    proposer: bytes
    state_root: str
    transactions: tuple[ReadTransaction, ...]


def tag_of(genesis_digest: str, purpose: str) -> bytes:
    """Return the digest that is put before what is hashed for a purpose (T4)."""
    return hashlib.sha256(f"aitbc/1/{purpose}/{genesis_digest}".encode()).digest()


def address_of(public_key: bytes) -> bytes:
    """Return the address of a key."""
    return hashlib.sha256(public_key).digest()[:20]


def decode_block(raw: bytes, genesis_digest: str) -> ReadBlock:
    """Return the block that canonical bytes hold.

    Raises:
        ChainUnreadable: they hold none.
    """
    try:
        block = msgpack.unpackb(raw, strict_map_key=False)
        header, transactions = block
        read = ReadBlock(
            height=header[4],
            epoch=header[2],
            view=header[3],
            block_id=_digest(genesis_digest, "header", header).hex(),
            parent_id=header[5].hex(),
            timestamp_ms=header[7],
            proposer=header[8],
            state_root=header[13].hex(),
            transactions=tuple(
                ReadTransaction(
                    "tx_" + _digest(genesis_digest, "tx", unsigned).hex(),
                    address_of(unsigned[2]),
                    unsigned[3],
                    unsigned[4],
                )
                for unsigned, _signature in transactions
            ),
        )
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        raise ChainUnreadable(f"these bytes are no block: {error}: {raw[:64].hex()}…") from None
    if msgpack.packb(block) != raw:
        raise ChainUnreadable(f"block {read.height} is not in its canonical form")
    return read


class ChainReader:
    """Reads one node's chain, and remembers what it has read."""

    def __init__(self, name: str, client: httpx.AsyncClient, genesis_digest: str) -> None:
        """Read from the node that `client` is of."""
        self.name = name
        self.blocks: list[ReadBlock] = []
        """What was read, from height 0 on."""
        self._client = client
        self._genesis_digest = genesis_digest

    def forget(self) -> None:
        """Read everything again: the node is not the process any more that was read."""
        self.blocks.clear()

    async def read(self, up_to: int) -> None:
        """Read all blocks up to a height that were not read yet.

        Raises:
            ChainUnreadable: an answer is no block.
            httpx.HTTPError: the node did not answer, or lacks a block.
        """
        first = len(self.blocks)
        for start in range(first, up_to + 1, READS_AT_ONCE):
            heights = range(start, min(start + READS_AT_ONCE, up_to + 1))
            self.blocks += await asyncio.gather(*map(self.block, heights))

    async def block(self, height: int) -> ReadBlock:
        """Return a final block as the node has it now."""
        answer = await self._client.get(f"/v1/chain/blocks/{height}/bytes")
        return decode_block(answer.raise_for_status().content, self._genesis_digest)

    async def balance(self, address: str) -> int:
        """Return the final balance of an account in nait."""
        answer = await self._client.get(f"/v1/chain/accounts/{address}")
        return int(answer.raise_for_status().json()["balance_nait"])


def _digest(genesis_digest: str, purpose: str, value: list[Any]) -> bytes:
    return hashlib.sha256(tag_of(genesis_digest, purpose) + msgpack.packb(value)).digest()
