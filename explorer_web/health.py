"""How the chain is, in a word and a sentence, from where it stands."""

from dataclasses import dataclass
from typing import Final

from explorer_web.facts import Json
from explorer_web.formats import duration, grouped
from explorer_web.participation import Signing, signing_in
from explorer_web.ports import Standing
from explorer_web.words import Tone
from ledger.store import IndexReader
from ledger.types import Height

STALE_HEARTBEATS: Final = 3
"""Heartbeats without a final block after which a chain counts as stale."""

LAG_BLOCKS: Final = 20
"""Blocks by which the index may trail a healthy chain; it works in batches."""


@dataclass(frozen=True, slots=True)
class ChainHealth:
    """What the status strip and the home page say."""

    word: str
    """`live`, `stale`, `index stopped` or `catching up`."""
    tone: Tone
    """Its colour and icon."""
    sentence: str
    """The same with its numbers."""
    standing: Standing
    """Where the chain stands."""
    indexed_height: int
    """Height that the index has reached."""
    signing: Signing | None = None
    """Who signs the newest blocks; None where no certificate of them is known."""

    @property
    def online(self) -> str:
        """How many validators this node sees, in words."""
        return f"{_of_validators(self.standing.online, self.standing.validators)} online"

    @property
    def lag(self) -> int:
        """Final blocks that the index has not reached yet."""
        return max(0, self.standing.final_height - self.indexed_height)

    @property
    def tag(self) -> str:
        """Text that differs whenever a page could: of the heads, and of a stale chain's seconds."""
        standing = self.standing
        seconds = standing.now_ms // 1_000 if self.tone is not Tone.GOOD else 0
        heights = f"{standing.final_height}-{standing.head_height}-{self.indexed_height}"
        return f"{standing.genesis_digest.hex()[:16]}-{heights}-{seconds}-{standing.online}"

    @property
    def json(self) -> Json:
        """The same for JSON twins of pages that move with the head."""
        return {
            "chain_id": self.standing.chain_id,
            "final_height": self.standing.final_height,
            "final_ms": self.standing.final_ms,
            "head_height": self.standing.head_height,
            "indexed_height": self.indexed_height,
            "validators": self.standing.validators,
            "validators_online": self.standing.online,
            "validators_signing": self.signing.members if self.signing else None,
            "health": self.word,
        }


class HealthReader:
    """Tells how the chain is; looks into its newest certificates once for each height."""

    def __init__(self, index: IndexReader) -> None:
        """Look at nothing yet.

        Args:
            index: final blocks with their certificates.
        """
        self._index = index
        self._seen: tuple[Height, Signing | None] = (-1, None)

    def of(self, standing: Standing) -> ChainHealth:
        """Return how the chain is; reads the index, so it is called in threads."""
        height = self._index.indexed_height()
        # Two threads may both look: they see the same.
        seen_at, signing = self._seen
        if seen_at != height:
            signing = signing_in(self._index, standing.validators)
            self._seen = (height, signing)
        return chain_health(standing, height, signing)


def stale_ms(standing: Standing) -> int:
    """Return the silence after which a chain counts as stale."""
    return STALE_HEARTBEATS * standing.heartbeat_ms


def chain_health(
    standing: Standing, indexed_height: int, signing: Signing | None = None
) -> ChainHealth:
    """Return how the chain is.

    Args:
        standing: where it stands.
        indexed_height: height that the index has reached.
        signing: who signs the newest blocks, if that is known.
    """
    age_ms = max(0, standing.now_ms - standing.final_ms)
    lag = max(0, standing.final_height - indexed_height)
    final = f"final at {grouped(standing.final_height)}"
    ago = f"{duration(age_ms // 1_000 * 1_000)} ago" if age_ms >= 1_000 else "now"
    behind = max(0, standing.target_height - standing.final_height)
    if behind > LAG_BLOCKS:
        word, tone = "syncing", Tone.WAIT
        sentence = (
            f"Syncing: {final}, and peers announce block {grouped(standing.target_height)}. These "
            f"pages show the past until this node has the {grouped(behind)} blocks between."
        )
    elif age_ms > stale_ms(standing):
        word, tone = "stale", Tone.BAD
        sentence = (
            f"Stale: no final block for {duration(age_ms)}; {final}. "
            f"A healthy chain makes one at least every {duration(standing.heartbeat_ms)}."
        )
    elif standing.index_fault and lag:
        word, tone = "index stopped", Tone.BAD
        sentence = (
            f"The index stands still ({standing.index_fault}): {final}, and these pages know "
            f"blocks up to {grouped(indexed_height)}."
        )
    elif lag > LAG_BLOCKS:
        word, tone = "catching up", Tone.WAIT
        sentence = (
            f"Catching up: {final}, and these pages know blocks up to {grouped(indexed_height)}."
        )
    else:
        word, tone = "live", Tone.GOOD
        sentence = f"Live: {final}, {ago}, {_signing(standing, signing)}."
    return ChainHealth(word, tone, sentence, standing, indexed_height, signing)


def _signing(standing: Standing, signing: Signing | None) -> str:
    if signing is None:
        return _validators(standing.validators)
    return f"{_of_validators(signing.members, standing.validators)} signing"


def _of_validators(some: int, count: int) -> str:
    return f"{some} of {_validators(count)}"


def _validators(count: int) -> str:
    return "1 validator" if count == 1 else f"{count} validators"
