"""Hypothesis strategies for any value of a wire type, read from the type's own bounds."""

import re
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect

from ledger.types import COUNT_MAX


def values_of(wire_type: object) -> st.SearchStrategy[Any]:
    """Return the strategy of all values that the type's decoder accepts."""
    return _strategy(inspect.type_info(wire_type))


def _strategy(info: inspect.Type) -> st.SearchStrategy[Any]:
    for kind, make in _MAKERS.items():
        if isinstance(info, kind):
            made: st.SearchStrategy[Any] = make(info)
            return made
    raise TypeError(f"no strategy for {info}")


def _struct(info: inspect.StructType) -> st.SearchStrategy[msgspec.Struct]:
    fields = {field.name: _strategy(field.type) for field in info.fields}
    return st.builds(info.cls, **fields)


def _integer(info: inspect.IntType) -> st.SearchStrategy[int]:
    low = -COUNT_MAX - 1 if info.ge is None else info.ge
    high = COUNT_MAX if info.le is None else info.le
    return st.integers(low, high) | st.sampled_from([low, high])


def _text(info: inspect.StrType) -> st.SearchStrategy[str]:
    if info.pattern is None:
        return st.text(max_size=40)
    shortest, longest = info.min_length or 0, info.max_length or 40
    # The lengths are bounds beside the pattern; inside it they save drawing texts in vain.
    bounded = re.sub(r"\*\\Z$", f"{{0,{longest}}}\\\\Z", info.pattern)
    bounded = re.sub(r"\+\\Z$", f"{{{shortest},{longest}}}\\\\Z", bounded)
    return st.from_regex(bounded).filter(lambda text: shortest <= len(text) <= longest)


_MAKERS: dict[type[Any], Callable[[Any], st.SearchStrategy[Any]]] = {
    inspect.StructType: _struct,
    inspect.IntType: _integer,
    inspect.StrType: _text,
    inspect.BytesType: lambda info: st.binary(
        min_size=info.min_length or 0,
        max_size=40 if info.max_length is None else info.max_length,
    ),
    inspect.BoolType: lambda _: st.booleans(),
    inspect.NoneType: lambda _: st.none(),
    inspect.EnumType: lambda info: st.sampled_from(list(info.cls)),
    inspect.UnionType: lambda info: st.one_of(*map(_strategy, info.types)),
    inspect.VarTupleType: lambda info: st.lists(_strategy(info.item_type), max_size=3).map(tuple),
}
