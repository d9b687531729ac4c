"""Builds views of receipts, from the coordinator's own tables and from the index."""

from sqlalchemy import Connection, Row, select

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


def find_own(connection: Connection, index: IndexReader, receipt_id: Hash) -> ReceiptView | None:
    """Return a receipt of this coordinator's jobs."""
    query = select(receipts).where(receipts.c.receipt_id == receipt_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else own_view(connection, index, row)


def find_own_of_job(connection: Connection, index: IndexReader, job_id: Hash) -> ReceiptView | None:
    """Return the receipt of one of this coordinator's jobs."""
    row = connection.execute(select(receipts).where(receipts.c.job_id == job_id)).one_or_none()
    return None if row is None else own_view(connection, index, row)


def own_view(connection: Connection, index: IndexReader, row: AnyRow) -> ReceiptView:
    """Return the view of a row of the table `receipts`.

    Raises:
        Unavailable: an attestation was signed elsewhere, and the index has not reached it.
    """
    signed = CODEC.decode_trusted(row.signed)
    job = connection.execute(select(jobs).where(jobs.c.job_id == row.job_id)).one()
    named = select(miners).where(miners.c.address == row.miner)
    miner = connection.execute(named).one_or_none()
    # What this coordinator signed is in its outbox, unless its database is a new one.
    vouched = (
        select(attestations, outbox.c.signed)
        .outerjoin(outbox, outbox.c.transaction_id == attestations.c.transaction_id)
        .where(attestations.c.receipt_id == row.receipt_id)
        .order_by(attestations.c.height, attestations.c.kind)
    )
    return _view(
        signed,
        receipt_id=row.receipt_id,
        transaction=row.signed,
        miner_name=format_address(row.miner) if miner is None else miner.name,
        custody=Custody.OWN if miner is None else Custody(miner.custody),
        service=job.service,
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
            for each in connection.execute(vouched)
        ),
        is_settled=job.end_kind == OutcomeKind.JOB_SETTLED,
        paid=job.paid_miner,
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
