"""A block that came from elsewhere, before it is executed."""

from dataclasses import dataclass

from ledger.block import CODEC, Block, Header, encode_block
from ledger.block_steps import identify_in_steps
from ledger.hashing import Tags
from ledger.steps import Steps
from ledger.transaction import IdentifiedTransaction

Body = tuple[IdentifiedTransaction, ...]
"""A block's transactions with bytes and ids, in order."""


@dataclass(eq=False, slots=True)
class ArrivedBlock:
    """A decoded block; nothing of it is checked."""

    block: Block
    """Header and body."""
    data: bytes
    """Its canonical bytes."""
    known: Body | None = None
    """The body with bytes and ids, once somebody computed them."""

    @classmethod
    def read(cls, data: bytes) -> "ArrivedBlock":
        """Return the block that these bytes are.

        Raises:
            CodecError: they are none.
        """
        return cls(CODEC.decode(data), data)

    @classmethod
    def of(cls, header: Header, body: Body) -> "ArrivedBlock":
        """Return the block of a header and transactions whose bytes and ids are known."""
        block = Block(header, tuple(signed.content for signed in body))
        return cls(block, encode_block(header, [signed.data for signed in body]), body)

    def body(self, tags: Tags) -> Steps[Body]:
        """Return its transactions with bytes and ids; computed at the first time."""
        if self.known is None:
            self.known = yield from identify_in_steps(tags, self.block.transactions)
        return self.known
