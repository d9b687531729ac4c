"""Offers and statistics of the marketplace, miners, counts of the network.

Amounts are decimal texts of AITBC. Members that may be absent are declared with ``| None``.
"""

from typing import Any

from aitbc.json_values import Answer


class NewOffer(Answer):
    """An offer that was made."""

    offer_id: str
    """Its id."""
    miner_id: str
    """Its miner."""
    status: str
    """active."""
    created_at: str
    """When it was made."""


class Offer(Answer):
    """An open offer."""

    offer_id: str
    """Its id."""
    miner_id: str
    """Its miner."""
    job_type: str
    """Kind of job."""
    price: str
    """AITBC of each job."""
    reputation: float
    """Of its miner, 0 to 5."""


class OfferDetails(Answer):
    """All about an offer, open or over."""

    offer_id: str
    """Its id."""
    miner_id: str
    """Its miner."""
    job_type: str
    """Kind of job."""
    price: str
    """AITBC of each job."""
    max_jobs: int
    """Jobs that it took at first."""
    jobs_left: int
    """Jobs that can still be accepted."""
    requirements: dict[str, Any] | None
    """What it asks of a job."""
    requirements_digest: str
    """SHA-256 of their RFC 8785 bytes, hex, as the chain has it."""
    status: str
    """active, exhausted, withdrawn or expired."""
    created_at: str
    """When it was made."""
    expires_at: str
    """Until when it can be accepted."""
    reputation: float
    """Of its miner, 0 to 5."""


class AcceptedOffer(Answer):
    """An offer that was accepted: the slot is taken, the chain is about to bind the job."""

    transaction_id: str
    """Id of the transaction."""
    status: str
    """pending, or final when it is asked again later."""
    created_at: str
    """When it was signed."""


class MarketplaceStats(Answer):
    """Counts over the marketplace."""

    total_jobs: int
    """Active, completed and failed jobs."""
    active_jobs: int
    """Jobs that are queued or running."""
    completed_jobs: int
    """Jobs with a receipt."""
    failed_jobs: int
    """Jobs that failed."""
    average_completion_time: float
    """Mean seconds from escrow to receipt."""
    total_volume: str
    """AITBC paid for jobs."""
    active_miners: int
    """Miners registered on the chain."""


class Miner(Answer):
    """A miner as anybody may see it."""

    miner_id: str
    """Its name."""
    status: str
    """active or retired."""
    address: str
    """Its address on the chain."""
    capabilities: list[str]
    """What it declared."""
    services: list[str]
    """Services that it takes jobs of."""
    models: list[str]
    """Models that it runs."""
    price: str | None
    """AITBC a job; None for the service's price."""


class MinerStats(Answer):
    """What a miner did."""

    miner_id: str
    """Its name."""
    reputation: float
    """0 to 5."""
    total_jobs: int
    """Jobs that it was given."""
    success_rate: float
    """Share that it finished."""
    average_completion_time: float
    """Mean seconds from assignment to receipt."""
    total_earned: str
    """AITBC that jobs paid it."""
    active_since: str
    """When it was registered."""


class NetworkStats(Answer):
    """Counts that anybody may see."""

    total_jobs: int
    """Jobs whose escrow was ever locked."""
    active_miners: int
    """Miners registered on the chain."""
    total_receipts: int
    """Final receipts."""
    block_height: int
    """Height of the newest final block."""


class Health(Answer):
    """Whether a node serves."""

    status: str
    """ok, degraded or unavailable."""
    version: str
    """Version of its program."""
    environment: str | None
    """What it is, such as production."""
    timestamp: str | None
    """Its time."""
    services: dict[str, str] | None
    """Its parts: healthy, degraded or unhealthy."""
