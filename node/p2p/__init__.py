"""Peers over WebSockets and mutual TLS: who they are is proved, and what they can cost is bounded.

`messages` says what they send, `peer` what they look like from inside, `network` holds them.
"""

from node.p2p.addresses import AddressInvalid
from node.p2p.config import Limits, P2PConfig
from node.p2p.kinds import KINDS, Kind, Priority
from node.p2p.messages import (
    BlockAnswer,
    BlockRequest,
    BodyAnswer,
    BodyRequest,
    CertificateMessage,
    CertificatesRequest,
    CompactProposal,
    FinalBlock,
    Message,
    PlacedTransaction,
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
from node.p2p.network import PeerNetwork
from node.p2p.peer import NodeIdentity, Peer, PeerFault, PeerHandler, Role

__all__ = [
    "KINDS",
    "AddressInvalid",
    "BlockAnswer",
    "BlockRequest",
    "BodyAnswer",
    "BodyRequest",
    "CertificateMessage",
    "CertificatesRequest",
    "CompactProposal",
    "FinalBlock",
    "Kind",
    "Limits",
    "Message",
    "NodeIdentity",
    "P2PConfig",
    "Peer",
    "PeerFault",
    "PeerHandler",
    "PeerNetwork",
    "PlacedTransaction",
    "Priority",
    "ProposalMessage",
    "RangeAnswer",
    "RangeProof",
    "RangeRequest",
    "Role",
    "StatusMessage",
    "TransactionsAnnouncement",
    "TransactionsMessage",
    "TransactionsWanted",
    "VoteMessage",
    "WordAnswer",
    "WordRequest",
]
