"""Turns duties into signed transactions in the outbox, inside the caller's transaction."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Row, select

from coordinator.config import Timings
from coordinator.database.tables import attempts, jobs, results
from coordinator.duties.decide import Attest, Dispute, Duty, Fail, Release, SignReceipt, duty_of
from coordinator.duties.facts import read_facts
from coordinator.leases.phase import AttemptPhase
from coordinator.moment import Moment
from coordinator.outbox import Signer, store
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
from ledger.types import Hash

_AnyRow = Row[tuple[object, ...]]

_INTENTS: Final[Mapping[type[Duty], str]] = {
    Fail: "fail",
    Release: "release",
    SignReceipt: "receipt",
    Attest: "attest",
    Dispute: "dispute",
}
"""First word of the intent in the outbox; the miner's own release and receipt have the same."""


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
        self, connection: Connection, moment: Moment, job_ids: Iterable[Hash]
    ) -> list[Hash]:
        """Store what each job is owed; return the ids of transactions that are to be sent."""
        found = (self._perform_one(connection, moment, job_id) for job_id in job_ids)
        return [transaction_id for transaction_id in found if transaction_id is not None]

    def _perform_one(self, connection: Connection, moment: Moment, job_id: Hash) -> Hash | None:
        facts = read_facts(connection, job_id)
        if facts is None:
            return None
        duty = duty_of(
            facts,
            moment.now_ms,
            self.timings,
            attempts_max=moment.parameters.attempts_max,
            auto_settle_ms=moment.parameters.auto_settle_ms,
            gap=moment.gap,
        )
        if duty is None:
            return None
        key, action = self._signed_by_and_what(connection, job_id, facts.attempt, duty)
        return store.ensure(
            connection,
            f"{_INTENTS[type(duty)]}:{job_id.hex()}:{facts.attempt}",
            lambda: self.signer.sign(moment, key, action, self.timings.transaction_validity_ms),
            moment.now_ms,
            job_id=job_id,
            attempt=facts.attempt,
        )

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
                return key, managed_receipt(connection, job_id, self.key)
            case Attest(receipt_id):
                kind = AttestationKind.DELIVERY
                return self.key, AttestReceipt(job_id=job_id, receipt_id=receipt_id, kind=kind)
            case Dispute(receipt_id, reason):
                dispute = DisputeReceipt(
                    job_id=job_id, receipt_id=receipt_id, reason=reason, bond=0
                )
                return self.key, dispute

    def _miner_key(self, connection: Connection, job_id: Hash) -> KeyPair:
        live = _live_attempt(connection, job_id)
        return get_key(connection, self.vault, live.miner)


def managed_receipt(connection: Connection, job_id: Hash, coordinator: KeyPair) -> PostReceipt:
    """Return the receipt of a managed miner for its accepted result: compute seconds (M1).

    A literal miner counts nothing, so the work is the time that it took, and the price is the cap
    that was agreed on when it was assigned.
    """
    job = connection.execute(select(jobs).where(jobs.c.job_id == job_id)).one()
    live = _live_attempt(connection, job_id)
    accepted = select(results).where(results.c.job_id == job_id, results.c.attempt == live.attempt)
    result = connection.execute(accepted).one()
    return PostReceipt(
        job_id=job_id,
        attempt=live.attempt,
        client=job.client,
        coordinator=coordinator.address,
        payload_digest=job.payload_digest,
        price_cap=live.price_cap,
        result_digest=result.digest,
        units_micro=(result.completed_ms - result.started_ms) * 1_000,
        unit_type=UnitType.COMPUTE_SECONDS,
        price=live.price_cap,
        model=result.model,
        started_ms=result.started_ms,
        completed_ms=result.completed_ms,
    )


def _live_attempt(connection: Connection, job_id: Hash) -> _AnyRow:
    live = (attempts.c.job_id == job_id) & (attempts.c.phase == AttemptPhase.LIVE.value)
    return connection.execute(select(attempts).where(live)).one()
