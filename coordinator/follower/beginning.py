"""Where a coordinator's database stands on the chain, and how a new one begins."""

from typing import Final

from sqlalchemy import Connection, bindparam, insert, select, update

from coordinator.database.prepared import Prepared
from coordinator.database.tables import chain as cursor
from coordinator.database.tables import jobs, miners, outbox, wallets
from ledger.types import Hash, Height

GENESIS_HEIGHT: Final = 0

_CHAIN_ID: Final = select(cursor.c.chain_id)

_POSITION: Final = Prepared(select(cursor.c.height, cursor.c.block_id))

_MOVE: Final = Prepared(
    update(cursor).values(height=bindparam("new_height"), block_id=bindparam("new_block_id"))
)


def bind(connection: Connection, chain_id: str) -> str:
    """Bind a database that is bound to no chain; return the id of the chain that it follows."""
    found: str | None = connection.execute(_CHAIN_ID).scalar_one_or_none()
    if found is not None:
        return found
    start = {"chain_id": chain_id, "height": GENESIS_HEIGHT, "block_id": bytes(32)}
    connection.execute(insert(cursor).values(**start))
    return chain_id


def position(connection: Connection) -> tuple[Height, Hash]:
    """Return height and id of the block that was followed last; zeros before the first."""
    row = _POSITION.one(connection)
    return row.height, row.block_id


def move_to(connection: Connection, height: Height, block_id: Hash) -> None:
    """Note the block that was followed last."""
    _MOVE.run(connection, new_height=height, new_block_id=block_id)


def begin_at(connection: Connection, height: Height, block_id: Hash) -> None:
    """Take a block as followed of which the node does not hold what it did."""
    move_to(connection, height, block_id)


def holds_nothing(connection: Connection) -> bool:
    """Return whether nothing is stored that blocks which are not there could be about."""
    tables = (jobs, miners, outbox, wallets)
    return not any(connection.execute(select(table).limit(1)).first() for table in tables)
