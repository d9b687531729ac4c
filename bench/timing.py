"""How long a block takes to apply."""

import time

from bench.chain import BenchChain
from ledger import apply_block
from ledger.block import CODEC

REPETITIONS = 3


def seconds_to_apply(chain: BenchChain, data: bytes) -> float:
    """Return the processor time to decode and apply a block, transactions' signatures left out."""
    durations = []
    for _ in range(REPETITIONS):
        started = time.process_time()
        apply_block(chain.view, CODEC.decode(data), verified=lambda *_: True)
        durations.append(time.process_time() - started)
    return min(durations)
