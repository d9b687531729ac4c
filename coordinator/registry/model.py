"""Services that jobs may ask for."""

from dataclasses import dataclass

from ledger.types import Amount


@dataclass(frozen=True, slots=True)
class HardwareRequirement:
    """What a machine needs of one component to offer a service (S5)."""

    component: str
    """Such as ``gpu_memory``."""
    minimum: int
    """Least amount that the service runs with; 0 where it runs without."""
    recommended: int
    """Amount with which it runs as its users expect."""
    unit: str
    """What the amounts count: ``MiB``, ``cores`` or ``count``."""


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
    tags: tuple[str, ...]
    """Words under which people look for it."""
    requirements: tuple[HardwareRequirement, ...]
    """What a miner's machine needs."""
    version: str = "1.0.0"
    """Version of the input's schema; its first number is in the schema's file name."""

    def has_words(self, search: str) -> bool:
        """Return whether every word of a search is in its id, name, description or a tag."""
        text = " ".join((self.service_id, self.name, self.description, *self.tags)).casefold()
        return all(word in text for word in search.casefold().split())
