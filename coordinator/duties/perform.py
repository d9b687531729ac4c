"""Turns duties into signed transactions in the outbox, inside the caller's transaction."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, select

from coordinator.config import Timings
from coordinator.database.prepared import Prepared
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
from coordinator.outbox import SignedBytes, Signer, store
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
from ledger.types import Attempt, Hash

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
        self, connection: Connection, moment: Moment, job_ids: Collection[Hash]
    ) -> list[Hash]:
        """Store what each job is owed; return the ids of transactions that are to be sent."""
        facts = read_facts(connection, job_ids)
        intents = [
            self._intent(connection, moment, job_id, facts[job_id].attempt, duty)
            for job_id in sorted(facts)
            if (duty := self._duty(facts[job_id], moment)) is not None
        ]
        return store.ensure_all(connection, intents, moment.now_ms)

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

        name = f"{_INTENTS[type(duty)]}:{job_id.hex()}:{attempt}"
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
        live = live_attempt(connection, job_id)
        assert live is not None, "what its miner owes is owed for a live attempt"
        return get_key(connection, self.vault, live.miner)


def managed_receipt(connection: Connection, job_id: Hash, coordinator: KeyPair) -> PostReceipt:
    """Return the receipt of a managed miner for its accepted result: compute seconds (M1).

    A literal miner counts nothing, so the work is the time that it took, and the price is the cap
    that was agreed on when it was assigned.
    """
    done = _DONE.one(connection, job_id=job_id)
    return PostReceipt(
        job_id=job_id,
        attempt=done.attempt,
        client=done.client,
        coordinator=coordinator.address,
        payload_digest=done.payload_digest,
        price_cap=done.price_cap,
        result_digest=done.digest,
        units_micro=(done.completed_ms - done.started_ms) * 1_000,
        unit_type=UnitType.COMPUTE_SECONDS,
        price=done.price_cap,
        model=done.model,
        started_ms=done.started_ms,
        completed_ms=done.completed_ms,
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
