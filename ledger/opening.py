"""What a block starts from: its environment on the parent, with nothing done yet."""

from ledger.environment import Environment
from ledger.gap import GAP_KEY
from ledger.types import TimestampMs
from ledger.views import ChainView


def open_block(parent: ChainView, timestamp_ms: TimestampMs) -> Environment:
    """Return the environment of a block at this time on this parent.

    If the block ends a halt, the record of it is written already, so that automatic work and body
    alike see the limits of jobs as the halt moved them (J12).
    """
    state = parent.state.overlay()
    gap = parent.gap_at(timestamp_ms)
    if gap != parent.state.gap:
        state.put(GAP_KEY, gap)
    return Environment(
        now_ms=timestamp_ms,
        parameters=parent.parameters,
        receipt_grace_ms=parent.receipt_grace_ms,
        tags=parent.tags,
        epoch=parent.next_epoch,
        epoch_start_ms=parent.next_epoch_start_ms,
        state=state,
    )
