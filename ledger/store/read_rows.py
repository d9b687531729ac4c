"""Rows of the index become read models. The reverse of `fold` and `entries`."""

from typing import Final

import msgspec
from sqlalchemy import select

from ledger.actions import AttestationKind, Custody, PostReceipt, Reason, SubmitJob
from ledger.block import HEADER_CODEC
from ledger.motions import Motion
from ledger.outcomes import CODEC as OUTCOME_CODEC
from ledger.outcomes import RULED, OutcomeKind
from ledger.store.columns import unpack_position
from ledger.store.entries import BallotEntry, JobEntry, MinerEntry, OfferEntry, ReceiptEntry
from ledger.store.governance_models import BallotRow, BallotStatus
from ledger.store.index_tables import (
    BALLOTS,
    CHANGES,
    JOBS,
    MINERS,
    OFFERS,
    RECEIPTS,
)
from ledger.store.paging import AnyRow, AnySelect
from ledger.store.read_models import (
    BlockRow,
    OutcomeRow,
    TransactionRow,
)
from ledger.store.work_models import (
    AttestationRow,
    CompletedJob,
    DisputeRow,
    JobPhase,
    JobRow,
    MinerRow,
    Moment,
    OfferRow,
    OfferStatus,
    Payment,
    Position,
    ReceiptRow,
)
from ledger.transaction import CODEC as TRANSACTION_CODEC
from ledger.types import Hash

_TERMS: Final = msgspec.msgpack.Decoder(SubmitJob)
_CONTENT: Final = msgspec.msgpack.Decoder(PostReceipt)
_MOTION: Final[msgspec.msgpack.Decoder[Motion]] = msgspec.msgpack.Decoder(Motion)

JOB_ROWS: Final[AnySelect] = select(JOBS)
"""What `job_row` reads."""

COMPLETED_ROWS: Final[AnySelect] = select(
    JOBS.c.terms, JOBS.c.assigned_ms, JOBS.c.received_ms, JOBS.c.paid_miner, JOBS.c.ended_ms
)
"""What `completed_row` reads."""

RECEIPT_ROWS: Final[AnySelect] = select(RECEIPTS)
"""What `receipt_row` reads."""

MINER_ROWS: Final[AnySelect] = select(MINERS)
"""What `miner_row` reads."""

BALLOT_ROWS: Final[AnySelect] = select(BALLOTS)
"""What `ballot_row` reads."""

OFFER_ROWS: Final[AnySelect] = select(OFFERS)
"""What `offer_row` reads."""

CHANGE_ROWS: Final[AnySelect] = select(CHANGES)
"""What `change_row` reads."""


def block_row(row: AnyRow) -> BlockRow:
    """Return a block."""
    block_id, header, body_bytes, certificate = row
    return BlockRow(block_id, HEADER_CODEC.decode_trusted(header), body_bytes, certificate)


def transaction_row(row: AnyRow) -> TransactionRow:
    """Return a transaction."""
    position, transaction_id, signed, block_id, timestamp_ms = row[:5]
    height, index = unpack_position(position)
    content = TRANSACTION_CODEC.decode_trusted(signed)
    return TransactionRow(transaction_id, height, index, block_id, timestamp_ms, signed, content)


def outcome_row(row: AnyRow) -> OutcomeRow:
    """Return an outcome."""
    position, outcome, timestamp_ms = row[:3]
    height, index = unpack_position(position)
    return OutcomeRow(height, index, timestamp_ms, OUTCOME_CODEC.decode_trusted(outcome))


def job_row(row: AnyRow) -> JobRow:
    """Return a job."""
    job = JobEntry(*row)
    position = Position(*unpack_position(job.position))
    return JobRow(
        job_id=job.job_id,
        position=position,
        client=job.client,
        terms=_TERMS.decode(job.terms),
        submitted=Moment(position.height, job.submitted_ms),
        phase=JobPhase(job.phase),
        payment=Payment(job.payment),
        attempt=job.attempt,
        miner=job.miner,
        price_cap=job.price_cap,
        lease_end_ms=job.lease_end_ms,
        assigned=_moment(job.assigned_height, job.assigned_ms),
        receipt_id=job.receipt_id,
        received=_moment(_height_of(job.receipt_position), job.received_ms),
        ended=_moment(job.ended_height, job.ended_ms),
        end_kind=None if job.end_kind is None else OutcomeKind(job.end_kind),
        end_reason=_end_reason(job),
        dispute=_dispute(job),
        is_ruled=_is_ruled(job),
        paid_miner=job.paid_miner,
        paid_coordinator=job.paid_coordinator,
        paid_client=job.paid_client,
    )


def completed_row(row: AnyRow) -> CompletedJob:
    """Return what is counted of a job that has a receipt."""
    terms, assigned_ms, received_ms, paid, ended_ms = row
    is_timed = assigned_ms is not None and received_ms is not None
    took_ms = received_ms - assigned_ms if is_timed else None
    return CompletedJob(_TERMS.decode(terms).service, took_ms, paid, ended_ms)


