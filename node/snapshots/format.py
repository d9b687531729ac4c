"""What a snapshot is made of: a manifest, chunks of the state, and recent transaction ids.

Each part is one file, or one answer over HTTP, of canonical MessagePack. The manifest proves the
head from the genesis; the head's header commits to the state, whose chunks it lists, and to its
parent, from which the headers of the last horizon go back one by one (S9, T1).
"""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from consensus import Certificate
from consensus.finality import Boundaries
from ledger.block import Block, Header
from ledger.codec import Codec
from ledger.outcomes import Outcome
from ledger.state_chunks import CHUNK_BYTES_MAX
from ledger.types import ChainId, Hash

FORMAT_VERSION: Final = 1
"""Version of these formats."""

MANIFEST_NAME: Final = "manifest.bin"
"""File of the manifest."""

MANIFEST_BYTES_MAX: Final = 256 * 1_048_576
"""A boundary with 100 validators takes about 15 kB, and few epochs change the set."""

RECENT_PART_BYTES: Final = 4 * 1_048_576
"""Size from which recent blocks go on in a next part."""

RECENT_PARTS_MAX: Final = 16_384
"""More than an hour of blocks of the largest size can fill."""


class _Part(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of all parts: an array of fields in order."""


class Manifest(_Part, frozen=True):
    """What the snapshot is of, and what proves it."""

    version: int
    """`FORMAT_VERSION`."""
    chain_id: ChainId
    """The chain."""
    genesis_digest: Hash
    """Digest of its genesis."""
    head: Block
    """The newest final block of the snapshot, whole."""
    certificate: Certificate
    """Its finalization."""
    outcomes: tuple[Outcome, ...]
    """Its outcome records."""
    boundaries: Boundaries
    """Ends of the epochs at which the set changed, and the end of the epoch before the head's."""
    chunks: Annotated[tuple[Hash, ...], Meta(min_length=1, max_length=1 << 20)]
    """Digests of the state's chunks, in order."""
    recent_parts: Annotated[int, Meta(ge=0, le=RECENT_PARTS_MAX)]
    """How many `RecentBlocks` there are."""


class RecentBlock(_Part, frozen=True):
    """A block before the head whose transactions may still be valid (T1)."""

    header: Header
    """Its header."""
    leaves: bytes
    """Leaves of its transaction tree, 72 bytes each."""


class RecentBlocks(_Part, frozen=True):
    """Some of the blocks before the head, newest first."""

    number: Annotated[int, Meta(ge=0, lt=RECENT_PARTS_MAX)]
    """Which part."""
    blocks: tuple[RecentBlock, ...]
    """They go on where the part before ended."""


MANIFEST_CODEC: Final = Codec(Manifest, MANIFEST_BYTES_MAX, "snapshot manifest")
RECENT_CODEC: Final = Codec(RecentBlocks, CHUNK_BYTES_MAX, "recent blocks")


def chunk_name(number: int) -> str:
    """Return the file of a chunk of the state."""
    return f"state-{number:07}.bin"


def recent_name(number: int) -> str:
    """Return the file of a part of the recent blocks."""
    return f"recent-{number:05}.bin"
