"""What gossip measures, for Prometheus."""

from prometheus_client import CollectorRegistry, Counter


class GossipMetrics:
    """Counters of one node."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Show the counters in a registry."""
        self.dropped = Counter(
            "aitbc_gossip_dropped_transactions",
            "Transactions of peers that were not looked at: a full line, or a spent budget.",
            registry=registry,
        )
        self.announced = Counter(
            "aitbc_gossip_announced_transactions",
            "Transactions announced to peers by reference, once for each peer.",
            registry=registry,
        )
        self.proposals = Counter(
            "aitbc_proposals_received",
            "Compact proposals of leaders, by what became of them.",
            ["result"],
            registry=registry,
        )
        self.missing = Counter(
            "aitbc_proposal_missing_transactions",
            "Transactions of compact proposals that this node had to ask for.",
            registry=registry,
        )
