"""What one event leads to, collected in the order in which the rules decide it."""

from consensus.effects import Effect, Persist
from consensus.events import BlockRef
from consensus.records import Record


class Outbox:
    """Records and effects of one batch; the records come out first."""

    __slots__ = ("_blocks", "_effects", "_records")

    def __init__(self) -> None:
        self._blocks: list[BlockRef] = []
        self._records: list[Record] = []
        self._effects: list[Effect] = []

    def keep_block(self, block: BlockRef) -> None:
        """Have a block's bytes made durable with this batch."""
        self._blocks.append(block)

    def record(self, record: Record) -> None:
        """Have a record made durable with this batch."""
        self._records.append(record)

    def emit(self, effect: Effect) -> None:
        """Have something done after the batch is durable."""
        self._effects.append(effect)

    def flush(self) -> tuple[Effect, ...]:
        """Return the batch and start the next."""
        batch = self._effects
        if self._blocks or self._records:
            batch = [Persist(tuple(self._blocks), tuple(self._records)), *batch]
        self._blocks, self._records, self._effects = [], [], []
        return tuple(batch)
