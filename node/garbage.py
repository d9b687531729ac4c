"""When the interpreter looks for garbage that reference counts do not find.

A look costs time for every young object that lives, and the event loop stands still for it. What a
start makes lives as long as the process and need never be looked at again; of what requests and
blocks make, nearly all is freed by reference counts before a rarer look comes.
"""

import gc
from typing import Final

YOUNG_MAX: Final = 10_000
"""Objects made, less those freed, between two looks. At the interpreter's 700 the looks took three
times as long altogether under a load of jobs, and the longest of them half as long again."""

LOOKS_PER_GENERATION: Final = 20
"""Looks at younger objects before one at the next older ones."""


def settle_garbage() -> None:
    """Look no more at what lives now, and seldom at what comes; call it when the start is over."""
    gc.freeze()
    gc.set_threshold(YOUNG_MAX, LOOKS_PER_GENERATION, LOOKS_PER_GENERATION)
