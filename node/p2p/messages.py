"""What peers send to each other once the hello is done: one canonical array in each frame.

A frame is one unfragmented binary WebSocket message: a MessagePack array whose first element is
the kind's number and whose others are the fields in order (`ledger.codec`). A new kind is a struct
with a number that was never used, a member of `Message` and a row in `node.p2p.kinds`.

What is inside a field of bytes (a block, a transaction) is decoded by whoever handles it.
"""

from typing import Annotated, Final, TypeAlias

import msgspec
from msgspec import Meta

from consensus.messages import CERTIFICATE_BYTES_MAX, Certificate, Vote
from ledger.block import HEADER_BYTES_MAX
from ledger.params import (
    BLOCK_BYTES_MAX,
    BLOCK_TRANSACTIONS_MAX,
    TRANSACTION_BYTES_MAX,
    VALIDATORS_MAX,
)
from ledger.types import COUNT_MAX, Epoch, Hash, Height, PublicKey, Signature, TimestampMs, View
from node.references import REFERENCE_BYTES

FRAMING_BYTES_MAX: Final = 64
"""Array heads, kind and small integers around the large field of a frame."""

ENCODED_BLOCK_BYTES_MAX: Final = BLOCK_BYTES_MAX + HEADER_BYTES_MAX
"""A block with its header."""

VIEWS_PER_REQUEST_MAX: Final = 256
"""Views of one `CertificatesRequest`; bounds the answers that it causes."""

BLOCKS_PER_RANGE_MAX: Final = 1_024
"""Blocks of one `RangeAnswer`; empty blocks are small, and each costs an object."""

HEADERS_PER_RANGE_MAX: Final = 1_024
"""Headers of one `RangeAnswer`: how far the certificate may be from the blocks that it proves."""

RANGE_BYTES_MAX: Final = ENCODED_BLOCK_BYTES_MAX + CERTIFICATE_BYTES_MAX
"""Blocks and certificates of one `RangeAnswer`, together; one block of any size fits."""

TRANSACTIONS_PER_BATCH_MAX: Final = 1_024
"""Transactions of one `TransactionsMessage`."""

TRANSACTIONS_BYTES_MAX: Final = 262_144
"""Bytes of one `TransactionsMessage`; a batch that goes out must not delay a block for long."""

RECORDS_PER_MESSAGE_MAX: Final = 2 * VALIDATORS_MAX
"""A record for each validator of this epoch and of the next."""

PEER_RECORD_BYTES_MAX: Final = 512
"""A record takes about 150 bytes, and its address at most 255."""

EncodedBlock = Annotated[bytes, Meta(min_length=1, max_length=ENCODED_BLOCK_BYTES_MAX)]
"""Canonical bytes of a `ledger.block.Block`, not looked at yet."""

EncodedCertificate = Annotated[bytes, Meta(max_length=CERTIFICATE_BYTES_MAX)]
"""Canonical bytes of a `consensus.Certificate`, not looked at yet; empty for none."""

EncodedTransaction = Annotated[bytes, Meta(min_length=1, max_length=TRANSACTION_BYTES_MAX)]
"""Canonical bytes of a `ledger.transaction.SignedTransaction`, not looked at yet."""

EncodedHeader = Annotated[bytes, Meta(min_length=1, max_length=HEADER_BYTES_MAX)]
"""Canonical bytes of a `ledger.block.Header`, not looked at yet."""

PLACING_BYTES: Final = 7
"""What a `PlacedTransaction` adds to the bytes of its transaction, at most."""

TransactionReference = Annotated[
    bytes, Meta(min_length=REFERENCE_BYTES, max_length=REFERENCE_BYTES)
]
"""See `node.references`."""

BodyPosition = Annotated[int, Meta(ge=0, lt=BLOCK_TRANSACTIONS_MAX)]
"""Index of a transaction in a block's body."""

RequestNumber = Annotated[int, Meta(ge=0, le=COUNT_MAX)]
"""Chosen by who asks, repeated in the answer."""

HostAndPort = Annotated[str, Meta(min_length=3, max_length=255)]
"""``host:port`` or ``[IPv6 address]:port``; checked by `node.p2p.addresses`."""


class _Wire(msgspec.Struct, array_like=True, frozen=True, gc=False, forbid_unknown_fields=True):
    """Base of all messages: an array of fields in order."""


