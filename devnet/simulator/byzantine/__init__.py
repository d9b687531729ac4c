"""Members that break the rules, by name."""

from collections.abc import Mapping
from types import MappingProxyType

from devnet.simulator.byzantine.base import Byzantine
from devnet.simulator.byzantine.leaders import (
    InvalidProposer,
    Misplacer,
    TimeTraveller,
    Withholder,
)
from devnet.simulator.byzantine.talkers import (
    Forger,
    Laggard,
    LyingServer,
    Mute,
    Perjurer,
    StaleReplayer,
    WrongEpochVoter,
)
from devnet.simulator.byzantine.voters import (
    ConflictingVoter,
    Equivocator,
    Ghost,
    NullifyAndFinalizer,
)

__all__ = ["STRATEGIES", "Byzantine"]

STRATEGIES: Mapping[str, type[Byzantine]] = MappingProxyType(
    {
        "equivocator": Equivocator,
        "conflicting-voter": ConflictingVoter,
        "nullify-and-finalizer": NullifyAndFinalizer,
        "invalid-proposer": InvalidProposer,
        "misplacer": Misplacer,
        "withholder": Withholder,
        "mute": Mute,
        "laggard": Laggard,
        "stale-replayer": StaleReplayer,
        "wrong-epoch-voter": WrongEpochVoter,
        "forger": Forger,
        "lying-server": LyingServer,
        "time-traveller": TimeTraveller,
        "perjurer": Perjurer,
        "ghost": Ghost,
    }
)
"""Strategies by name; twins are a matter of the plan, since both keep the rules."""
