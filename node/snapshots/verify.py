"""Believing a snapshot: everything is checked against the genesis that this node was given (S9).

The order is that of trust: boundaries lead from the genesis' validators to the set of the head's
epoch; that set made the head final; the head's header commits to the state and to its parent. What
does not follow from the one before is refused, and nothing is stored before all of it was checked.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from consensus.finality import (
    EpochBoundary,
    FinalityInvalid,
    TrustedSet,
    check_final,
    first_difference,
    follow_boundaries,
)
from genesis import Genesis
from ledger.block import ZERO_HASH, Header, block_id
from ledger.codec import encode
from ledger.errors import BlockInvalid, CodecError
from ledger.merkle import merkle_root, transaction_leaf
from ledger.params import HORIZON_MS_MAX
from ledger.records import Table, state_key
from ledger.state_chunks import CHUNK_CODEC, ChunkInvalid, check_chunk_digests, chunk_digest
from ledger.store.adoption import Middle
from ledger.store.stored import EpochEnd
from ledger.store.summaries import LEAF_BYTES, Summary
from ledger.transaction import transaction_id
from ledger.transition import check_block_sanity
from ledger.types import Hash, Height
from node.snapshots.errors import SnapshotForeign, SnapshotInvalid, SnapshotsDiffer
from node.snapshots.format import (
    FORMAT_VERSION,
    MANIFEST_CODEC,
    MANIFEST_NAME,
    RECENT_CODEC,
    Manifest,
    chunk_name,
    recent_name,
)
from node.snapshots.sources import SnapshotSource

Progress = Callable[[str, int, int], None]
"""Told what is being checked, how many of its parts are done, and how many there are."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A final block that the operator knows from elsewhere."""

    height: Height
    """Its height."""
    block_id: Hash
    """Its id."""


def read_manifest(source: SnapshotSource, genesis: Genesis) -> Manifest:
    """Read a manifest and check that the validators made its head final.

    Raises:
        SnapshotUnreadable: it cannot be had.
        SnapshotForeign: of another chain, or of a newer format.
        SnapshotInvalid: it proves nothing.
    """
    try:
        manifest = MANIFEST_CODEC.decode(source.read(MANIFEST_NAME))
        if manifest.version != FORMAT_VERSION:
            raise SnapshotForeign(
                f"{source.name} has format {manifest.version}; this program reads {FORMAT_VERSION}"
            )
        if manifest.genesis_digest != genesis.digest:
            raise SnapshotForeign(
                f"{source.name} is of the chain {manifest.chain_id} with genesis "
                f"{manifest.genesis_digest.hex()}, not of {genesis.chain_id}"
            )
        _check_head(manifest, genesis)
        header = manifest.head.header
        check_chunk_digests(manifest.chunks, header.state_root, genesis.spec.buckets)
    except (CodecError, FinalityInvalid, BlockInvalid, ChunkInvalid) as error:
        raise SnapshotInvalid(f"{source.name}: {error}") from None
    return manifest


def check_agreement(sources: Sequence[tuple[SnapshotSource, Manifest]]) -> None:
    """Check that manifests, each valid for itself, are of one chain.

    Raises:
        SnapshotsDiffer: two of them are not; neither may be believed (S9).
    """
    # Each with each: one that is older than the difference agrees with both sides of it.
    for (first, ours), (second, theirs) in combinations(sources, 2):
        pair = first_difference(ours.boundaries, theirs.boundaries)
        heads = ours.head.header, theirs.head.header
        if pair is None and heads[0].height == heads[1].height and heads[0] != heads[1]:
            raise _difference(first, second, heads[0].height)
        if pair is not None:
            raise _difference(first, second, pair[0].header.height)
        for head, boundaries in ((heads[0], theirs.boundaries), (heads[1], ours.boundaries)):
            if any(_ends_otherwise(head, boundary.header) for boundary in boundaries):
                raise _difference(first, second, head.height)


def _ends_otherwise(head: Header, boundary: Header) -> bool:
    """Return whether a head is another end of its epoch than a boundary is."""
    is_end = head.next_validator_set_hash != ZERO_HASH
    return is_end and head.epoch == boundary.epoch and head != boundary


