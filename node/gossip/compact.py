"""A proposal without the transactions that its receivers have: made by the leader, rebuilt by them.

The vote names the header's id, and the header commits to the body, so a body that was rebuilt wrong
fails when it is executed, like any other wrong body (`node.block_tree`), and the block is fetched
by its id. No rebuilding can make a node take another block than the leader's.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from consensus import Notarize, Vote
from ledger.block import HEADER_CODEC, Header, block_id
from ledger.codec import encode
from ledger.errors import CodecError
from ledger.hashing import Tags
from ledger.steps import UNITS_PER_STEP, Steps
from ledger.transaction import CODEC as TRANSACTION_CODEC
from ledger.transaction import IdentifiedTransaction, identify
from node.arrived_block import ArrivedBlock
from node.p2p import CompactProposal, PeerFault, PlacedTransaction
from node.references import reference_of

Find = Callable[[Sequence[bytes]], Sequence[IdentifiedTransaction | None]]
"""Returns the transaction that each reference is of, None where it is not known."""


def compact(
    vote: Vote,
    header: Header,
    body: Sequence[IdentifiedTransaction],
    references: Sequence[bytes],
    is_unsent: Callable[[bytes], bool],
) -> CompactProposal:
    """Return a proposal as it is sent.

    Args:
        vote: the leader's notarize.
        header: of the block that it proposes.
        body: the block's transactions.
        references: of the block's body, in order.
        is_unsent: tells of a reference whether peers cannot have the transaction.
    """
    placed = {at for at, reference in enumerate(references) if is_unsent(reference)}
    return CompactProposal(
        vote,
        encode(header),
        tuple(reference for at, reference in enumerate(references) if at not in placed),
        tuple(PlacedTransaction(at, body[at].data) for at in sorted(placed)),
    )


@dataclass(eq=False, slots=True)
class Rebuild:
    """A block whose body is being put together."""

    header: Header
    """Its header; the vote names it."""
    body: list[IdentifiedTransaction | None]
    """What is known, by position."""
    references: dict[int, bytes]
    """References of the positions that came without bytes."""
    unverified: list[IdentifiedTransaction]
    """Transactions that came with the proposal or for it, so that the pool never judged them."""
    tags: Tags
    """Of the chain."""

    @property
    def missing(self) -> list[int]:
        """Positions that nothing is known for yet, ascending."""
        return [at for at, signed in enumerate(self.body) if signed is None]

    def look_up(self, find: Find) -> Steps[None]:
        """Fill in what is known by reference."""
        lacking = [at for at in self.references if self.body[at] is None]
        for start in range(0, len(lacking), UNITS_PER_STEP):
            some = lacking[start : start + UNITS_PER_STEP]
            found = find([self.references[at] for at in some])
            for at, signed in zip(some, found, strict=True):
                self.body[at] = signed
            yield len(some)

    def fill(self, placed: Sequence[PlacedTransaction]) -> Steps[None]:
        """Fill in what is missing from an answer.

        The answer may be to an earlier question about the same block, when less was known.

        Raises:
            PeerFault: it has another transaction where this proposal of the same peer named one.
        """
        for start in range(0, len(placed), UNITS_PER_STEP):
            some = placed[start : start + UNITS_PER_STEP]
            for each in some:
                reference = self.references.get(each.position)
                if reference is None or self.body[each.position] is not None:
                    continue
                if reference_of(each.transaction) != reference:
                    raise PeerFault("BODY_NOT_AS_NAMED", provable=True)
                self._place(each)
            yield len(some)

    def block(self) -> ArrivedBlock:
        """Return the block; nothing may be missing any more."""
        body = tuple(signed for signed in self.body if signed is not None)
        assert len(body) == len(self.body), "everything was found"
        return ArrivedBlock.of(self.header, body)

    def place(self, placed: Sequence[PlacedTransaction]) -> Steps[None]:
        """Take transactions that came with their bytes.

        Raises:
            PeerFault: the bytes are none.
        """
        for start in range(0, len(placed), UNITS_PER_STEP):
            some = placed[start : start + UNITS_PER_STEP]
            for each in some:
                self._place(each)
            yield len(some)

    def _place(self, placed: PlacedTransaction) -> None:
        try:
            content = TRANSACTION_CODEC.decode(placed.transaction)
        except CodecError as error:
            raise PeerFault(error.code, provable=True) from None
        signed = identify(self.tags, content, placed.transaction)
        self.body[placed.position] = signed
        self.unverified.append(signed)


def start_rebuild(tags: Tags, message: CompactProposal) -> Steps[Rebuild]:
    """Return what a proposal says by itself.

    Raises:
        PeerFault: it cannot be a proposal of the block that its vote names.
    """
    statement = message.vote.statement
    try:
        header = HEADER_CODEC.decode(message.header)
    except CodecError as error:
        raise PeerFault(error.code, provable=True) from None
    if not isinstance(statement, Notarize) or block_id(tags, header) != statement.block_id:
        raise PeerFault("PROPOSAL_NOT_OF_ITS_VOTE", provable=True)
    count = len(message.references) + len(message.placed)
    positions = [each.position for each in message.placed]
    is_ascending = all(earlier < later for earlier, later in pairwise(positions))
    is_inside = max(positions, default=-1) < count
    if header.transaction_count != count or not is_ascending or not is_inside:
        raise PeerFault("PROPOSAL_INCONSISTENT", provable=True)
    taken = set(positions)
    free = (at for at in range(count) if at not in taken)
    references = dict(zip(free, message.references, strict=True))
    rebuild = Rebuild(header, [None] * count, references, [], tags)
    yield from rebuild.place(message.placed)
    return rebuild
