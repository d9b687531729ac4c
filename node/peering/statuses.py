"""Where peers say that they are: the newest word of each, looked at now and then."""

import asyncio
from collections.abc import Callable
from typing import Final

from node.p2p import Peer, StatusMessage

PAUSE_SECONDS: Final = 0.02
"""Least time between two looks at one peer's status: as often as honest peers send one."""

Look = Callable[[Peer, StatusMessage], None]
"""Does with a status what is to be done."""


class Statuses:
    """The first status of a peer is looked at once; of those that follow at once, the last."""

    def __init__(self, look: Look) -> None:
        """Prepare.

        Args:
            look: called on the event loop; for each peer after a pause.
        """
        self._look = look
        self._waiting: dict[Peer, StatusMessage | None] = {}

    def came(self, peer: Peer, status: StatusMessage) -> None:
        """Take a status."""
        if peer in self._waiting:
            self._waiting[peer] = status
            return
        self._waiting[peer] = None
        asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._after, peer)
        self._look(peer, status)

    def forget(self, peer: Peer) -> None:
        """Note that a peer is gone."""
        self._waiting.pop(peer, None)

    def _after(self, peer: Peer) -> None:
        status = self._waiting.pop(peer, None)
        if status is not None:
            self.came(peer, status)
