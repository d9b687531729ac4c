"""All peers of a node: who is connected, and sending to them."""

import random

from prometheus_client import CollectorRegistry

from ledger.types import Hash, PublicKey
from node.p2p.config import P2PConfig
from node.p2p.messages import Message
from node.p2p.peer import NodeIdentity, Peer, PeerHandler, Role
from node.ports import Clock


class PeerNetwork:
    """Listens, dials, and keeps at most one connection to each key."""

    def __init__(
        self,
        identity: NodeIdentity,
        genesis_digest: Hash,
        config: P2PConfig,
        *,
        clock: Clock,
        handler: PeerHandler,
        registry: CollectorRegistry,
        jitter: random.Random,
    ) -> None:
        """Prepare; nothing happens before `start`.

        Args:
            identity: who this node is.
            genesis_digest: chain that peers must be of.
            config: where to listen and whom to dial.
            clock: both clocks of the node.
            handler: takes messages, and hears of peers that come and go.
            registry: where the metrics of peers are shown.
            jitter: spreads the pauses between dials.

        Raises:
            AddressInvalid: an address of `config`.
        """

    async def start(self) -> None:
        """Listen, and begin to dial.

        Raises:
            OSError: an address cannot be listened on.
        """
        raise NotImplementedError

    async def stop(self) -> None:
        """Stop listening and dialling, disconnect all peers; returns within about two seconds."""
        raise NotImplementedError

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where it listens, ``host:port``, with the ports that the system chose."""
        raise NotImplementedError

    def peers(self) -> tuple[Peer, ...]:
        """Return the connected peers."""
        raise NotImplementedError

    def peer_of(self, key: PublicKey) -> Peer | None:
        """Return the connected peer with this key."""
        raise NotImplementedError

    def broadcast(
        self, message: Message, *, to: Role | None = None, but: Peer | None = None
    ) -> None:
        """Queue a message for all peers; it is encoded once.

        Args:
            message: what to send.
            to: only peers of this role, if given.
            but: all except this one, if given.
        """
        raise NotImplementedError

    def report_fault(self, peer: Peer, code: str, *, provable: bool) -> None:
        """Disconnect a peer for a fault found later than in `PeerHandler.received`.

        Args:
            peer: who did it; may be gone already.
            code: as in `PeerFault`.
            provable: ban its key for a while.
        """
        raise NotImplementedError

    def set_validators(self, keys: frozenset[PublicKey]) -> None:
        """Say who counts as a validator from now on: this epoch's set and, if known, the next's.

        Their slots are reserved, their addresses are learnt from other peers, and they are dialled.
        """
        raise NotImplementedError