def ballot_row(row: AnyRow) -> BallotRow:
    """Return a ballot."""
    ballot = BallotEntry(*row)
    position = Position(*unpack_position(ballot.position))
    return BallotRow(
        ballot_id=ballot.ballot_id,
        position=position,
        opener=ballot.opener,
        motion=_MOTION.decode(ballot.motion),
        opened=Moment(position.height, ballot.opened_ms),
        status=BallotStatus(ballot.status),
        closed=_moment(ballot.closed_height, ballot.closed_ms),
    )


def offer_row(row: AnyRow) -> OfferRow:
    """Return an offer."""
    offer = OfferEntry(*row)
    position = Position(*unpack_position(offer.position))
    return OfferRow(
        offer_id=offer.offer_id,
        position=position,
        miner=offer.miner,
        service=offer.service,
        price=offer.price,
        capacity=offer.capacity,
        remaining=offer.remaining,
        posted=Moment(position.height, offer.posted_ms),
        expires_ms=offer.expires_ms,
        status=OfferStatus(offer.status),
        closed=_moment(offer.closed_height, offer.closed_ms),
    )


def change_row(row: AnyRow) -> OutcomeRow:
    """Return what governance changed, which is an outcome."""
    position, timestamp_ms, outcome = row[:3]
    height, index = unpack_position(position)
    return OutcomeRow(height, index, timestamp_ms, OUTCOME_CODEC.decode_trusted(outcome))


def receipt_row(row: AnyRow) -> ReceiptRow:
    """Return a receipt."""
    receipt = ReceiptEntry(*row)
    return ReceiptRow(
        receipt_id=receipt.receipt_id,
        position=Position(*unpack_position(receipt.position)),
        timestamp_ms=receipt.timestamp_ms,
        miner=receipt.miner,
        miner_name=receipt.miner_name,
        custody=Custody(receipt.custody),
        content=_CONTENT.decode(receipt.content),
        attestations=_attestations(receipt),
        payment=Payment(receipt.payment),
        settled=_moment(receipt.settled_height, receipt.settled_ms),
        paid_miner=receipt.paid_miner,
        paid_coordinator=receipt.paid_coordinator,
        paid_client=receipt.paid_client,
    )


def miner_row(row: AnyRow) -> MinerRow:
    """Return a miner."""
    miner = MinerEntry(*row)
    position = Position(*unpack_position(miner.position))
    return MinerRow(
        miner=miner.miner,
        position=position,
        name=miner.name,
        capabilities_digest=miner.capabilities_digest,
        price_floor=miner.price_floor,
        bond=miner.bond,
        custody=Custody(miner.custody),
        registered=Moment(position.height, miner.registered_ms),
        retired=_moment(miner.retired_height, miner.retired_ms),
        assignments=miner.assignments,
        receipts=miner.receipts,
        settled=miner.settled,
        released=miner.released,
        lost=miner.lost,
        earned=miner.earned,
        timeouts=miner.timeouts,
        refuted=miner.refuted,
        reruns=miner.reruns,
    )


def _end_reason(job: JobEntry) -> Reason | None:
    is_failed = job.end_kind == OutcomeKind.JOB_FAILED
    return Reason(job.end_code) if is_failed and job.end_code else None


def _is_ruled(job: JobEntry) -> bool:
    """Return whether a ruling ended the job: what the code of these two ends says."""
    by_dispute = job.end_kind in {OutcomeKind.JOB_SETTLED, OutcomeKind.JOB_REFUNDED}
    return by_dispute and job.end_code == RULED


def _dispute(job: JobEntry) -> DisputeRow | None:
    at = _moment(job.disputed_height, job.disputed_ms)
    if at is None or job.disputed_by is None or job.dispute_bond is None:
        return None
    return DisputeRow(job.disputed_by, Reason(job.dispute_reason or 0), job.dispute_bond, at)


def _attestations(receipt: ReceiptEntry) -> tuple[AttestationRow, ...]:
    """Return the attestations that are there, in the order in which they were made."""
    given: list[tuple[AttestationKind, int | None, int | None, Hash | None]] = [
        (
            AttestationKind.DELIVERY,
            receipt.delivery_height,
            receipt.delivery_ms,
            receipt.delivery_id,
        ),
        (AttestationKind.RERUN, receipt.rerun_height, receipt.rerun_ms, receipt.rerun_id),
    ]
    rows = [
        AttestationRow(kind, Moment(height, timestamp_ms), transaction_id)
        for kind, height, timestamp_ms, transaction_id in given
        if height is not None and timestamp_ms is not None and transaction_id is not None
    ]
    return tuple(sorted(rows, key=lambda row: row.at))


def _moment(height: int | None, timestamp_ms: int | None) -> Moment | None:
    if height is None or timestamp_ms is None:
        return None
    return Moment(height, timestamp_ms)


def _height_of(position: int | None) -> int | None:
    return None if position is None else unpack_position(position)[0]
