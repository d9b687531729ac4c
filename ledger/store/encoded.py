"""Final blocks as canonical bytes, for peers: nothing is decoded but headers."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, select

from ledger.block import HEADER_CODEC, ZERO_HASH
from ledger.store.chain_tables import BLOCKS
from ledger.store.columns import id_prefix
from ledger.types import Hash, Height

_ARRAY_OF_TWO: Final = b"\x92"
"""A block is the array of its header and its body."""

_ONE_BY_ONE: Final = {"yield_per": 1}

_COLUMNS: Final = select(BLOCKS.c.header, BLOCKS.c.certificate, BLOCKS.c.body)

_HEADERS: Final = select(BLOCKS.c.height, BLOCKS.c.header, BLOCKS.c.certificate)


@dataclass(frozen=True, slots=True)
class EncodedBlock:
    """A durable block as its peers take it."""

    data: bytes
    """Canonical bytes of the block."""
    certificate: bytes
    """Its finality certificate; empty where a later block's covers it."""
    ends_epoch: bool
    """Whether it is the last block of its epoch."""


@dataclass(frozen=True, slots=True)
class EncodedProof:
    """What proves final blocks that have no certificate of their own."""

    headers: tuple[bytes, ...]
    """Canonical bytes of headers; children follow parents."""
    certificate: bytes
    """Finality certificate of the last of them."""


def encoded_blocks(
    connection: Connection, after_height: Height, blocks_max: int, bytes_max: int
) -> list[EncodedBlock]:
    """Return blocks above a height, in order; the first whatever its size, more while they fit.

    Args:
        connection: to read with.
        after_height: height below the first.
        blocks_max: most blocks.
        bytes_max: most bytes of blocks.
    """
    found: list[EncodedBlock] = []
    size = 0
    query = _COLUMNS.where(BLOCKS.c.height > after_height).order_by(BLOCKS.c.height)
    with connection.execute(query.limit(blocks_max), execution_options=_ONE_BY_ONE) as rows:
        for row in rows:
            data = _ARRAY_OF_TWO + row.header + row.body
            size += len(data)
            if found and size > bytes_max:
                break
            header = HEADER_CODEC.decode_trusted(row.header)
            if header.height != after_height + 1 + len(found):
                break  # What lies between is not stored whole.
            ends_epoch = header.next_validator_set_hash != ZERO_HASH
            found.append(EncodedBlock(data, row.certificate, ends_epoch))
    return found


def encoded_proof(
    connection: Connection, after_height: Height, headers_max: int
) -> EncodedProof | None:
    """Return the headers above a height up to the first that has a certificate.

    Args:
        connection: to read with.
        after_height: height below the first.
        headers_max: most headers.

    Returns:
        None if none of so many has one, or what lies between is not stored whole.
    """
    headers: list[bytes] = []
    query = _HEADERS.where(BLOCKS.c.height > after_height).order_by(BLOCKS.c.height)
    with connection.execute(query.limit(headers_max), execution_options=_ONE_BY_ONE) as rows:
        for row in rows:
            if row.height != after_height + 1 + len(headers):
                break
            headers.append(row.header)
            if row.certificate:
                return EncodedProof(tuple(headers), row.certificate)
    return None


def encoded_headers(connection: Connection, first: Height, last: Height) -> tuple[bytes, ...]:
    """Return the canonical bytes of the headers of blocks that are stored whole, in order."""
    query = select(BLOCKS.c.header).where(BLOCKS.c.height.between(first, last))
    return tuple(connection.execute(query.order_by(BLOCKS.c.height)).scalars())


def next_certified(connection: Connection, after_height: Height) -> Height | None:
    """Return the lowest height above one whose block has a certificate; None if none has."""
    height = BLOCKS.c.height
    found = select(height).where(height > after_height, BLOCKS.c.certificate != b"")
    return connection.execute(found.order_by(height).limit(1)).scalar_one_or_none()


def encoded_block(connection: Connection, block_id: Hash) -> bytes | None:
    """Return the canonical bytes of the block of an id, None if it is not stored whole."""
    prefix = BLOCKS.c.id_prefix == id_prefix(block_id)
    row = connection.execute(_COLUMNS.where(prefix & (BLOCKS.c.block_id == block_id))).first()
    return None if row is None else _ARRAY_OF_TWO + row.header + row.body