class PeerRecord(_Wire, frozen=True):
    """Where a validator can be reached, in its own words."""

    key: PublicKey
    """The validator's key."""
    address: HostAndPort
    """Where it listens for peers."""
    issued_ms: TimestampMs
    """When it said so; of two records the later one holds."""
    expires_ms: TimestampMs
    """When the record stops to count (T6)."""
    signature: Signature
    """Ed25519 over tag("peer-record") ‖ the canonical array of the fields above."""


class PeerRecords(_Wire, frozen=True, tag=3):
    """Addresses of validators, told on connect and when one changes; internal to p2p."""

    records: Annotated[tuple[PeerRecord, ...], Meta(max_length=RECORDS_PER_MESSAGE_MAX)]
    """At most one for each key."""


class VoteMessage(_Wire, frozen=True, tag=10):
    """A vote, sent by its signer or on behalf of one."""

    vote: Vote
    """Not verified yet."""


class ProposalMessage(_Wire, frozen=True, tag=11):
    """A leader's notarize vote and the block that it proposes."""

    vote: Vote
    """The leader's notarize."""
    block: EncodedBlock
    """The block that the vote names."""


class CertificateMessage(_Wire, frozen=True, tag=12):
    """A certificate, sent because it is new or because it was asked for."""

    certificate: Certificate
    """Not verified yet."""


class CertificatesRequest(_Wire, frozen=True, tag=13):
    """Asks for any certificate of some views; answered with a `CertificateMessage` for each."""

    epoch: Epoch
    """Epoch of the views."""
    views: Annotated[tuple[View, ...], Meta(min_length=1, max_length=VIEWS_PER_REQUEST_MAX)]
    """Views of which any certificate helps."""


class PlacedTransaction(_Wire, frozen=True):
    """A transaction and its place in a body."""

    position: BodyPosition
    """Its index."""
    transaction: EncodedTransaction
    """Its signed bytes."""


class CompactProposal(_Wire, frozen=True, tag=14):
    """A leader's notarize vote and its block, whose transactions the receiver mostly has."""

    vote: Vote
    """The leader's notarize."""
    header: EncodedHeader
    """The block's header; its id is what the vote names."""
    references: Annotated[tuple[TransactionReference, ...], Meta(max_length=BLOCK_TRANSACTIONS_MAX)]
    """The body in order, without what is in `placed`."""
    placed: Annotated[tuple[PlacedTransaction, ...], Meta(max_length=BLOCK_TRANSACTIONS_MAX)]
    """What the receiver probably lacks; positions ascend."""


class BodyRequest(_Wire, frozen=True, tag=15):
    """Asks for some transactions of a block that the peer has; no answer when it lacks it."""

    block_id: Hash
    """Id of its header."""
    positions: Annotated[
        tuple[BodyPosition, ...], Meta(min_length=1, max_length=BLOCK_TRANSACTIONS_MAX)
    ]
    """Which ones; ascending."""


class BodyAnswer(_Wire, frozen=True, tag=16):
    """Transactions of a block, as a `BodyRequest` asked for them."""

    block_id: Hash
    """As in the request."""
    placed: Annotated[
        tuple[PlacedTransaction, ...], Meta(min_length=1, max_length=BLOCK_TRANSACTIONS_MAX)
    ]
    """What was asked for; positions ascend."""


class BlockRequest(_Wire, frozen=True, tag=20):
    """Asks for a block that is notarized or final; no answer when the peer lacks it."""

    block_id: Hash
    """Id of its header."""


class BlockAnswer(_Wire, frozen=True, tag=21):
    """A block that was asked for by id."""

    block: EncodedBlock
    """Its id is computed by who receives it."""


class RangeRequest(_Wire, frozen=True, tag=22):
    """Asks for final blocks by height, in order; answered with a `RangeAnswer` or `RangeProof`."""

    number: RequestNumber
    """Repeated in the answer."""
    first_height: Height
    """Height of the first block of the answer."""
    bytes_max: Annotated[int, Meta(ge=1, le=RANGE_BYTES_MAX)]
    """Bytes of blocks wanted at most; the first block comes whatever its size."""
    blocks_max: Annotated[int, Meta(ge=1, le=BLOCKS_PER_RANGE_MAX)]
    """Blocks wanted at most."""
    known_height: Height
    """Height of a block above that the asker knows to be final, so that headers which lead to it
    need no certificate; 0 if it knows none."""


