"""Blocks as rows: what is encoded into which column, and back."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import Row

from ledger.block import BLOCK_HEAD_BYTES, HEADER_CODEC, Block, Header
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.outcomes import Outcome
from ledger.store.bulk import Value
from ledger.store.columns import id_prefix
from ledger.store.stored import StoredBlock, StoredHead
from ledger.transaction import SignedTransaction, transaction_id, transaction_ids_of_bytes
from ledger.types import Hash, TimestampMs

# These decode what this program wrote, whose roots the header commits to; the formats' own bounds
# were checked when the bytes came in.
_BODY: Final = msgspec.msgpack.Decoder(tuple[SignedTransaction, ...])
_SIGNED: Final = msgspec.msgpack.Decoder(list[msgspec.Raw])
_OUTCOMES: Final = msgspec.msgpack.Decoder(tuple[Outcome, ...])
_DELTA: Final = msgspec.msgpack.Decoder(list[tuple[bytes, bytes | None]])

HEAD_COLUMNS: Final = ("height", "block_id", "header", "certificate")
"""Columns that `head_of` reads."""

BLOCK_COLUMNS: Final = (*HEAD_COLUMNS, "outcomes", "body")
"""Columns that `block_of` reads."""


def block_values(
    block_id: Hash, header: Header, data: bytes, certificate: bytes, outcomes: Sequence[Outcome]
) -> dict[str, Value]:
    """Return the block row.

    Args:
        block_id: id of the header.
        header: the block's.
        data: canonical bytes of the block, which hold those of the header and of the body.
        certificate: the block's own finalization; may be empty.
        outcomes: its outcome records.
    """
    encoded_header = encode(header)
    body_at = BLOCK_HEAD_BYTES + len(encoded_header)
    assert data.startswith(encoded_header, BLOCK_HEAD_BYTES), "the bytes are of another block"
    return {
        "height": header.height,
        "id_prefix": id_prefix(block_id),
        "timestamp_ms": header.timestamp_ms,
        "block_id": block_id,
        "header": encoded_header,
        "certificate": certificate,
        "outcomes": encode(tuple(outcomes)),
        "body": data[body_at:],
    }


def head_of(row: Row[int, bytes, bytes, bytes]) -> StoredHead:
    """Return the head that a row of `HEAD_COLUMNS` holds."""
    height, block_id, header, certificate = row
    return StoredHead(height, block_id, HEADER_CODEC.decode_trusted(header), certificate)


def block_of(row: Row[int, bytes, bytes, bytes, bytes, bytes], tags: Tags) -> StoredBlock:
    """Return the block that a row of `BLOCK_COLUMNS` holds."""
    height, block_id, header, certificate, outcomes, body = row
    signed = tuple(signed_transactions(body))
    return StoredBlock(
        height=height,
        block_id=block_id,
        header=HEADER_CODEC.decode_trusted(header),
        transactions=_BODY.decode(body),
        signed=signed,
        transaction_ids=tuple(transaction_ids_of_bytes(tags, signed)),
        outcomes=_OUTCOMES.decode(outcomes),
        certificate=certificate,
    )


def signed_transactions(body: bytes) -> Iterable[bytes]:
    """Yield the signed bytes of each transaction of a stored body."""
    return map(bytes, _SIGNED.decode(body))


def transaction_ids(tags: Tags, block: Block) -> list[tuple[Hash, TimestampMs]]:
    """Return (id, valid_until_ms) of each transaction of a block that nobody has them of."""
    return [
        (transaction_id(tags, signed.transaction), signed.transaction.valid_until_ms)
        for signed in block.transactions
    ]


def encode_delta(delta: Mapping[bytes, bytes | None]) -> bytes:
    """Return a state delta as bytes, in the order of the mapping.

    A replay does not ask for an order, and to sort thousands of records would hold the interpreter
    for milliseconds at every block.
    """
    return encode(tuple(delta.items()))


def decode_delta(changes: bytes) -> list[tuple[bytes, bytes | None]]:
    """Return the (key, value or None) pairs of a stored delta."""
    return _DELTA.decode(changes)
