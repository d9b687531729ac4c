"""Token buckets: how much a peer, or many together, may do in a while."""

from collections.abc import Sequence


class TokenBucket:
    """Fills at a constant rate up to a limit, and can be overdrawn.

    Overdrawing fits what is counted after it came, such as bytes: the debt is then waited for.
    """

    __slots__ = ("_at_ms", "_burst", "_rate", "_tokens")

    def __init__(self, rate: int, burst: int, now_ms: int) -> None:
        """Begin full.

        Args:
            rate: tokens that come in a second.
            burst: most tokens that it holds.
            now_ms: a monotonic time, as in all other calls.
        """
        self._rate = rate
        self._burst = burst
        self._tokens = burst * 1_000
        self._at_ms = now_ms

    def take(self, tokens: int, now_ms: int) -> None:
        """Take tokens whether they are there or not."""
        self._fill(now_ms)
        self._tokens -= tokens * 1_000

    def try_take(self, tokens: int, now_ms: int) -> bool:
        """Take tokens if they are there; return whether they were."""
        self._fill(now_ms)
        if self._tokens < tokens * 1_000:
            return False
        self._tokens -= tokens * 1_000
        return True

    def wait_ms(self, now_ms: int) -> int:
        """Return after how long nothing is owed any more; 0 for now."""
        self._fill(now_ms)
        return 0 if self._tokens >= 0 else -(self._tokens // self._rate)

    def _fill(self, now_ms: int) -> None:
        passed_ms = max(0, now_ms - self._at_ms)
        self._tokens = min(self._burst * 1_000, self._tokens + passed_ms * self._rate)
        self._at_ms = now_ms


class Allowance:
    """Some buckets of which one suffices: first what is one's own, then what is shared.

    Whoever uses little always has it, whatever others do; whoever wants more gets what nobody else
    uses of the shared bucket.
    """

    __slots__ = ("_buckets",)

    def __init__(self, *buckets: TokenBucket) -> None:
        """Draw on these, in this order."""
        self._buckets: Sequence[TokenBucket] = buckets

    def payer(self, now_ms: int) -> TokenBucket:
        """Return which bucket pays for what is taken now: the first that owes nothing.

        It has to pay for all of it, and what that costs may be known only afterwards. Were a large
        thing divided, a bucket that is barely free would let it in, and others would owe for it.
        """
        free = (bucket for bucket in self._buckets if bucket.wait_ms(now_ms) == 0)
        return next(free, self._buckets[0])

    def wait_ms(self, now_ms: int) -> int:
        """Return after how long one of the buckets owes nothing any more; 0 for now."""
        return min(bucket.wait_ms(now_ms) for bucket in self._buckets)
