"""Builds views of receipts, from the coordinator's own tables and from the index."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, bindparam, select

from coordinator.database.listed import Listed
from coordinator.database.prepared import Prepared
from coordinator.database.tables import attestations, jobs, miners, outbox, receipts
from coordinator.errors import Unavailable
from coordinator.receipts.model import AttestationView, ReceiptView
from ledger.actions import AttestationKind, Custody, PostReceipt
from ledger.keys import format_address
from ledger.outcomes import OutcomeKind
from ledger.store import IndexReader, Payment, ReceiptRow, TransactionRow
from ledger.transaction import CODEC, SignedTransaction
from ledger.types import Hash, Signature

AnyRow = Row[tuple[object, ...]]

OWN: Final[Select[Any]] = (
    select(
        receipts.c.receipt_id,
        receipts.c.job_id,
        receipts.c.miner,
        receipts.c.signed,
        receipts.c.height,
        receipts.c.position,
        receipts.c.timestamp_ms,
        jobs.c.service,
        jobs.c.end_kind,
        jobs.c.paid_miner,
        miners.c.name,
        miners.c.custody,
    )
    .join(jobs, jobs.c.job_id == receipts.c.job_id)
    .outerjoin(miners, miners.c.address == receipts.c.miner)
)
"""Receipts of this coordinator's jobs, with what the tables know of their jobs and miners."""

_BY_ID: Final = Prepared(OWN.where(receipts.c.receipt_id == bindparam("receipt_id")))

_OF_JOBS: Final = Listed(lambda job_ids: OWN.where(receipts.c.job_id.in_(job_ids)))

# What this coordinator signed is in its outbox, unless its database is a new one.
_VOUCHED: Final = Listed(
    lambda receipt_ids: (
        select(attestations, outbox.c.signed)
        .outerjoin(outbox, outbox.c.transaction_id == attestations.c.transaction_id)
        .where(attestations.c.receipt_id.in_(receipt_ids))
        .order_by(attestations.c.height, attestations.c.kind)
    )
)


def find_own(connection: Connection, index: IndexReader, receipt_id: Hash) -> ReceiptView | None:
    """Return a receipt of this coordinator's jobs."""
    row = _BY_ID.one_or_none(connection, receipt_id=receipt_id)
    return None if row is None else own_view(connection, index, row)


def find_own_of_jobs(
    connection: Connection, index: IndexReader, job_ids: Sequence[Hash]
) -> dict[Hash, ReceiptView | Unavailable]:
    """Return the receipts of those of some jobs that are this coordinator's and have one.

    In the place of a receipt stands what `own_view` raises of it.
    """
    rows = _OF_JOBS.all(connection, job_ids)
    vouched: dict[Hash, list[AnyRow]] = defaultdict(list)
    for each in _VOUCHED.all(connection, [row.receipt_id for row in rows]):
        vouched[each.receipt_id].append(each)
    found: dict[Hash, ReceiptView | Unavailable] = {}
    for row in rows:
        try:
            found[row.job_id] = _own(index, row, vouched[row.receipt_id])
        except Unavailable as error:
            found[row.job_id] = error
    return found


def own_view(connection: Connection, index: IndexReader, row: AnyRow) -> ReceiptView:
    """Return the view of a row of `OWN`.

    Raises:
        Unavailable: an attestation was signed elsewhere, and the index has not reached it.
    """
    return _own(index, row, _VOUCHED.all(connection, [row.receipt_id]))


def _own(index: IndexReader, row: AnyRow, vouched: Sequence[AnyRow]) -> ReceiptView:
    signed = CODEC.decode_trusted(row.signed)
    return _view(
        signed,
        receipt_id=row.receipt_id,
        transaction=row.signed,
        miner_name=row.name or format_address(row.miner),
        custody=Custody.OWN if row.custody is None else Custody(row.custody),
        service=row.service,
        height=row.height,
        timestamp_ms=row.timestamp_ms,
        attestations=tuple(
            AttestationView(
                AttestationKind(each.kind),
                each.transaction_id,
                each.height,
                each.timestamp_ms,
                _indexed_signature(index, each.transaction_id)
                if each.signed is None
                else CODEC.decode_trusted(each.signed).signature,
            )
            for each in vouched
        ),
        is_settled=row.end_kind == OutcomeKind.JOB_SETTLED,
        paid=row.paid_miner,
    )


def index_view(
    index: IndexReader, row: ReceiptRow, transaction: TransactionRow, service: str
) -> ReceiptView:
    """Return the view of a receipt that the index knows."""
    return _view(
        transaction.content,
        receipt_id=row.receipt_id,
        transaction=transaction.signed,
        miner_name=row.miner_name,
        custody=row.custody,
        service=service,
        height=row.height,
        timestamp_ms=row.timestamp_ms,
        attestations=tuple(
            AttestationView(
                each.kind,
                each.transaction_id,
                each.at.height,
                each.at.timestamp_ms,
                _indexed_signature(index, each.transaction_id),
            )
            for each in row.attestations
        ),
        is_settled=row.payment is Payment.RELEASED,
        paid=row.paid_miner,
    )


def _indexed_signature(index: IndexReader, transaction_id: Hash) -> Signature:
    transaction = index.transaction(transaction_id)
    if transaction is None:
        raise Unavailable("The index has not reached an attestation of this receipt")
    return transaction.content.signature


def _view(
    signed: SignedTransaction,
    *,
    receipt_id: Hash,
    transaction: bytes,
    miner_name: str,
    custody: Custody,
    service: str,
    height: int,
    timestamp_ms: int,
    attestations: tuple[AttestationView, ...],
    is_settled: bool,
    paid: int,
) -> ReceiptView:
    action = signed.transaction.action
    assert isinstance(action, PostReceipt)
    return ReceiptView(
        receipt_id=receipt_id,
        job_id=action.job_id,
        attempt=action.attempt,
        miner=signed.transaction.sender,
        miner_name=miner_name,
        custody=custody,
        client=action.client,
        coordinator=action.coordinator,
        service=service,
        units_micro=action.units_micro,
        unit_type=action.unit_type,
        price=action.price,
        model=action.model,
        result_digest=action.result_digest,
        started_ms=action.started_ms,
        completed_ms=action.completed_ms,
        public_key=signed.transaction.sender_public_key,
        signature=signed.signature,
        transaction=transaction,
        height=height,
        timestamp_ms=timestamp_ms,
        attestations=attestations,
        is_settled=is_settled,
        paid=paid,
    )
