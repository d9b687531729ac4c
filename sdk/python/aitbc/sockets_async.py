"""WebSockets for the asynchronous clients. Loaded when the first one is opened."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from aitbc.exchange import Broken, Closed, Listen, Session
from aitbc.sockets import FAILURES, Refused, broken_by, closed_by, settings_of, text_of, url_of


class _Direct(connect):
    """Follows no redirect: the key is for this node."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Say that a redirect is a refusal."""
        return exc


@dataclass(frozen=True)
class AsyncSocket:
    """An open WebSocket."""

    connection: ClientConnection
    """The library's."""

    async def hear(self, timeout_s: float) -> str | Closed:
        """Return the next message, or how the WebSocket ended.

        Raises:
            Broken: nothing came in time.
        """
        try:
            async with asyncio.timeout(timeout_s):
                return text_of(await self.connection.recv())
        except ConnectionClosed as closed:
            return closed_by(closed)
        except TimeoutError:
            raise Broken("nothing came in time", was_sent=True) from None


async def listen(session: Session, effect: Listen, stack: AsyncExitStack) -> AsyncSocket | Refused:
    """Return an open WebSocket, which `stack` closes, or how the node refused it.

    Raises:
        Broken: it cannot be connected, does not answer in time, or speaks something else.
    """
    connecting = _Direct(url_of(session, effect), **settings_of(session, effect))
    try:
        return AsyncSocket(await stack.enter_async_context(connecting))
    except InvalidStatus as refused:
        return Refused(refused)
    except FAILURES as error:
        raise broken_by(error) from None
