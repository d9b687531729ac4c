"""A light client: a chain's finality followed, and answers proved, with no node trusted."""

from aitbc.light.answers import LightAnswer, Sighting
from aitbc.light.client import LightClient
from aitbc.light.faults import Contradiction, FaultKind, LightStateInvalid, NodeFault, NoProof
from aitbc.light.memory import VerifiedHead

__all__ = [
    "Contradiction",
    "FaultKind",
    "LightAnswer",
    "LightClient",
    "LightStateInvalid",
    "NoProof",
    "NodeFault",
    "Sighting",
    "VerifiedHead",
]
