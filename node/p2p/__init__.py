"""Peers over WebSockets and mutual TLS: who they are is proved, and what they can cost is bounded.

`messages` says what they send, `peer` what they look like from inside, `network` holds them.
"""

from node.p2p.config import Limits, P2PConfig
from node.p2p.messages import (
    KINDS,
    BlockAnswer,
    BlockRequest,
    CertificateMessage,
    CertificatesRequest,
    FinalBlock,
    Message,
    ProposalMessage,
    RangeAnswer,
    RangeRequest,
    StatusMessage,
    TransactionsMessage,
    VoteMessage,
)
from node.p2p.network import PeerNetwork
from node.p2p.peer import NodeIdentity, Peer, PeerFault, PeerHandler, Role

__all__ = [
    "KINDS",
    "BlockAnswer",
    "BlockRequest",
    "CertificateMessage",
    "CertificatesRequest",
    "FinalBlock",
    "Limits",
    "Message",
    "NodeIdentity",
    "P2PConfig",
    "Peer",
    "PeerFault",
    "PeerHandler",
    "PeerNetwork",
    "ProposalMessage",
    "RangeAnswer",
    "RangeRequest",
    "Role",
    "StatusMessage",
    "TransactionsMessage",
    "VoteMessage",
]
