"""WebSockets: read message by message, and opened again where a connection was lost."""

from dataclasses import replace
from typing import Final

from aitbc.errors import AitbcError, ApiError, Unauthenticated
from aitbc.exchange.attempts import Attempts
from aitbc.exchange.effects import Broken, Closed, Emit, Flow, Head, Hear, Listen, Request, Stream
from aitbc.exchange.session import ERROR_BYTES_MAX, Session, api_error, read_body
from aitbc.json_values import Answer, AnswerType, read_object

SWITCHING: Final = 101
"""Status of the answer that makes a connection a WebSocket."""

NORMAL_END: Final = 1000
"""A WebSocket is closed with this when nothing follows."""

KEY_ENDED: Final = 1008
"""A WebSocket is closed with this when its key is revoked or ends."""


def hear_all(
    session: Session,
    request: Request,
    kind: type[AnswerType],
    *,
    timeout_s: float,
    since: int | None,
    late: AitbcError | None = None,
    only_new: bool = False,
) -> Stream[AnswerType]:
    """Emit the messages of a WebSocket until the node closes it for good, or time is over.

    Args:
        session: whose policy applies; a message that arrives makes all attempts good again.
        request: names the WebSocket.
        kind: type of the messages; their `seq` is where the next connection goes on.
        timeout_s: how long to listen in all.
        since: number of the last message that is known already.
        late: is raised when time is over; without it the stream ends.
        only_new: whether a message that is not above the number before is left out: a node that
            is asked for what follows may begin with what is.

    Raises:
        ApiError: it is refused; `KEY_ENDED` if the key is no longer valid.
        ConnectionFailed: it cannot be connected again.
    """
    attempts = Attempts(session, request.path, timeout_s)
    while not attempts.is_over:
        try:
            yield from _opened(session, request, since, attempts.left_s)
            while (heard := (yield from _hear(attempts.left_s))) is not None:
                attempts.got_on()
                message = read_object(heard.encode(), kind)
                number = _number(message)
                if only_new and since is not None and number is not None and number <= since:
                    continue
                since = since if number is None else number
                yield Emit(message)
            return
        except (Broken, ApiError) as error:
            yield from attempts.pause_after(error)
    if late is not None:
        raise late


def _number(message: Answer) -> int | None:
    number = message.get("seq")
    return number if isinstance(number, int) else None


def _opened(session: Session, request: Request, since: int | None, left_s: float) -> Flow[None]:
    params = dict(request.params or {})
    if since is not None:
        params["since"] = since
    timeout_s = max(0.1, min(session.timeout_s, left_s))
    head = yield Listen(replace(request, params=params), timeout_s)
    assert isinstance(head, Head)
    if head.status != SWITCHING:
        raise api_error(head, (yield from read_body(session, timeout_s, ERROR_BYTES_MAX)))


def _hear(left_s: float) -> Flow[str | None]:
    """Return the next message, None if nothing follows."""
    heard = yield Hear(max(0.0, left_s))
    if isinstance(heard, str):
        return heard
    assert isinstance(heard, Closed)
    if heard.code == NORMAL_END:
        return None
    if heard.code == KEY_ENDED:
        raise Unauthenticated(401, "KEY_ENDED", heard.reason or "the key is no longer valid")
    raise Broken(f"the WebSocket ended with {heard.code}", was_sent=True)
