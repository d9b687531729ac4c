"""Turns calls into methods: each is written once, and is a method of two classes.

A call is a function of a session that returns a flow. `blocking` makes a method of it that returns
its result, `awaited` one that is awaited; `iterated` and `iterated_async` do so for streams. Names,
types and words of the parameters are those of the call.
"""

import inspect
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from functools import cache, wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar, get_args, get_origin

from aitbc.exchange import Emit, Flow, Session, Stream
from aitbc.http import Transport
from aitbc.http_async import AsyncTransport

_SESSION_LINE: Final = "        session: the client's.\n"
"""Describes the first parameter of calls, which their methods do not have."""

_P = ParamSpec("_P")
_Result = TypeVar("_Result")
_Method = TypeVar("_Method", bound=Callable[..., object])


class Resource:
    """Calls that block; clients and their parts are such."""

    def __init__(self, http: Transport) -> None:
        """Perform calls with `http`."""
        self.http = http


class AsyncResource:
    """Calls that are awaited; clients and their parts are such."""

    def __init__(self, http: AsyncTransport) -> None:
        """Perform calls with `http`."""
        self.http = http


def _named(method: _Method, call: Callable[..., object]) -> _Method:
    """Return the method with the name, signature and words of its call, for `help`."""
    wraps(call)(method)
    method.__doc__ = (call.__doc__ or "").replace(_SESSION_LINE, "")
    method.__dict__["__signature__"] = _shown(call)
    return method


@cache
def _shown(call: Callable[..., object]) -> inspect.Signature:
    """Return a call's signature as that of its methods."""
    signature = inspect.signature(call)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    return signature.replace(
        parameters=[own, *list(signature.parameters.values())[1:]],
        return_annotation=_result_of(signature.return_annotation),
    )


def _result_of(flow: object) -> object:
    """Return what a call's flow returns, or what its stream is an iterator of."""
    yielded, _, returned = get_args(flow)
    for effect in get_args(yielded):
        if get_origin(effect) is Emit:
            return Iterator[get_args(effect)[0]]  # type: ignore[misc]  # a type at run time
    return returned


def blocking(
    call: Callable[Concatenate[Session, _P], Flow[_Result]],
) -> Callable[Concatenate[Resource, _P], _Result]:
    """Return a method that blocks until a call's result is there."""

    def method(self: Resource, /, *args: _P.args, **kwargs: _P.kwargs) -> _Result:
        return self.http.run(call(self.http.session, *args, **kwargs))

    return _named(method, call)


def awaited(
    call: Callable[Concatenate[Session, _P], Flow[_Result]],
) -> Callable[Concatenate[AsyncResource, _P], Coroutine[Any, Any, _Result]]:
    """Return a method whose awaited value is a call's result."""

    async def method(self: AsyncResource, /, *args: _P.args, **kwargs: _P.kwargs) -> _Result:
        return await self.http.run(call(self.http.session, *args, **kwargs))

    return _named(method, call)


def iterated(
    call: Callable[Concatenate[Session, _P], Stream[_Result]],
) -> Callable[Concatenate[Resource, _P], Generator[_Result, None, None]]:
    """Return a method that iterates over what a call emits."""

    def method(
        self: Resource, /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Generator[_Result, None, None]:
        return self.http.stream(call(self.http.session, *args, **kwargs))

    return _named(method, call)


def iterated_async(
    call: Callable[Concatenate[Session, _P], Stream[_Result]],
) -> Callable[Concatenate[AsyncResource, _P], AsyncGenerator[_Result, None]]:
    """Return a method that iterates with ``async for`` over what a call emits.

    Who leaves the loop early closes it with `contextlib.aclosing`.
    """

    def method(
        self: AsyncResource, /, *args: _P.args, **kwargs: _P.kwargs
    ) -> AsyncGenerator[_Result, None]:
        return self.http.stream(call(self.http.session, *args, **kwargs))

    return _named(method, call)
