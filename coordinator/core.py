"""The parts that every service of the coordinator stands on."""

from dataclasses import dataclass

from coordinator.config import CoordinatorConfig
from coordinator.database import Database
from coordinator.duties import Duties
from coordinator.events.service import EventParts
from coordinator.follower import Follower
from coordinator.moment import Moments, RandomBytes
from coordinator.outbox import Courier, Signer
from coordinator.ports import Chain
from coordinator.registry import ServiceRegistry
from coordinator.wallets import Faucet, Vault


@dataclass(frozen=True)
class Core:
    """Made once by `build_services`; services take from it what they need."""

    config: CoordinatorConfig
    """Settings and keys."""
    chain: Chain
    """The node. Its reads are made on the event loop only."""
    database: Database
    """The coordinator's own database."""
    moments: Moments
    """Time."""
    random_bytes: RandomBytes
    """Randomness."""
    signer: Signer
    """Signs transactions."""
    courier: Courier
    """Sends them."""
    duties: Duties
    """Decides what is owed."""
    follower: Follower
    """Follows the chain."""
    vault: Vault
    """Opens managed keys."""
    registry: ServiceRegistry
    """Knows the services."""
    faucet: Faucet | None
    """Funds wallets on a devnet."""
    events: EventParts
    """Tells clients what happens."""
