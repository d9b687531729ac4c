"""What happens with a link from its first message to its end."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from node.p2p.errors import FaultReported, HandlerFailed, LinkEnded, PeerClosed, PeerGone, short
from node.p2p.frames import decode_frame
from node.p2p.link import Link
from node.p2p.messages import Message
from node.p2p.metrics import PeerMetrics
from node.p2p.peer import PeerFault, PeerHandler

log = structlog.get_logger(__name__)

TURN_FRAMES: Final = 32
"""Frames of one peer that are handled before others get their turn."""

DRAIN_SECONDS: Final = 1.0
"""How long the last words of a peer that hung up are listened to."""

Receive = Callable[[Link, Message], Awaitable[None]]
"""Handles a message; raises `PeerFault` or `LinkEnded`."""


async def hold_conversation(
    link: Link, handler: PeerHandler, receive: Receive, metrics: PeerMetrics
) -> LinkEnded:
    """Tell the handler of a peer, hand over its messages until it ends, and tell of that.

    Args:
        link: not ended, or just so.
        handler: hears of the peer.
        receive: gets the messages, one after another; is cancelled when the link ends meanwhile.
        metrics: counts frames.

    Returns:
        Why it ended.
    """
    try:
        handler.connected(link)
        reader = asyncio.create_task(_read(link, receive, metrics))
        try:
            reason = await link.until_ended()
            if isinstance(reason, PeerGone):
                await asyncio.wait({reader}, timeout=DRAIN_SECONDS)
        finally:
            reader.cancel()
            await asyncio.wait({reader})
            handler.disconnected(link)
    except Exception:
        # A defect in what handles peers costs this peer and not the node.
        log.exception("a peer could not be handled", peer=short(link.key))
        link.end(HandlerFailed("see the log"))
    reason = await link.until_ended()
    said = {"said": reason.reason} if isinstance(reason, PeerClosed) else {}
    log.info(
        "peer disconnected", peer=short(link.key), code=reason.code, detail=str(reason), **said
    )
    return reason


async def _read(link: Link, receive: Receive, metrics: PeerMetrics) -> None:
    """Read and hand over until the link ends; end it if the peer or this node fails."""
    try:
        while True:
            for _ in range(TURN_FRAMES):
                data = await link.receive()
                kind, message = decode_frame(data)
                metrics.count_received(kind.name, len(data))
                await receive(link, message)
            await asyncio.sleep(0)
    except PeerFault as fault:
        link.end(FaultReported(fault.code, provable=fault.provable))
    except LinkEnded as reason:
        link.end(reason)
    except Exception:
        log.exception("a message of a peer could not be handled", peer=short(link.key))
        link.end(HandlerFailed("see the log"))
