"""Turns duties into signed transactions in the outbox, inside the caller's transaction."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from sqlalchemy import Connection, bindparam, select

from coordinator.config import Timings
from coordinator.database.prepared import Found, Prepared
from coordinator.database.tables import attempts, jobs, results
from coordinator.duties.decide import (
    Attest,
    Dispute,
    Duty,
    Fail,
    JobFacts,
    Release,
    SignReceipt,
    duty_of,
)
from coordinator.duties.facts import read_facts
from coordinator.leases.phase import AttemptPhase
from coordinator.leases.store import live_attempt
from coordinator.moment import Moment
from coordinator.outbox import Outgoing, SignedBytes, Signer, store
from coordinator.wallets import Vault
from coordinator.wallets.store import get_key
from ledger.actions import (
    Action,
    AttestationKind,
    AttestReceipt,
    DisputeReceipt,
    FailJob,
    PostReceipt,
    ReleaseJob,
    UnitType,
)
from ledger.keys import KeyPair
from ledger.types import Address, Attempt, Hash, ModelName, TimestampMs

_INTENTS: Final[Mapping[type[Duty], str]] = {
    Fail: "fail",
    Release: "release",
    SignReceipt: "receipt",
    Attest: "attest",
    Dispute: "dispute",
}
"""First word of the intent in the outbox; the miner's own release and receipt have the same."""


class Work(Protocol):
    """What a receipt tells of a result."""

    @property
    def digest(self) -> Hash:
        """Digest that commits to it (J21)."""

    @property
    def model(self) -> ModelName:
        """Model that ran."""

    @property
    def started_ms(self) -> TimestampMs:
        """When the work began."""

    @property
    def completed_ms(self) -> TimestampMs:
        """When it ended."""


@dataclass(frozen=True)
class Duties:
    """Does what the coordinator owes."""

    key: KeyPair
    """The coordinator's account key."""
    vault: Vault
    """Opens the keys of managed miners."""
    signer: Signer
    """Signs."""
    timings: Timings
    """Settings."""

    def perform(
        self, connection: Connection, moment: Moment, job_ids: Collection[Hash]
    ) -> list[Outgoing]:
        """Store what each job is owed; return the transactions, for `Courier.kick`."""
        facts = read_facts(connection, job_ids)
        intents = [
            self._intent(connection, moment, job_id, facts[job_id].attempt, duty)
            for job_id in sorted(facts)
            if (duty := self._duty(facts[job_id], moment)) is not None
        ]
        return store.ensure_all(connection, intents, moment.now_ms)

    def sign_receipt(
        self, connection: Connection, moment: Moment, miner: Address, receipt: PostReceipt
    ) -> SignedBytes:
        """Sign and store the receipt of a managed miner's live attempt; return it.

        It is what `perform` does once the result is stored, for who has just stored it and has seen
        that no receipt stands there: nothing of it is read again.
        """
        key = get_key(connection, self.vault, miner)
        signed = self.signer.sign(moment, key, receipt, self.timings.transaction_validity_ms)
        job_id, attempt = receipt.job_id, receipt.attempt
        intent = intent_of(SignReceipt, job_id, attempt)
        store.add(connection, intent, signed, moment.now_ms, job_id=job_id, attempt=attempt)
        return signed

    def _duty(self, facts: JobFacts, moment: Moment) -> Duty | None:
        return duty_of(
            facts,
            moment.now_ms,
            self.timings,
            attempts_max=moment.parameters.attempts_max,
            auto_settle_ms=moment.parameters.auto_settle_ms,
            gap=moment.gap,
        )

    def _intent(
        self, connection: Connection, moment: Moment, job_id: Hash, attempt: Attempt, duty: Duty
    ) -> store.Intent:
        def make() -> SignedBytes:
            key, action = self._signed_by_and_what(connection, job_id, attempt, duty)
            return self.signer.sign(moment, key, action, self.timings.transaction_validity_ms)

        name = intent_of(type(duty), job_id, attempt)
        return store.Intent(name, make, job_id, attempt)

    def _signed_by_and_what(
        self, connection: Connection, job_id: Hash, attempt: int, duty: Duty
    ) -> tuple[KeyPair, Action]:
        match duty:
            case Fail(reason):
                return self.key, FailJob(job_id=job_id, attempt=attempt, reason=reason)
            case Release(reason, as_miner):
                release = ReleaseJob(job_id=job_id, attempt=attempt, reason=reason)
                return (self._miner_key(connection, job_id) if as_miner else self.key), release
            case SignReceipt():
                key = self._miner_key(connection, job_id)
                done = _DONE.one(connection, job_id=job_id)
                return key, managed_receipt(self.key.address, job_id, done, done, done)
            case Attest(receipt_id):
                kind = AttestationKind.DELIVERY
                return self.key, AttestReceipt(job_id=job_id, receipt_id=receipt_id, kind=kind)
            case Dispute(receipt_id, reason):
                dispute = DisputeReceipt(
                    job_id=job_id, receipt_id=receipt_id, reason=reason, bond=0
                )
                return self.key, dispute

    def _miner_key(self, connection: Connection, job_id: Hash) -> KeyPair:
        live = live_attempt(connection, job_id)
        assert live is not None, "what its miner owes is owed for a live attempt"
        return get_key(connection, self.vault, live.miner)


def intent_of(duty: type[Duty], job_id: Hash, attempt: Attempt) -> str:
    """Return the intent in the outbox of what is owed to an attempt at a job."""
    return f"{_INTENTS[duty]}:{job_id.hex()}:{attempt}"


def managed_receipt(
    coordinator: Address, job_id: Hash, job: Found, attempt: Found, result: Work | Found
) -> PostReceipt:
    """Return the receipt of a managed miner for its accepted result: compute seconds (M1).

    A literal miner counts nothing, so the work is the time that it took, and the price is the cap
    that was agreed on when it was assigned.

    Args:
        coordinator: who pays.
        job_id: the job.
        job: its row.
        attempt: the row of its live attempt.
        result: what was accepted for it.
    """
    return PostReceipt(
        job_id=job_id,
        attempt=attempt.attempt,
        client=job.client,
        coordinator=coordinator,
        payload_digest=job.payload_digest,
        price_cap=attempt.price_cap,
        result_digest=result.digest,
        units_micro=(result.completed_ms - result.started_ms) * 1_000,
        unit_type=UnitType.COMPUTE_SECONDS,
        price=attempt.price_cap,
        model=result.model,
        started_ms=result.started_ms,
        completed_ms=result.completed_ms,
    )


_DONE: Final = Prepared(
    select(
        jobs.c.client,
        jobs.c.payload_digest,
        attempts.c.attempt,
        attempts.c.price_cap,
        results.c.digest,
        results.c.model,
        results.c.started_ms,
        results.c.completed_ms,
    )
    .join(attempts, attempts.c.job_id == jobs.c.job_id)
    .join(
        results,
        (results.c.job_id == attempts.c.job_id) & (results.c.attempt == attempts.c.attempt),
    )
    .where(jobs.c.job_id == bindparam("job_id"), attempts.c.phase == AttemptPhase.LIVE.value)
)
"""The accepted result of a job's live attempt, with what its receipt repeats."""
