"""Peers as the rest of the node sees them, and what the transport asks of the rest of the node."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from ledger.keys import KeyPair
from ledger.types import PublicKey
from node.p2p.messages import Message


class Role(IntEnum):
    """What a node does on the chain."""

    VALIDATOR = 1
    """Votes; its key on the wire is its consensus key."""
    FOLLOWER = 2
    """Follows final blocks; its key is one that its data folder keeps."""


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """Who this node is to its peers."""

    keys: KeyPair
    """Signs the hello: the consensus key of a validator, the node key of a follower."""
    role: Role
    """What it claims to be. Peers believe it only of keys in their validator set."""


class Peer(Protocol):
    """A peer whose hello has proved its key, for as long as it is connected."""

    @property
    def key(self) -> PublicKey:
        """Its key."""

    @property
    def role(self) -> Role:
        """VALIDATOR if it claims so and is in the set of `PeerNetwork.set_validators` now."""

    @property
    def is_outbound(self) -> bool:
        """Whether this node dialled."""

    @property
    def address(self) -> str:
        """Where the other end of the socket is, ``host:port``; for people and logs."""

    def send(self, message: Message) -> bool:
        """Queue a message; never waits.

        Returns:
            Whether it is queued. If not, it was dropped because the peer is slow, or the peer is
            being disconnected because of that.
        """


class PeerFault(Exception):
    """A peer sent what no honest peer sends; raised by a `PeerHandler`, ends the connection."""

    def __init__(self, code: str, *, provable: bool) -> None:
        """Name the fault.

        Args:
            code: stable, in capitals, such as ``VOTE_FORGED``.
            provable: whether the peer alone can have caused it, whatever the network or this
                node did; only then its key is banned for a while.
        """
        super().__init__(code)
        self.code = code
        self.provable = provable


class PeerHandler(Protocol):
    """What takes the messages of peers; called on the event loop."""

    def connected(self, peer: Peer) -> None:
        """Note a new peer. Its messages follow."""

    def disconnected(self, peer: Peer) -> None:
        """Note that a peer is gone; called once for each `connected`, and nothing follows."""

    async def received(self, peer: Peer, message: Message) -> None:
        """Handle a message.

        Messages of one peer come one after another, and the next is not read before this returns:
        whoever waits here slows this peer down and no other. It is cancelled when the peer is
        disconnected meanwhile.

        Raises:
            PeerFault: disconnect it, and ban it if the fault is provable.
        """