class FinalBlock(_Wire, frozen=True):
    """A final block, and the certificate that proves it where there is one at hand."""

    block: EncodedBlock
    """The block."""
    certificate: EncodedCertificate
    """Only the last block of a range has one: the finalization (E7) of that block or, where headers
    follow, of the last of these. It has none either if that is the block of `known_height`."""


class RangeAnswer(_Wire, frozen=True, tag=23):
    """Final blocks in order of height, all of one epoch, and what proves that they are final.

    A run of blocks that only a descendant's certificate makes final may be longer than what fits.
    Then the headers lead from the blocks that fit to that descendant. No blocks mean that the peer
    has none from the height that was asked for.
    """

    number: RequestNumber
    """As in the request."""
    blocks: Annotated[tuple[FinalBlock, ...], Meta(max_length=BLOCKS_PER_RANGE_MAX)]
    """Children follow parents without a gap."""
    headers: Annotated[tuple[EncodedHeader, ...], Meta(max_length=HEADERS_PER_RANGE_MAX)]
    """From the last block's child to the block that the certificate finalizes; empty if that is the
    last block."""


class RangeProof(_Wire, frozen=True, tag=24):
    """Headers instead of blocks: what makes these final is too far above for a `RangeAnswer`.

    They lead up to the next block that has a certificate, or to that of `known_height`. The parent
    of the first is final too, so it serves as `known_height` of the next question: headers are
    paged back until they reach the blocks.
    """

    number: RequestNumber
    """As in the request."""
    headers: Annotated[tuple[EncodedHeader, ...], Meta(max_length=HEADERS_PER_RANGE_MAX)]
    """As many as may be, all above the wanted block; children follow parents without a gap."""
    certificate: EncodedCertificate
    """Finalization of the last header's block; empty if that is the block of `known_height`."""


class StatusMessage(_Wire, frozen=True, tag=30):
    """Where the sender is: told on connect, after final blocks, and every few seconds.

    Of several that wait to be sent to one peer only the newest goes out.
    """

    epoch: Epoch
    """Epoch that it works in."""
    view: View
    """View that it is in; 0 for a follower that takes no part."""
    final_height: Height
    """Height of its newest durable final block."""
    final_id: Hash
    """Id of that block."""


class WordRequest(_Wire, frozen=True, tag=31):
    """Asks a member for its word about the votes of the asking member's key (S10).

    Not answered by who is in another epoch, or could have forgotten votes of this one.
    """

    epoch: Epoch
    """Epoch of the votes."""


class WordAnswer(_Wire, frozen=True, tag=32):
    """A member's word: this is the newest vote of your key that I hold, or I hold none."""

    epoch: Epoch
    """As in the request."""
    view: View
    """View that the sender is in."""
    floor: View
    """View of its newest final block; it has forgotten votes up to here."""
    vote: Vote | None
    """The newest vote of the asking member's key in this epoch; None if the sender holds none."""


class TransactionsMessage(_Wire, frozen=True, tag=40):
    """Transactions that the sender has verified and thinks that the receiver lacks."""

    transactions: Annotated[
        tuple[EncodedTransaction, ...], Meta(min_length=1, max_length=TRANSACTIONS_PER_BATCH_MAX)
    ]
    """Signed transactions; together at most `TRANSACTIONS_BYTES_MAX`."""


class TransactionsAnnouncement(_Wire, frozen=True, tag=41):
    """Transactions that the sender holds, for a receiver that may lack them."""

    references: Annotated[
        tuple[TransactionReference, ...], Meta(min_length=1, max_length=TRANSACTIONS_PER_BATCH_MAX)
    ]
    """Which ones."""


class TransactionsWanted(_Wire, frozen=True, tag=42):
    """Answers a `TransactionsAnnouncement`: what the receiver lacks; answered with transactions."""

    references: Annotated[
        tuple[TransactionReference, ...], Meta(min_length=1, max_length=TRANSACTIONS_PER_BATCH_MAX)
    ]
    """Which of the announced ones."""


Message: TypeAlias = (
    PeerRecords
    | VoteMessage
    | ProposalMessage
    | CertificateMessage
    | CertificatesRequest
    | CompactProposal
    | BodyRequest
    | BodyAnswer
    | BlockRequest
    | BlockAnswer
    | RangeRequest
    | RangeAnswer
    | RangeProof
    | StatusMessage
    | WordRequest
    | WordAnswer
    | TransactionsMessage
    | TransactionsAnnouncement
    | TransactionsWanted
)
"""Anything that a frame can hold after the hello."""
