"""Automatic work at the start of a block: what is due ends by itself (J17, S4).

Mandatory and deterministic: a block contains the first due items of its parent's state, ordered
by (due time, key), as many as the bounds allow. The rest is work for the next block (S3).
"""

from ledger.environment import Environment
from ledger.jobs import apply_due_job
from ledger.miners import return_bond
from ledger.params import (
    DUE_ITEM_WEIGHT_US,
    DUE_ITEMS_PER_BLOCK_MAX,
    DUE_WEIGHT_DIVISOR,
    Parameters,
)
from ledger.records import Job, Unbonding
from ledger.state import State
from ledger.types import TimestampMs


def due_items_max(parameters: Parameters) -> int:
    """Return how many automatic items a block takes: ≤ 256 and ≤ ¼ of its weight (S4)."""
    by_weight = parameters.block_weight_max // DUE_WEIGHT_DIVISOR // DUE_ITEM_WEIGHT_US
    return min(DUE_ITEMS_PER_BLOCK_MAX, by_weight)


def due_keys(state: State, parameters: Parameters, now_ms: TimestampMs) -> list[bytes]:
    """Return the state keys of the items that a block at `now_ms` on this state must end."""
    return state.due_before(now_ms, due_items_max(parameters))


def apply_sweep(env: Environment, keys: list[bytes]) -> None:
    """End the due items, in the order of `due_keys`, which read the parent's state."""
    for key in keys:
        record = env.state.get(key)
        if isinstance(record, Job):
            apply_due_job(env, key[1:], record)
        else:
            assert isinstance(record, Unbonding), "only jobs and bonds are ever due"
            return_bond(env, key, record)
