"""Strategies for every kind of message, made from the fields' types and bounds."""

from typing import Final, get_args

from hypothesis import strategies as st
from msgspec import inspect

from node.p2p.messages import Message

BYTES_MAX: Final = 200
ITEMS_MAX: Final = 4
"""Values stay small where their bounds are wide; sizes at the bounds have tests of their own."""


def strategy_of(info: inspect.Type) -> st.SearchStrategy:
    """Return a strategy for values of a type."""
    match info:
        case inspect.StructType(cls=cls, fields=fields):
            return st.builds(cls, *(strategy_of(field.type) for field in fields))
        case inspect.UnionType(types=types):
            return st.one_of(*(strategy_of(member) for member in types))
        case inspect.NoneType():
            return st.none()
        case inspect.IntType(ge=lowest, le=highest, lt=bound):
            assert lowest is not None
            top = highest if highest is not None else (bound or 0) - 1
            return st.integers(lowest, top)
        case inspect.BytesType(min_length=least, max_length=most):
            assert most is not None
            return st.binary(min_size=least or 0, max_size=max(least or 0, min(most, BYTES_MAX)))
        case inspect.StrType(min_length=least, max_length=most):
            assert most is not None
            return st.text(min_size=least or 0, max_size=min(most, 60))
        case inspect.VarTupleType(item_type=item, min_length=least):
            return st.lists(strategy_of(item), min_size=least or 0, max_size=ITEMS_MAX).map(tuple)
        case _:
            raise NotImplementedError(info)


STRATEGIES: Final = {kind: strategy_of(inspect.type_info(kind)) for kind in get_args(Message)}
"""A strategy for each kind of message."""

messages = st.one_of(*STRATEGIES.values())
