"""What the transport knows of each kind of message: its queue, its limit, its decoder.

The limit is looked at before anything is decoded.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from types import MappingProxyType
from typing import Final

from consensus.messages import CERTIFICATE_BYTES_MAX, VOTE_BYTES_MAX
from ledger.block import HEADER_BYTES_MAX
from ledger.codec import Codec
from ledger.params import BLOCK_TRANSACTIONS_MAX
from node.p2p.messages import (
    BLOCKS_PER_RANGE_MAX,
    ENCODED_BLOCK_BYTES_MAX,
    FRAMING_BYTES_MAX,
    HEADERS_PER_RANGE_MAX,
    PEER_RECORD_BYTES_MAX,
    PLACING_BYTES,
    RANGE_BYTES_MAX,
    RECORDS_PER_MESSAGE_MAX,
    TRANSACTIONS_BYTES_MAX,
    TRANSACTIONS_PER_BATCH_MAX,
    VIEWS_PER_REQUEST_MAX,
    BlockAnswer,
    BlockRequest,
    BodyAnswer,
    BodyRequest,
    CertificateMessage,
    CertificatesRequest,
    CompactProposal,
    Message,
    PeerRecords,
    ProposalMessage,
    RangeAnswer,
    RangeProof,
    RangeRequest,
    StatusMessage,
    TransactionsAnnouncement,
    TransactionsMessage,
    TransactionsWanted,
    VoteMessage,
    WordAnswer,
    WordRequest,
)
from node.references import REFERENCE_BYTES


class Priority(IntEnum):
    """Which queue a frame waits in. A lower number is always sent first."""

    VOTES = 0
    """Votes, certificates, and small questions and news: what finality waits for."""
    BLOCKS = 1
    """Proposals, and blocks that somebody asked for by id."""
    HISTORY = 2
    """Ranges of final blocks."""
    TRANSACTIONS = 3
    """Transactions and addresses. The only ones that are dropped when a peer is slow."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What the transport knows of one kind of message."""

    number: int
    """First element of its frames."""
    name: str
    """As metrics and logs name it."""
    priority: Priority
    """Queue that it waits in."""
    bytes_max: int
    """Longest frame of this kind, in bytes."""
    codec: Codec[Message]
    """Its decoder."""


def _kind(message: type[Message], name: str, priority: Priority, bytes_max: int) -> Kind:
    limit = bytes_max + FRAMING_BYTES_MAX
    codec: Codec[Message] = Codec(message, limit, name)
    number = message.__struct_config__.tag
    assert isinstance(number, int)
    return Kind(number, name, priority, limit, codec)


KINDS: Final[Mapping[type[Message], Kind]] = MappingProxyType(
    {
        PeerRecords: _kind(
            PeerRecords,
            "peer_records",
            Priority.TRANSACTIONS,
            RECORDS_PER_MESSAGE_MAX * PEER_RECORD_BYTES_MAX,
        ),
        VoteMessage: _kind(VoteMessage, "vote", Priority.VOTES, VOTE_BYTES_MAX),
        ProposalMessage: _kind(
            ProposalMessage, "proposal", Priority.BLOCKS, VOTE_BYTES_MAX + ENCODED_BLOCK_BYTES_MAX
        ),
        CertificateMessage: _kind(
            CertificateMessage, "certificate", Priority.VOTES, CERTIFICATE_BYTES_MAX
        ),
        CertificatesRequest: _kind(
            CertificatesRequest, "certificates_request", Priority.VOTES, 9 * VIEWS_PER_REQUEST_MAX
        ),
        CompactProposal: _kind(
            CompactProposal,
            "compact_proposal",
            Priority.BLOCKS,
            VOTE_BYTES_MAX
            + ENCODED_BLOCK_BYTES_MAX
            + max(REFERENCE_BYTES + 2, PLACING_BYTES) * BLOCK_TRANSACTIONS_MAX,
        ),
        BodyRequest: _kind(
            BodyRequest, "body_request", Priority.VOTES, 34 + 3 * BLOCK_TRANSACTIONS_MAX
        ),
        BodyAnswer: _kind(
            BodyAnswer,
            "body_answer",
            Priority.BLOCKS,
            ENCODED_BLOCK_BYTES_MAX + PLACING_BYTES * BLOCK_TRANSACTIONS_MAX,
        ),
        BlockRequest: _kind(BlockRequest, "block_request", Priority.VOTES, 34),
        BlockAnswer: _kind(BlockAnswer, "block_answer", Priority.BLOCKS, ENCODED_BLOCK_BYTES_MAX),
        RangeRequest: _kind(RangeRequest, "range_request", Priority.VOTES, 0),
        RangeAnswer: _kind(
            RangeAnswer,
            "range_answer",
            Priority.HISTORY,
            RANGE_BYTES_MAX
            + 9 * BLOCKS_PER_RANGE_MAX
            + (HEADER_BYTES_MAX + 3) * HEADERS_PER_RANGE_MAX,
        ),
        RangeProof: _kind(
            RangeProof,
            "range_proof",
            Priority.HISTORY,
            CERTIFICATE_BYTES_MAX + (HEADER_BYTES_MAX + 3) * HEADERS_PER_RANGE_MAX,
        ),
        StatusMessage: _kind(StatusMessage, "status", Priority.VOTES, 34),
        WordRequest: _kind(WordRequest, "word_request", Priority.VOTES, 0),
        WordAnswer: _kind(WordAnswer, "word_answer", Priority.VOTES, VOTE_BYTES_MAX),
        TransactionsMessage: _kind(
            TransactionsMessage, "transactions", Priority.TRANSACTIONS, TRANSACTIONS_BYTES_MAX
        ),
        TransactionsAnnouncement: _kind(
            TransactionsAnnouncement,
            "transactions_announcement",
            Priority.TRANSACTIONS,
            (REFERENCE_BYTES + 2) * TRANSACTIONS_PER_BATCH_MAX,
        ),
        TransactionsWanted: _kind(
            TransactionsWanted,
            "transactions_wanted",
            Priority.TRANSACTIONS,
            (REFERENCE_BYTES + 2) * TRANSACTIONS_PER_BATCH_MAX,
        ),
    }
)
"""Every kind of message, by its type."""
