"""A state in parts: every record in the range of its key digest, in order, whatever the size."""

import random

import pytest

from ledger import state_chunks
from ledger.bucket_tree import BucketTree
from ledger.hashing import sha256
from ledger.state_chunks import check_chunk_digests, chunk_digest, split_state

BUCKETS = 256


@pytest.mark.parametrize("wanted", [1_048_576, 4_096, 64])
def test_chunks_hold_all_records_ascending_by_key_digest_and_fold_to_the_root(
    monkeypatch: pytest.MonkeyPatch, wanted: int
) -> None:
    monkeypatch.setattr(state_chunks, "CHUNK_BYTES_WANTED", wanted)
    chance = random.Random(1)
    records = {chance.randbytes(21): chance.randbytes(9) for _ in range(2_000)}
    chunks = list(split_state(records, BUCKETS))
    entries = [entry for chunk in chunks for entry in chunk.entries]
    assert entries == sorted(records.items(), key=lambda entry: sha256(entry[0]))
    digests = [chunk_digest(chunk, len(chunks), BUCKETS) for chunk in chunks]
    check_chunk_digests(digests, BucketTree.build(records.items(), BUCKETS).root, BUCKETS)
    assert len(chunks) == {1_048_576: 1, 4_096: 16, 64: 256}[wanted]


def test_an_empty_state_is_one_empty_chunk() -> None:
    (chunk,) = split_state({}, BUCKETS)
    assert chunk.entries == ()
