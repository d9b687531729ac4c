"""Tells peers where this node is: on connect, after final blocks, and every few seconds.

Followers hear of final blocks at once, since that is how they learn of them. Validators make them
themselves; a status matters to one that is behind, and can wait a little.
"""

import asyncio
from collections.abc import Callable
from typing import Final

import structlog

from ledger.types import PublicKey
from node.p2p import Peer, Role, StatusMessage
from node.peering.ports import Peers

REPEAT_SECONDS: Final = 2.0
"""Time between two statuses of a node that nothing happens to."""

REMIND_SECONDS: Final = 0.25
"""Least time between two statuses to a peer whose messages show that it is behind."""

PAUSE_SECONDS: Final = {Role.FOLLOWER: 0.02, Role.VALIDATOR: 0.5}
"""Least time between two statuses to peers of a role; final blocks meanwhile share one."""


log = structlog.get_logger(__name__)


class Announcer:
    """Sends statuses; used on the event loop."""

    def __init__(self, peers: Peers, status: Callable[[], StatusMessage]) -> None:
        """Prepare.

        Args:
            peers: who is told.
            status: where this node is.
        """
        self._peers = peers
        self._status = status
        self._pending: set[Role] = set()
        self._told_s: dict[PublicKey, float] = {}
        self._contradicting: set[PublicKey] = set()

    def tell(self, peer: Peer) -> None:
        """Tell one peer now."""
        peer.send(self._status())

    def tell_soon(self, peer: Peer) -> None:
        """Tell a peer that is behind, unless it was told a moment ago."""
        now_s = asyncio.get_running_loop().time()
        if now_s >= self._told_s.get(peer.key, 0.0) + REMIND_SECONDS:
            self._told_s[peer.key] = now_s
            self.tell(peer)

    def compare(self, peer: Peer, status: StatusMessage) -> None:
        """Say so if a validator has another final block at this node's height.

        Either it lies, or more than f validators are faulty: a person has to look (S9). What a
        follower says of itself proves nothing, and costs it nothing.
        """
        if peer.role is not Role.VALIDATOR:
            return
        own = self._status()
        is_other = status.final_height == own.final_height and status.final_id != own.final_id
        if is_other and peer.key not in self._contradicting:
            self._contradicting.add(peer.key)
            log.error(
                "peer_has_another_final_block",
                peer=peer.key.hex(),
                height=own.final_height,
                block_id=status.final_id.hex(),
                own_block_id=own.final_id.hex(),
            )

    def forget(self, peer: Peer) -> None:
        """Note that a peer is gone; what it contradicted stays told, or it could fill the log."""
        self._told_s.pop(peer.key, None)

    def moved(self) -> None:
        """Tell everybody soon: the final head has moved."""
        for role, seconds in PAUSE_SECONDS.items():
            if role not in self._pending:
                self._pending.add(role)
                asyncio.get_running_loop().call_later(seconds, self._tell_all, role)

    async def run(self) -> None:
        """Repeat the status until cancelled."""
        while True:
            self._peers.broadcast(self._status())
            await asyncio.sleep(REPEAT_SECONDS)

    def _tell_all(self, role: Role) -> None:
        self._pending.discard(role)
        self._peers.broadcast(self._status(), to=role)
