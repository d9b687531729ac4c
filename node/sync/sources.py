"""The peers of a catch-up: whose word counts, and who is asked next; no I/O.

Keys cost nothing, so a stranger's word and a stranger's silence must cost nothing either. Three
kinds of peers are told apart, and a worse kind is asked only where no better one can give:

    trusted     a validator of the set, or a peer that this node dials: somebody answers for it
    proved      a stranger that gave blocks which turned out to be final
    unknown     any other stranger; who has been connected longest comes first

A trusted peer that was late twice comes behind proved strangers. While a trusted peer is
connected, only such peers count for how far there is to go; if they bring nothing for long,
strangers are asked for what is above all the same, since they may be the only ones left to have it.

Within a kind, who answered comes before who did not, and then whoever is expected to answer first,
by the time that its last answer took: a peer that has as many questions as it may is waited for
rather than passed over for one that is slower. Who never answered is thought to be as quick as the
quickest, and who did not answer for long comes closer to that, so that all are tried now and then.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from ledger.types import Height, PublicKey

LATE_MAX: Final = 1
"""How often in a row a trusted peer may be late before proved strangers are asked first."""

SPANS_PER_PEER_MAX: Final = 2
"""Questions to one peer at once."""

REST_MS: Final = 1_000
"""How long a peer is left alone that had nothing, or did not answer; doubles for the latter."""

REST_DOUBLINGS_MAX: Final = 5
"""Bounds the rest: half a minute."""

PACE_US: Final = 5_000
"""Time for each block that peers are expected to take where none has answered."""

PACE_HALVES_MS: Final = 10_000
"""Time without an answer after which a peer is thought to have become twice as quick."""


@dataclass(slots=True)
class PeerState:
    """What is known of one peer."""

    height: Height = 0
    """How far it reaches, as it claims, less what it failed to show."""
    is_trusted: bool = False
    """Whether it is a validator, or one that this node dials."""
    has_given: bool = False
    """Whether it gave a range that turned out to be final."""
    pace_us: int | None = None
    """Time that its last answer took, for each block; None before the first."""
    answered_ms: int = 0
    """When that was."""
    failures: int = 0
    """Questions in a row that it did not answer in time."""
    rests_until_ms: int = 0
    """When it may be asked again."""
    is_doubted: bool = False
    """Whether it had nothing where it claimed to, and has given nothing since."""
    is_spoilt: bool = False
    """Whether it sent what no honest peer sends; it is being disconnected."""

    @property
    def is_credible(self) -> bool:
        """Whether its word counts for where this node stands, besides being asked."""
        return not (self.is_doubted or self.is_spoilt or self.failures)

    @property
    def kind(self) -> int:
        """Return which peers are asked first: those of the lowest kind."""
        if self.is_trusted:
            return 0 if self.failures <= LATE_MAX else 2
        return 1 if self.has_given else 3

    def answered(self, now_ms: int, elapsed_ms: int, blocks: int) -> None:
        """Note that it gave blocks."""
        self.failures, self.is_doubted = 0, False
        self.pace_us, self.answered_ms = elapsed_ms * 1_000 // blocks, now_ms

    def expected_us(self, quickest_us: int, now_ms: int) -> int:
        """Return the time that it is expected to take for each block, given the quickest peer's."""
        if self.pace_us is None:
            return quickest_us
        halvings = min((now_ms - self.answered_ms) // PACE_HALVES_MS, 31)
        return max(quickest_us, self.pace_us >> halvings)

    def gave_proof(self, now_ms: int, *, is_useful: bool) -> None:
        """Note that it gave something on the way to the blocks."""
        self.failures, self.is_doubted = 0, False
        if not is_useful:
            self.rests_until_ms = now_ms + REST_MS

    def had_nothing(self, first: Height, now_ms: int) -> None:
        """Note that it had no block at a height that it claimed to reach."""
        self.height = min(self.height, first - 1)
        self.is_doubted = True
        self.rests_until_ms = now_ms + REST_MS

    def was_late(self, now_ms: int) -> None:
        """Note that it did not answer in time."""
        self.rests_until_ms = now_ms + (REST_MS << min(self.failures, REST_DOUBLINGS_MAX))
        self.failures += 1


class Sources:
    """Everybody who is connected and said how far it reaches."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._peers: dict[PublicKey, PeerState] = {}

    def announce(self, key: PublicKey, height: Height, *, is_trusted: bool) -> None:
        """Note what a peer says, and whether it is trusted now."""
        peer = self._peers.setdefault(key, PeerState())
        peer.height, peer.is_trusted = height, is_trusted

    def forget(self, key: PublicKey) -> None:
        """Note that a peer is gone."""
        self._peers.pop(key, None)

    def get(self, key: PublicKey) -> PeerState | None:
        """Return what is known of a peer; None if it is gone."""
        return self._peers.get(key)

    def target(self, head: Height, *, is_still: bool) -> Height:
        """Return the height up to which blocks are asked for.

        A peer that does not answer counts only where nobody else reaches beyond the own head.

        Args:
            head: height of the own final chain.
            is_still: whether that has not moved for long; strangers count then, too, where no
                trusted peer reaches beyond it.
        """
        counted = self._counted().values()
        if is_still and all(peer.height <= head for peer in counted):
            counted = self._sound().values()
        answering = max((peer.height for peer in counted if not peer.failures), default=0)
        return answering if answering > head else max((p.height for p in counted), default=0)

    def credible(self) -> tuple[PublicKey | None, Height]:
        """Return the highest height that is believed, and who claims it; (None, 0) if none is."""
        heights = {key: peer.height for key, peer in self._counted().items() if peer.is_credible}
        best = max(heights, key=heights.__getitem__, default=None)
        return best, heights.get(best, 0) if best is not None else 0

    def choose(
        self,
        height: Height,
        load: Mapping[PublicKey, int],
        now_ms: int,
        but: Collection[PublicKey] = (),
    ) -> PublicKey | None:
        """Return whom to ask for a height.

        Args:
            height: the lowest that is wanted.
            load: questions that each peer has not answered; none for those left out.
            now_ms: monotonic time.
            but: peers to leave out.

        Returns:
            None if nobody can be asked, or if it is best to wait for an answer first.
        """
        able = {
            key: peer
            for key, peer in self._peers.items()
            if peer.height >= height
            and not peer.is_spoilt
            and peer.rests_until_ms <= now_ms
            and key not in but
        }
        paces = (peer.pace_us for peer in able.values() if peer.pace_us is not None)
        quickest_us = max(1, min(paces, default=PACE_US))

        def rank(key: PublicKey) -> tuple[int, int, int]:
            peer = able[key]
            expected_us = (load.get(key, 0) + 1) * peer.expected_us(quickest_us, now_ms)
            return peer.kind, peer.failures, expected_us

        best = min(able, key=rank, default=None)
        return best if best is not None and load.get(best, 0) < SPANS_PER_PEER_MAX else None

    def rests(self) -> list[int]:
        """Return when peers may be asked again."""
        return [peer.rests_until_ms for peer in self._peers.values()]

    def _counted(self) -> dict[PublicKey, PeerState]:
        """Return the peers whose word counts: trusted ones, or where there are none, all."""
        sound = self._sound()
        return {key: peer for key, peer in sound.items() if peer.is_trusted} or sound

    def _sound(self) -> dict[PublicKey, PeerState]:
        return {key: peer for key, peer in self._peers.items() if not peer.is_spoilt}