def verify_snapshot(
    source: SnapshotSource,
    manifest: Manifest,
    genesis: Genesis,
    *,
    checkpoint: Checkpoint | None = None,
    progress: Progress = lambda _what, _done, _of: None,
) -> Middle:
    """Read and check everything that a manifest names; return what a store can start with.

    Args:
        source: where the parts come from.
        manifest: as `read_manifest` returned it for this source.
        genesis: of the chain.
        checkpoint: must be among the blocks that the snapshot holds headers of.
        progress: told of each part.

    Raises:
        SnapshotUnreadable: a part cannot be had.
        SnapshotInvalid: a part is not what the head's header commits to, or the checkpoint is
            not in it.
    """
    try:
        summaries = list(_recent(source, manifest, genesis, progress))
        _check_checkpoint(manifest, summaries, genesis, checkpoint)
        records = _records(source, manifest, genesis.spec.buckets, progress)
    except (CodecError, ChunkInvalid) as error:
        raise SnapshotInvalid(f"{source.name}: {error}") from None
    return Middle(
        tags=genesis.tags,
        block_id=block_id(genesis.tags, manifest.head.header),
        block=manifest.head,
        certificate=encode(manifest.certificate),
        outcomes=manifest.outcomes,
        records=records,
        summaries=_by_height([*_fixed(manifest, genesis), *summaries]),
        epoch_ends=_epoch_ends(manifest, genesis, records),
    )


def _check_head(manifest: Manifest, genesis: Genesis) -> None:
    tags, block = genesis.tags, manifest.head
    header = block.header
    check_block_sanity(block)
    trusted = follow_boundaries(tags, genesis.view.validators, manifest.boundaries)
    _check_epoch(manifest.boundaries, trusted, header)
    check_final(tags, trusted.members, header, manifest.certificate)
    leaves = [
        transaction_leaf(
            transaction_id(tags, signed.transaction),
            signed.transaction.valid_until_ms,
            signed.signature,
        )
        for signed in block.transactions
    ]
    if merkle_root(leaves) != header.transaction_root:
        raise FinalityInvalid(header, "its transactions are not those of its header")
    outcomes = [encode(outcome) for outcome in manifest.outcomes]
    if (len(outcomes), merkle_root(outcomes)) != (header.outcome_count, header.outcome_root):
        raise FinalityInvalid(header, "its outcomes are not those of its header")


def _check_epoch(boundaries: Sequence[EpochBoundary], trusted: TrustedSet, header: Header) -> None:
    """The end of the epoch before must be there: it starts the clock and chooses leaders (E3)."""
    if header.epoch != trusted.epoch or header.height <= trusted.height:
        newest = boundaries[-1].header.epoch if boundaries else "none"
        raise FinalityInvalid(header, f"the newest boundary is of epoch {newest}")


def _recent(
    source: SnapshotSource, manifest: Manifest, genesis: Genesis, progress: Progress
) -> Iterator[Summary]:
    """Yield the blocks before the head, each named by the one after it (T1)."""
    header = manifest.head.header
    wanted, height = header.parent_id, header.height - 1
    since_ms = header.timestamp_ms - HORIZON_MS_MAX
    for number in range(manifest.recent_parts):
        part = RECENT_CODEC.decode(source.read(recent_name(number)))
        if part.number != number:
            raise SnapshotInvalid(f"{source.name}: part {part.number} stands in for {number}")
        for block in part.blocks:
            identity = block_id(genesis.tags, block.header)
            if identity != wanted or block.header.height != height:
                raise SnapshotInvalid(
                    f"{source.name}: block {height} is not the parent of the one after it"
                )
            _check_leaves(source, block.header, block.leaves)
            yield Summary(identity, block.header, b"", block.leaves, None)
            header, wanted, height = block.header, block.header.parent_id, height - 1
        progress("recent blocks", number + 1, manifest.recent_parts)
    if height > 0 and header.timestamp_ms >= since_ms:
        raise SnapshotInvalid(
            f"{source.name}: its recent blocks end at block {height + 1}, too early to know "
            "which transactions may not come again"
        )


