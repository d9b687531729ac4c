"""When the interpreter looks for garbage, in a process of its own: it is a setting of the whole."""

import subprocess
import sys

PROGRAM = """
import gc
from node.garbage import settle_garbage
kept = [[] for _ in range(5_000)]
settle_garbage()
assert gc.get_freeze_count() >= len(kept), "what lives is looked at no more"
looks = gc.get_stats()[0]["collections"]
young = [[] for _ in range(5_000)]
assert gc.get_stats()[0]["collections"] == looks, "a few objects call for no look"
for _ in range(20_000):
    ring = []
    ring.append(ring)
assert gc.get_stats()[0]["collections"] > looks, "garbage calls for one"
assert gc.get_count()[0] < 20_000, "and is found"
"""


def test_what_lives_at_the_start_is_looked_at_no_more_and_garbage_is_found_still() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
