"""Between the transport and the driver: who is a member, what goes where, what peers may ask."""

from node.peering.announcer import Announcer
from node.peering.answers import Answers
from node.peering.first_votes import FirstVotes, Signing
from node.peering.links import MemberLinks
from node.peering.peering import Gossip, Peering, PeeringParts
from node.peering.ports import Peers, Transport
from node.peering.presence import Presence, Sighting

__all__ = [
    "Announcer",
    "Answers",
    "FirstVotes",
    "Gossip",
    "MemberLinks",
    "Peering",
    "PeeringParts",
    "Peers",
    "Presence",
    "Sighting",
    "Signing",
    "Transport",
]
