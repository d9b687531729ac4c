"""From the bytes that somebody sent to what the pool judges: many at once, each for itself."""

from collections.abc import Sequence
from contextlib import suppress

from ledger.admission import decode_transaction
from ledger.errors import CodecError
from ledger.hashing import Tags, sha256_each
from ledger.transaction import SignedTransaction
from ledger.types import Hash
from node.pool_index import PooledTransaction, pooled

Read = PooledTransaction | Exception
"""A transaction of which nothing is checked yet, or why the bytes are none."""


def read_entries(
    tags: Tags, signed: Sequence[bytes], digests: Sequence[Hash] | None, source: str
) -> list[Read]:
    """Return what each of these hostile bytes is.

    Args:
        tags: of the chain.
        signed: the bytes.
        digests: SHA-256 of each, if the caller has them.
        source: who sent them.
    """
    known = sha256_each(signed) if digests is None else digests
    decoded = [_decode(data) for data in signed]
    contents = [each for each in decoded if isinstance(each, SignedTransaction)]
    if len(contents) == len(decoded):
        with suppress(Exception):  # Alone, each shows whether it is the one.
            return list(pooled(tags, contents, signed, known, source))
    return [
        _read_alone(tags, each, data, digest, source)
        for each, data, digest in zip(decoded, signed, known, strict=True)
    ]


def _decode(data: bytes) -> SignedTransaction | Exception:
    try:
        return decode_transaction(data)
    except CodecError as error:
        return error


def _read_alone(
    tags: Tags, decoded: SignedTransaction | Exception, data: bytes, digest: Hash, source: str
) -> Read:
    if isinstance(decoded, Exception):
        return decoded
    try:
        return pooled(tags, [decoded], [data], [digest], source)[0]
    except Exception as crash:  # noqa: BLE001 - a defect of this program, reported by the pool.
        return crash
