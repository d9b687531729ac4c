"""Automatic work at the start of a block: what is due ends by itself (J17, S4).

Mandatory and deterministic: a block contains the first due items of its parent's state, ordered
by (due time, key), as many as the bounds allow. The rest is work for the next block (S3).
"""

from ledger.ballots import expire_ballot
from ledger.environment import Environment
from ledger.jobs import apply_due_job
from ledger.miners import return_bond
from ledger.open_offers import expire_offer
from ledger.params import (
    DUE_ITEM_WEIGHT_US,
    DUE_ITEMS_PER_BLOCK_MAX,
    DUE_WEIGHT_DIVISOR,
    Parameters,
)
from ledger.records import Ballot, Gap, Job, Offer, Unbonding
from ledger.types import TimestampMs
from ledger.views import ChainView


def due_items_max(parameters: Parameters) -> int:
    """Return how many automatic items a block takes: ≤ 256 and ≤ ¼ of its weight (S4)."""
    by_weight = parameters.block_weight_max // DUE_WEIGHT_DIVISOR // DUE_ITEM_WEIGHT_US
    return min(DUE_ITEMS_PER_BLOCK_MAX, by_weight)


def due_keys(parent: ChainView, now_ms: TimestampMs) -> list[bytes]:
    """Return the state keys of the items that a block at `now_ms` on this parent must end.

    They are due under the halt's record that the block works under, its own included (J12).
    """
    limit = due_items_max(parent.parameters)
    return parent.state.due_before(now_ms, limit, parent.gap_at(now_ms))


def apply_sweep(env: Environment, keys: list[bytes]) -> None:
    """End the due items, in the order of `due_keys`, which read the parent's state."""
    for key in keys:
        record = env.state.get(key)
        if isinstance(record, Job):
            apply_due_job(env, key[1:], record)
        elif isinstance(record, Ballot):
            expire_ballot(env, key, record)
        elif isinstance(record, Offer):
            expire_offer(env, key[1:], record)
        elif isinstance(record, Gap):
            env.state.put(key, None)  # Its credit is over: limits are themselves again (J12).
        else:
            assert isinstance(record, Unbonding), "nothing else is ever due"
            return_bond(env, key, record)
