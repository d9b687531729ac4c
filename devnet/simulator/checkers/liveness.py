"""How long a healed network may take until a fresh transaction is final everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from devnet.simulator.plan import Plan

DELTA_MS_MAX: Final = 1_500
"""Cap of a grown Δ (rule 11)."""

STATUS_MS: Final = 2_000
"""A node that is behind learns of it at the latest from the next status of a peer."""


FETCH_MS: Final = 7_000
"""A question for final blocks that got lost is given up after 5 s, and its peer rests for up to 2 s
after the few failures that a storm has room for."""


def liveness_bound_ms(plan: Plan, epochs_behind: int) -> int:
    """Return the bound.

    In the worst case, with Δ grown to its cap: one standstill period (5Δ) until everybody has heard
    of everything above the last finalization; then as many views as there may be faulty leaders in
    a row, each given up after t_a = 3Δ, and one more that had begun before the network healed; then
    an honest leader's view. The block that is final then may be the last of its epoch, proposed
    again until it is final itself, and the transaction may come in the epoch after it: once more
    as many views. A node that missed blocks fetches them, an epoch after the other: each time a
    status, a question and an answer.

    Args:
        plan: what was run.
        epochs_behind: most epochs that an honest node is behind the newest.
    """
    views = 2 * (plan.faulty_max + 2)
    catching_up_ms = FETCH_MS + (epochs_behind + 2) * STATUS_MS
    return 5 * DELTA_MS_MAX + views * 3 * DELTA_MS_MAX + catching_up_ms
