"""The devnet's demo identity: who calls without a key, or with a key of the documents (A2)."""

from typing import Final

from coordinator.clients.model import Principal, Scope

DEMO_PRINCIPAL: Final = Principal(
    client_id="client_demo",
    scopes=frozenset({Scope.CLIENT, Scope.MINER, Scope.READ}),
    key_id="demo",
    is_demo=True,
)
"""Client and miner operator at once."""

DEMO_KEYS: Final = frozenset({"your-api-key", "your_key"})
"""Keys that the reference documents print; they work on a devnet only."""
