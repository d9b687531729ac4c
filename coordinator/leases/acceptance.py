"""What makes a delivered result acceptable, before anything is stored or sent (J3, J19, J21)."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from coordinator.core import Core
from coordinator.errors import JobAlreadyCompleted, LeaseLost, ReceiptInvalid
from coordinator.jobs.documents import SALT_BYTES, result_digest
from coordinator.jobs.results import result_document
from coordinator.jobs.views import AnyRow
from coordinator.leases import receipt_check
from coordinator.leases.model import Completion, Output
from coordinator.leases.phase import AttemptPhase
from coordinator.leases.store import CallingMiner
from coordinator.leases.structure import check_result, literal_output
from coordinator.moment import Moment
from ledger.actions import Custody, PostReceipt
from ledger.records import Job, JobState
from ledger.transaction import SignedTransaction, transaction_id_of_bytes
from ledger.types import Hash, ModelName, TimestampMs


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call of `complete`."""

    miner: CallingMiner
    """Who delivers."""
    job_id: Hash
    """The job."""
    completion: Completion
    """What is delivered."""
    live: Job | None
    """The job in the final state, which decides (K1)."""
    moment: Moment
    """When."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """A result that passed all checks."""

    document: bytes
    """Canonical result document."""
    salt: bytes
    """Salt of the digest."""
    digest: Hash
    """Digest that the receipt holds (J21)."""
    model: ModelName
    """Model that ran."""
    started_ms: TimestampMs
    """Start, as the receipt says."""
    completed_ms: TimestampMs
    """End, as the receipt says."""


class Acceptance:
    """Checks deliveries; writes nothing."""

    def __init__(self, core: Core) -> None:
        """Stand on the core."""
        self._core = core

    def check(
        self,
        connection: Connection,
        delivery: Delivery,
        job: AnyRow,
        attempt: AnyRow,
        known: AnyRow | None,
    ) -> Accepted:
        """Return what is accepted.

        Args:
            connection: reads.
            delivery: the call.
            job: the job's row.
            attempt: the attempt's row, LIVE or DONE.
            known: result that was accepted for this attempt before, None if there was none.

        Raises:
            JobAlreadyCompleted: another result was accepted before.
            ResultMalformed: the structural checks fail.
            ReceiptInvalid: the signed receipt contradicts job, attempt, terms or result.
            LeaseLost: the chain has moved on.
        """
        document = self.document(connection, delivery, job, known)
        if delivery.miner.custody is Custody.MANAGED:
            return self._managed(delivery, job, attempt, document, known)
        return self._own(delivery, job, attempt, document)

    def document(
        self, connection: Connection, delivery: Delivery, job: AnyRow, known: AnyRow | None
    ) -> bytes:
        """Return the delivered result's canonical document, checked if it is new.

        Raises:
            JobAlreadyCompleted: another result was accepted before.
            ResultMalformed: the structural checks fail.
        """
        service = self._core.registry.get(job.service)
        output = delivery.completion.output
        if delivery.miner.custody is Custody.MANAGED:
            output = _with_alias(literal_output(output, service), delivery, job)
        if known is not None:
            # It was checked when it came first; its files may have expired since.
            document = result_document(output)
            if known.document not in (None, document):
                raise JobAlreadyCompleted("Another result was delivered for this attempt")
            return document
        return check_result(
            connection,
            output,
            service,
            bytes_max=self._core.config.limits.result_bytes_max,
            now_ms=delivery.moment.now_ms,
        )

    def _managed(
        self,
        delivery: Delivery,
        job: AnyRow,
        attempt: AnyRow,
        document: bytes,
        known: AnyRow | None,
    ) -> Accepted:
        completion, now_ms = delivery.completion, delivery.moment.now_ms
        if completion.transaction is not None or completion.salt is not None:
            message = "this miner's key is managed here: leave it out"
            raise ReceiptInvalid.at("/transaction", message)
        # A result that nobody wanted any more was kept without its salt.
        if known is None or known.document is None:
            salt = self._core.random_bytes(SALT_BYTES)
        else:
            salt = known.salt
        # `completed_at` is a claim (M4): work cannot end before it began, nor later than now.
        claimed_ms = now_ms if completion.completed_ms is None else completion.completed_ms
        return Accepted(
            document=document,
            salt=salt,
            digest=self._digest(delivery, attempt, salt, document),
            model=delivery.miner.declared.model_for(job.model) or "",
            started_ms=attempt.assigned_ms,
            completed_ms=max(attempt.assigned_ms, min(claimed_ms, now_ms)),
        )

    def _own(self, delivery: Delivery, job: AnyRow, attempt: AnyRow, document: bytes) -> Accepted:
        completion, chain = delivery.completion, self._core.chain
        if completion.transaction is None or completion.salt is None:
            message = "a miner with its own key sends a signed post_receipt and its salt"
            raise ReceiptInvalid.at("/transaction", message, "REQUIRED")
        if len(completion.salt) != SALT_BYTES:
            raise ReceiptInvalid.at("/salt", f"must be {SALT_BYTES} bytes in hex")
        transaction, action = receipt_check.read_receipt(
            chain.tags, chain.chain_id, completion.transaction
        )
        receipt_check.check_signer(transaction, delivery.miner.address)
        receipt_check.check_place(action, delivery.job_id, attempt.attempt)
        digest = self._digest(delivery, attempt, completion.salt, document)
        receipt_check.check_digest(action, digest)
        if self._core.registry.get(job.service).has_model:
            runs = delivery.miner.declared.model_for(job.model)
            receipt_check.check_model(action, runs or job.model)
        if attempt.phase == AttemptPhase.LIVE:
            receipt_id = transaction_id_of_bytes(chain.tags, completion.transaction)
            _check_live_terms(delivery, transaction, receipt_id)
        return Accepted(
            document=document,
            salt=completion.salt,
            digest=digest,
            model=action.model,
            started_ms=action.started_ms,
            completed_ms=action.completed_ms,
        )

    def _digest(self, delivery: Delivery, attempt: AnyRow, salt: bytes, document: bytes) -> Hash:
        place = (delivery.job_id, attempt.attempt, delivery.miner.address)
        return result_digest(self._core.chain.tags, place, salt, document)


def _with_alias(output: Output, delivery: Delivery, job: AnyRow) -> Output:
    """Say in the metadata that another model ran than the one asked for (S3)."""
    runs = delivery.miner.declared.model_for(job.model)
    if not job.model or runs in (None, job.model):
        return output
    metadata = {"model": runs, "model_alias_of": job.model} | output.metadata
    return replace(output, metadata=metadata)


def _check_live_terms(delivery: Delivery, signed: SignedTransaction, receipt_id: Hash) -> None:
    live, action = delivery.live, signed.transaction.action
    assert isinstance(action, PostReceipt)
    if live is not None and live.receipt is not None and live.receipt.receipt_id == receipt_id:
        # The miner sent it to the chain first (J8), and the ledger compared the terms.
        return
    if live is None or live.state is not JobState.RUNNING or live.attempt != action.attempt:
        raise LeaseLost(f"Attempt {action.attempt} is over on the chain")
    receipt_check.check_envelope(signed, delivery.moment)
    receipt_check.check_terms(action, live)
