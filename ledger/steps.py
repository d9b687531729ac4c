"""Long work in steps, so that whoever drives it can do something else in between.

A function that returns `Steps` is a generator. It yields after each step how many units of work
that was (a transaction, or a changed key of the state), and returns its result at the end. Nothing
between two steps reads a clock or depends on who drives it: `at_once` and a driver that pauses
after each step get the same result.
"""

from collections.abc import Generator
from typing import Final, TypeAlias, TypeVar

T = TypeVar("T")

Steps: TypeAlias = Generator[int, None, T]
"""Yields the units of each step; returns the result."""

UNITS_PER_STEP: Final = 128
"""Units of a step at most: one or two milliseconds of work."""


def at_once(steps: Steps[T]) -> T:
    """Do all steps without a pause, and return the result."""
    try:
        while True:
            next(steps)
    except StopIteration as done:
        result: T = done.value
        return result
