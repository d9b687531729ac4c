"""When a node acts or gives up on a view: local policy that cannot hurt safety (rule 11).

A view is owed a block from the moment there is work for one, a heartbeat is due, or its parent has
waited for finality longer than finality takes. From then t_l = 2Δ until a proposal must be there,
and t_a = 3Δ until its block must be certified. On a quiet chain nothing is owed and no time runs,
so a dead leader costs 2Δ when work arrives, and not a heartbeat.
"""

from dataclasses import dataclass
from typing import Final

DELTA_MS_CAP: Final = 1_500
"""Grown Δ stays at or below this unless the parameter is higher: t_a of seconds, not hours."""

GROWTH_MAX: Final = 8
"""Doublings of Δ at most; keeps the way back short."""

STANDSTILL_DELTAS: Final = 5
"""t_s in Δ: silence after which everything above the floor is sent again (rule 10)."""

NEVER: Final = 2**63
"""A time that does not come."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Parameters of the chain that drive timeouts."""

    delta_ms: int
    """Assumed network delay Δ."""
    heartbeat_ms: int
    """Longest silence of an idle chain."""


class Pacemaker:
    """Deadlines of the current view."""

    __slots__ = (
        "_entered_ms",
        "_growth",
        "_is_deep",
        "_last_block_ms",
        "_parent_waits",
        "_seen_ms",
        "_timing",
        "_work_ms",
    )

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._growth = 0
        self._last_block_ms = 0
        self._entered_ms = 0
        self._is_deep = False
        self._parent_waits = False
        self._work_ms = NEVER
        self._seen_ms = NEVER

    @property
    def delta_ms(self) -> int:
        """Δ as adapted: never shorter than the parameter (J11)."""
        base = self._timing.delta_ms
        return max(base, min(base << self._growth, DELTA_MS_CAP))

    @property
    def repeat_ms(self) -> int:
        """t_r: time between repetitions of a vote or a question."""
        return 2 * self.delta_ms

    @property
    def retry_ms(self) -> int:
        """Time until an "unknown" of the application is asked again."""
        return max(10, self._timing.delta_ms // 4)

    @property
    def standstill_ms(self) -> int:
        """t_s: time without finality after which everything above the floor is sent again."""
        return STANDSTILL_DELTAS * self.delta_ms

    @property
    def finality_ms(self) -> int:
        """When the block to build on should have become final; NEVER if it is.

        Counted in the Δ of the chain: a leader whose own Δ has grown must not propose later than
        others wait for.
        """
        return self._entered_ms + 2 * self._timing.delta_ms if self._parent_waits else NEVER

    @property
    def owed_ms(self) -> int:
        """When a block became or becomes owed, whoever leads.

        Where the body must be empty (E1), what waits for a block cannot be in it, and is no reason
        to hurry: else empty blocks would follow each other as fast as messages travel.
        """
        work_ms = NEVER if self._is_deep else self._work_ms
        heartbeat_ms = self._last_block_ms + self._timing.heartbeat_ms
        return min(work_ms, heartbeat_ms, self.finality_ms)

    @property
    def armed_ms(self) -> int:
        """When the time of this view started to run."""
        return max(self._entered_ms, min(self.owed_ms, self._seen_ms))

    def is_running(self, now_ms: int) -> bool:
        """Return whether the time of this view runs: its block is owed, or others act in it."""
        return self.armed_ms <= now_ms

    def running_ms(self, now_ms: int) -> int:
        """Return since when this view's time runs; since it was entered, if it does not."""
        return self.armed_ms if self.is_running(now_ms) else self._entered_ms

    def leader_deadline_ms(self, *, leader_is_silent: bool) -> int:
        """Return when the proposal must be there: t_l, or at once from a long silent leader."""
        return self.armed_ms + (0 if leader_is_silent else 2 * self.delta_ms)

    @property
    def certify_deadline_ms(self) -> int:
        """When the view's block must be certified: t_a."""
        return self.armed_ms + 3 * self.delta_ms

    def enter(self, now_ms: int, *, parent_waits: bool, is_deep: bool) -> None:
        """Start a view.

        Args:
            now_ms: monotonic time.
            parent_waits: whether the block to build on is not final.
            is_deep: whether so many are not final that the body must be empty (E1).
        """
        self._entered_ms = now_ms
        self._parent_waits = parent_waits
        self._is_deep = is_deep
        self._work_ms = NEVER
        self._seen_ms = NEVER

    def work_seen(self, now_ms: int) -> None:
        """Note that there is work for this view's block."""
        self._work_ms = min(self._work_ms, now_ms)

    def activity_seen(self, now_ms: int) -> None:
        """Note that others act in this view; see `ViewState.is_active`."""
        self._seen_ms = min(self._seen_ms, now_ms)

    def block_seen(self, now_ms: int) -> None:
        """Note that a block was certified or became final: the next heartbeat counts from here."""
        self._last_block_ms = now_ms

    def finalized(self, *, parent_waits: bool, is_deep: bool) -> None:
        """Note a finalization: timeouts shrink back one step."""
        self._growth = max(0, self._growth - 1)
        self._parent_waits = parent_waits
        self._is_deep = is_deep

    def gave_up(self) -> None:
        """Note that a timeout ended a view here; views that others ended do not count (E12)."""
        self._growth = min(GROWTH_MAX, self._growth + 1)
