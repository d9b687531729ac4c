"""Starting a store in the middle of a chain, from a snapshot that was verified (S9)."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert

from ledger.block import Block, block_id
from ledger.codec import encode
from ledger.hashing import Tags
from ledger.outcomes import Outcome
from ledger.store.block_rows import block_values, transaction_ids
from ledger.store.bulk import Value
from ledger.store.chain_tables import BLOCKS, CHAIN, EPOCH_ENDS
from ledger.store.recent_ids import ids_of_leaves, ids_row, insert_ids
from ledger.store.state_table import write_first_state
from ledger.store.stored import EpochEnd
from ledger.store.summaries import Summary, insert_summaries
from ledger.types import Hash


@dataclass(frozen=True, slots=True)
class Middle:
    """Everything that a node needs to continue after a final block without those before it."""

    tags: Tags
    """Tags of the chain."""
    block_id: Hash
    """Id of the head."""
    block: Block
    """The head, whole."""
    certificate: bytes
    """Its finalization."""
    outcomes: tuple[Outcome, ...]
    """Its outcome records."""
    records: Mapping[bytes, bytes]
    """The state after it."""
    summaries: Sequence[Summary]
    """Block 0, the blocks of the last horizon (T1), and the ends of epochs; each height once."""
    epoch_ends: Sequence[EpochEnd]
    """The ends of epochs that `summaries` and the head hold."""


def write_middle(connection: Connection, middle: Middle) -> None:
    """Fill an empty database."""
    header = middle.block.header
    assert block_id(middle.tags, header) == middle.block_id
    chain_row = {
        "one": 1,
        "chain_id": header.chain_id,
        "genesis_digest": middle.tags.genesis_digest,
        "checkpoint_height": header.height,
    }
    connection.execute(insert(CHAIN).values(chain_row))
    data = encode(middle.block)
    row = block_values(middle.block_id, header, data, middle.certificate, middle.outcomes)
    connection.execute(insert(BLOCKS).values(row))
    insert_summaries(connection, middle.summaries)
    insert_ids(connection, (_ids_row(summary) for summary in middle.summaries))
    insert_ids(connection, [ids_row(header.height, transaction_ids(middle.tags, middle.block))])
    if middle.epoch_ends:
        connection.execute(insert(EPOCH_ENDS), [asdict(end) for end in middle.epoch_ends])
    write_first_state(connection, sorted(middle.records.items()))


def _ids_row(summary: Summary) -> dict[str, Value] | None:
    return ids_row(summary.header.height, ids_of_leaves(summary.leaves or b""))