def _check_leaves(source: SnapshotSource, header: Header, leaves: bytes) -> None:
    parts = [leaves[at : at + LEAF_BYTES] for at in range(0, len(leaves), LEAF_BYTES)]
    if any(len(part) != LEAF_BYTES for part in parts) or (
        merkle_root(parts) != header.transaction_root
    ):
        raise SnapshotInvalid(f"{source.name}: leaves of block {header.height} are not its own")


def _records(
    source: SnapshotSource, manifest: Manifest, buckets: int, progress: Progress
) -> dict[bytes, bytes]:
    records: dict[bytes, bytes] = {}
    count = len(manifest.chunks)
    for number, digest in enumerate(manifest.chunks):
        chunk = CHUNK_CODEC.decode(source.read(chunk_name(number)))
        if chunk.number != number or chunk_digest(chunk, count, buckets) != digest:
            raise SnapshotInvalid(f"{source.name}: chunk {number} is not part of the state")
        records.update(chunk.entries)
        progress("state", number + 1, count)
    return records


def _check_checkpoint(
    manifest: Manifest,
    summaries: Sequence[Summary],
    genesis: Genesis,
    checkpoint: Checkpoint | None,
) -> None:
    if checkpoint is None:
        return
    headers = [manifest.head.header, *(each.header for each in manifest.boundaries)]
    known = {header.height: block_id(genesis.tags, header) for header in headers}
    known |= {summary.header.height: summary.block_id for summary in summaries}
    found = known.get(checkpoint.height)
    if found is None:
        raise SnapshotInvalid(
            f"the snapshot holds no header of height {checkpoint.height}; name its head "
            f"{headers[0].height}, the end of an epoch, or a block of the hour before"
        )
    if found != checkpoint.block_id:
        raise SnapshotsDiffer(
            f"block {checkpoint.height} is {found.hex()} in the snapshot, and the checkpoint says "
            f"{checkpoint.block_id.hex()}: one of the two is of a forged chain"
        )


def _fixed(manifest: Manifest, genesis: Genesis) -> Iterator[Summary]:
    """Yield block 0 and the ends of epochs."""
    yield Summary(genesis.block_id, genesis.view.header, b"", b"", encode(()))
    for boundary in manifest.boundaries:
        identity = block_id(genesis.tags, boundary.header)
        yield Summary(identity, boundary.header, encode(boundary.certificate), None, None)


def _by_height(summaries: Sequence[Summary]) -> list[Summary]:
    """Return one summary a height: the leaves of one and the certificate of another."""
    merged: dict[Height, Summary] = {}
    for summary in summaries:
        known = merged.get(summary.header.height)
        merged[summary.header.height] = summary if known is None else _both(known, summary)
    return [merged[height] for height in sorted(merged)]


def _both(first: Summary, second: Summary) -> Summary:
    leaves = second.leaves if first.leaves is None else first.leaves
    certificate = first.certificate or second.certificate
    return Summary(first.block_id, first.header, certificate, leaves, first.outcomes)


def _epoch_ends(
    manifest: Manifest, genesis: Genesis, records: dict[bytes, bytes]
) -> list[EpochEnd]:
    ends, current = [], encode(genesis.view.validators)
    for boundary in manifest.boundaries:
        following = encode(boundary.next_set)
        changed = b"" if following == current else following
        ends.append(EpochEnd(boundary.header.epoch, boundary.header.height, changed))
        current = following
    header = manifest.head.header
    if header.next_validator_set_hash != ZERO_HASH:
        following = records[state_key(Table.VALIDATORS)]
        changed = b"" if following == current else following
        ends.append(EpochEnd(header.epoch, header.height, changed))
    return ends


def _difference(first: SnapshotSource, second: SnapshotSource, height: Height) -> SnapshotsDiffer:
    return SnapshotsDiffer(
        f"{first.name} and {second.name} prove different blocks at height {height}: more than a "
        "third of some validator set has signed both. Nothing was stored. Ask the validators for "
        "the id of a block, and name it with --checkpoint"
    )
