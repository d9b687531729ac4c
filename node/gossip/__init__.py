"""Transactions between nodes, and proposals that name them instead of carrying them."""

from node.gossip.handler import TransactionExchange
from node.gossip.metrics import GossipMetrics

__all__ = ["GossipMetrics", "TransactionExchange"]
