"""Services that jobs may ask for."""

from dataclasses import dataclass

from ledger.types import Amount


@dataclass(frozen=True, slots=True)
class ServiceDefinition:
    """One service."""

    service_id: str
    """Id, such as ``llm_inference``."""
    name: str
    """For people."""
    category: str
    """``ai_ml``, ``media_processing`` or ``scientific_computing`` (S5)."""
    description: str
    """One sentence."""
    default_max_price: Amount
    """Escrow in nait of a job that names no price (P1)."""
    default_price: Amount
    """Nait a job where the miner registered no price (P2)."""
    attempt_s: int
    """Longest attempt; the lease of a miner without heartbeats (M3)."""
    has_model: bool
    """Whether jobs of it name a model, and receipts have to name one they may run."""
    needs_text: bool
    """Whether a result without text is malformed (L0)."""
    needs_artifact: bool
    """Whether a result without an artifact is malformed (L0)."""
