"""What the state root costs for each changed key, at a given size of the state."""

import random
import time

from bench.run import Run
from ledger.bucket_tree import BucketTree
from ledger.params import BUCKETS_DEFAULT

CHANGES = 4_000
"""Keys that one overlay changes: those of a block of about 2,000 transfers."""

VALUE_BYTES = 9
"""Size of an account's record."""


def root_figures(run: Run, keys: int) -> None:
    """Measure building the tree over `keys` keys, and overlays that change 4,000 of them.

    A changed key costs its own and its value's digest, its bucket, and its part of the nodes above.
    Keys and values come from a fixed seed, so that two runs do the same work.
    """
    numbers = random.Random(1)
    names = [b"\x03" + numbers.randbytes(20) for _ in range(keys)]
    entries = [(name, numbers.randbytes(VALUE_BYTES)) for name in names]
    began = time.perf_counter()
    tree = BucketTree.build(entries, BUCKETS_DEFAULT)
    build_s = time.perf_counter() - began
    overlay_us, absorb_us = [], []
    count = min(CHANGES, keys)
    for _ in range(run.runs):
        changed = numbers.sample(names, count)
        changes = {name: numbers.randbytes(VALUE_BYTES) for name in changed}
        began = time.perf_counter()
        overlay = tree.overlay(changes)
        computed = time.perf_counter()
        tree.absorb(overlay)
        overlay_us.append((computed - began) / count * 1e6)
        absorb_us.append((time.perf_counter() - computed) / count * 1e6)
    key = f"root.{keys}"
    run.add(f"{key}.build", f"state root of {keys:,} keys, built at once", "ms", [build_s * 1e3])
    run.add(f"{key}.change", f"  per changed key, {count:,} a block", "µs", overlay_us)
    run.add(f"{key}.absorb", "  per changed key, when the block becomes final", "µs", absorb_us)
