"""How the chain is, in a word and a sentence, from where it stands."""

from dataclasses import dataclass
from typing import Final

from explorer_web.facts import Json
from explorer_web.formats import duration, grouped
from explorer_web.ports import Standing
from explorer_web.words import Tone

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
        return f"{standing.genesis_digest.hex()[:16]}-{heights}-{seconds}"

    @property
    def json(self) -> Json:
        """The same for JSON twins of pages that move with the head."""
        return {
            "chain_id": self.standing.chain_id,
            "final_height": self.standing.final_height,
            "final_ms": self.standing.final_ms,
            "head_height": self.standing.head_height,
            "indexed_height": self.indexed_height,
            "health": self.word,
        }


def stale_ms(standing: Standing) -> int:
    """Return the silence after which a chain counts as stale."""
    return STALE_HEARTBEATS * standing.heartbeat_ms


def chain_health(standing: Standing, indexed_height: int) -> ChainHealth:
    """Return how the chain is.

    Args:
        standing: where it stands.
        indexed_height: height that the index has reached.
    """
    age_ms = max(0, standing.now_ms - standing.final_ms)
    lag = max(0, standing.final_height - indexed_height)
    final = f"final at {grouped(standing.final_height)}"
    ago = f"{duration(age_ms // 1_000 * 1_000)} ago" if age_ms >= 1_000 else "now"
    validators = "1 validator" if standing.validators == 1 else f"{standing.validators} validators"
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
        sentence = f"Live: {final}, {ago}, {validators}."
    return ChainHealth(word, tone, sentence, standing, indexed_height)
