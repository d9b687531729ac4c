"""The table of transfers: every function works inside the caller's transaction.

Where a transfer is, the outbox knows: its row there is written in the same transactions.
"""

from typing import Final

from sqlalchemy import Connection, Row, delete, insert, select

from coordinator.database.account_tables import transfers
from coordinator.database.tables import outbox
from coordinator.outbox import OutboxState
from coordinator.transfers.model import Transfer, TransferStatus
from ledger.types import Address, Amount, Hash, TimestampMs

_SHOWN: Final = select(transfers, outbox.c.state, outbox.c.valid_until_ms).join(
    outbox, outbox.c.transaction_id == transfers.c.transaction_id
)

_STATUSES: Final = {
    OutboxState.PENDING: TransferStatus.POOLED,
    OutboxState.FINAL: TransferStatus.FINAL,
    OutboxState.EXPIRED: TransferStatus.EXPIRED,
    OutboxState.VOID: TransferStatus.EXPIRED,
}


def add(
    connection: Connection,
    *,
    transaction_id: Hash,
    client_id: str,
    key_id: str,
    sender: Address,
    to: Address,
    amount: Amount,
    fee: Amount,
    created_ms: TimestampMs,
) -> None:
    """Store a transfer, in the transaction that stores its bytes in the outbox."""
    connection.execute(
        insert(transfers).values(
            transaction_id=transaction_id,
            client_id=client_id,
            key_id=key_id,
            sender=sender,
            receiver=to,
            amount=amount,
            fee=fee,
            created_ms=created_ms,
        )
    )


def forget(connection: Connection, transaction_id: Hash) -> None:
    """Delete a transfer that the node refused at once."""
    connection.execute(delete(transfers).where(transfers.c.transaction_id == transaction_id))


def find(connection: Connection, client_id: str, transaction_id: Hash) -> Transfer | None:
    """Return a client's transfer, None if it has no such."""
    query = _SHOWN.where(
        transfers.c.transaction_id == transaction_id, transfers.c.client_id == client_id
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else _transfer(row)


def newest(
    connection: Connection, client_id: str, limit: int, before: int | None
) -> tuple[Transfer, ...]:
    """Return transfers of a client, the newest first.

    Args:
        connection: reads.
        client_id: whose.
        limit: most transfers.
        before: only those whose `seq` is below this; None for all.
    """
    query = _SHOWN.where(transfers.c.client_id == client_id)
    if before is not None:
        query = query.where(transfers.c.seq < before)
    rows = connection.execute(query.order_by(transfers.c.seq.desc()).limit(limit))
    return tuple(_transfer(row) for row in rows)


def _transfer(row: Row[tuple[object, ...]]) -> Transfer:
    return Transfer(
        transaction_id=row.transaction_id,
        sender=row.sender,
        to=row.receiver,
        amount=row.amount,
        fee=row.fee,
        status=_STATUSES[OutboxState(row.state)],
        created_ms=row.created_ms,
        valid_until_ms=row.valid_until_ms,
        seq=row.seq,
    )
