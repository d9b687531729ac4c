"""Chains made of wire types alone, for tests of what stores them.

`Builder` seals transactions and outcomes into blocks whose roots are right; it does not execute
rules, so a test says itself what a block did. `random_history` plays legal job histories.
"""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ledger.actions import (
    Action,
    AssignJob,
    AttestationKind,
    AttestReceipt,
    CancelJob,
    Custody,
    DisputeReceipt,
    FailJob,
    PostReceipt,
    Reason,
    RegisterMiner,
    ReleaseJob,
    RetireMiner,
    SubmitJob,
    Transfer,
    UnitType,
    UpdateMiner,
    Verification,
)
from ledger.block import ZERO_HASH, Block, Header, block_id
from ledger.codec import encode
from ledger.hashing import Tags, chain_id_of, sha256
from ledger.keys import KeyPair
from ledger.merkle import merkle_root, transaction_leaf
from ledger.outcomes import Outcome, OutcomeKind
from ledger.store import ChainStore
from ledger.transaction import SignedTransaction, Transaction, sign, transaction_id
from ledger.types import Address, Amount, Hash

TAGS = Tags(sha256(b"tests of the store"))
CHAIN_ID = chain_id_of("store", TAGS.genesis_digest)
START_MS = 1_760_000_000_000
FEE = 7

Delta = Mapping[bytes, bytes | None]


def key(name: str) -> KeyPair:
    """The key of a person, the same each time."""
    return KeyPair(sha256(name.encode()))


CLIENT, COORDINATOR, OTHER = key("client"), key("coordinator"), key("other")
MINERS = (key("miner 0"), key("miner 1"))


@dataclass(frozen=True)
class Sealed:
    """A block with everything that a commit takes."""

    block_id: Hash
    block: Block
    certificate: bytes
    outcomes: tuple[Outcome, ...]
    delta: Delta

    @property
    def height(self) -> int:
        return self.block.header.height

    def commit_to(self, store: ChainStore) -> None:
        store.commit(self.block_id, self.block, self.certificate, self.outcomes, self.delta)


@dataclass
class Builder:
    """Seals one block on the other."""

    sealed: list[Sealed] = field(default_factory=list)
    transactions: list[SignedTransaction] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    epoch: int = 0
    _salts: int = 0
    _passed_ms: int = 0

    def __post_init__(self) -> None:
        self.seal()

    @property
    def now_ms(self) -> int:
        """Time of the block that is being built."""
        return START_MS + 1_000 * len(self.sealed) + self._passed_ms

    def pass_time(self, duration_ms: int) -> None:
        """Let nothing happen for a while."""
        self._passed_ms += duration_ms

    def act(self, signer: KeyPair, action: Action, fee: Amount = FEE) -> Hash:
        """Put a transaction into the block; return its id."""
        self._salts += 1
        transaction = Transaction(
            version=1,
            chain_id=CHAIN_ID,
            sender_public_key=signer.public_key,
            action=action,
            fee=fee,
            valid_until_ms=self.now_ms + 60_000,
            salt=self._salts.to_bytes(16, "big"),
        )
        self.transactions.append(sign(TAGS, transaction, signer))
        return transaction_id(TAGS, transaction)

    def record(
        self,
        kind: OutcomeKind,
        cause: bytes,
        object_id: bytes,
        shares: Sequence[tuple[Address, Amount]],
        code: int = 0,
    ) -> None:
        """Put an outcome into the block."""
        parties, amounts = tuple(s[0] for s in shares), tuple(s[1] for s in shares)
        self.outcomes.append(Outcome(kind, cause, object_id, code, parties, amounts))

    def seal(self, delta: Delta | None = None, *, ends_epoch: bool = False) -> Sealed:
        """Close the block and begin the next; an epoch's last block names the next set."""
        leaves = [
            transaction_leaf(
                transaction_id(TAGS, each.transaction),
                each.transaction.valid_until_ms,
                each.signature,
            )
            for each in self.transactions
        ]
        # Automatic work comes first (J28); what a transaction did follows in its order.
        outcomes = sorted(self.outcomes, key=lambda outcome: outcome.cause != b"")
        header = Header(
            version=1,
            chain_id=CHAIN_ID,
            epoch=self.epoch,
            view=len(self.sealed),
            height=len(self.sealed),
            parent_id=self.sealed[-1].block_id if self.sealed else ZERO_HASH,
            parent_view=max(0, len(self.sealed) - 1),
            timestamp_ms=self.now_ms,
            proposer=bytes(32),
            transaction_root=merkle_root(leaves),
            transaction_count=len(leaves),
            outcome_root=merkle_root([encode(outcome) for outcome in outcomes]),
            outcome_count=len(outcomes),
            state_root=bytes(32),
            validator_set_hash=bytes(32),
            next_validator_set_hash=b"\x07" * 32 if ends_epoch else ZERO_HASH,
        )
        self.epoch += ends_epoch
        sealed = Sealed(
            block_id=block_id(TAGS, header),
            block=Block(header, tuple(self.transactions)),
            certificate=b"certificate %d" % len(self.sealed) if self.sealed else b"",
            outcomes=tuple(outcomes),
            delta=delta or {},
        )
        self.sealed.append(sealed)
        self.transactions, self.outcomes = [], []
        return sealed

    def transfer(self, signer: KeyPair, to: Address, amount: Amount) -> Hash:
        return self.act(signer, Transfer(to, amount))

    def register(self, miner: KeyPair, name: str, bond: Amount = 0) -> None:
        cause = self.act(miner, RegisterMiner(name, bytes(32), 1, bond, Custody.OWN))
        self.record(OutcomeKind.MINER_REGISTERED, cause, miner.address, [(miner.address, bond)])

    def update(self, miner: KeyPair, floor: Amount) -> None:
        cause = self.act(miner, UpdateMiner(b"\x01" * 32, floor))
        self.record(OutcomeKind.MINER_UPDATED, cause, miner.address, [(miner.address, 0)])

    def retire(self, miner: KeyPair, bond: Amount = 0) -> Hash:
        cause = self.act(miner, RetireMiner())
        self.record(OutcomeKind.MINER_RETIRED, cause, miner.address, [(miner.address, bond)])
        return cause

    def submit(self, price: Amount = 1_000, client: KeyPair = CLIENT) -> "PlayedJob":
        terms = SubmitJob(
            coordinator=COORDINATOR.address,
            service="llm_inference",
            payload_digest=sha256(b"payload"),
            max_price=price,
            start_by_ms=self.now_ms + 60_000,
            deadline_ms=self.now_ms + 600_000,
            dispute_ms=0,
            streamed=False,
            verification=Verification.NONE,
        )
        job_id = self.act(client, terms)
        self.record(OutcomeKind.JOB_LOCKED, job_id, job_id, [(client.address, price)])
        return PlayedJob(self, client, job_id, terms)


@dataclass
class PlayedJob:
    """A job that a test moves, and what is true of it."""

    builder: Builder
    client: KeyPair
    job_id: Hash
    terms: SubmitJob
    phase: str = "QUEUED"
    payment: str = "ESCROWED"
    attempt: int = 0
    miner: KeyPair | None = None
    receipt_id: Hash | None = None
    price: Amount = 0
    delivered: bool = False
    paid: tuple[Amount, Amount, Amount] = (0, 0, 0)
    lost: list[Address] = field(default_factory=list)

    @property
    def is_over(self) -> bool:
        return self.payment in {"RELEASED", "REFUNDED"}

    def assign(self, miner: KeyPair) -> None:
        if self.phase == "RUNNING" and self.miner is not None:
            self.lost.append(self.miner.address)
        self.attempt, self.miner, self.phase = self.attempt + 1, miner, "RUNNING"
        price, lease = self.terms.max_price, self.builder.now_ms + 30_000
        action = AssignJob(self.job_id, self.attempt, miner.address, price, UnitType.NONE, 0, lease)
        self._step(COORDINATOR, action, OutcomeKind.JOB_ASSIGNED, [(miner, price)], self.attempt)

    def release(self) -> None:
        assert self.miner is not None
        action = ReleaseJob(self.job_id, self.attempt, Reason.RUNNER_FAILED)
        self.phase = "QUEUED"
        self._step(self.miner, action, OutcomeKind.JOB_RELEASED, [(self.miner, 0)], self.attempt)

    def post_receipt(self, price: Amount = 600) -> None:
        assert self.miner is not None
        self.price = min(price, self.terms.max_price)
        action = PostReceipt(
            job_id=self.job_id,
            attempt=self.attempt,
            client=self.client.address,
            coordinator=COORDINATOR.address,
            payload_digest=self.terms.payload_digest,
            price_cap=self.terms.max_price,
            result_digest=sha256(self.job_id),
            units_micro=5,
            unit_type=UnitType.TOKENS,
            price=self.price,
            model="smollm2-135m",
            started_ms=self.builder.now_ms - 10,
            completed_ms=self.builder.now_ms,
        )
        shares = [(self.miner, self.price)]
        self.phase = "COMPLETED"
        self.receipt_id = self._step(self.miner, action, OutcomeKind.RECEIPT_POSTED, shares)

    def attest(self, kind: AttestationKind = AttestationKind.DELIVERY) -> Hash:
        assert self.receipt_id is not None
        action = AttestReceipt(self.job_id, self.receipt_id, kind)
        shares = [(COORDINATOR, 0)]
        self.delivered = self.delivered or kind is AttestationKind.DELIVERY
        return self._step(COORDINATOR, action, OutcomeKind.RECEIPT_ATTESTED, shares, kind)

    def attest_and_settle(self) -> None:
        self._settle(self.attest())

    def settle_by_clock(self) -> None:
        self._settle(b"")

    def dispute(self) -> None:
        assert self.receipt_id is not None
        action = DisputeReceipt(self.job_id, self.receipt_id, Reason.RESULT_MALFORMED, 0)
        self.payment = "DISPUTED"
        self._step(COORDINATOR, action, OutcomeKind.RECEIPT_DISPUTED, [(COORDINATOR, 0)])

    def end_dispute(self) -> None:
        if self.delivered:
            self._settle(b"")
        else:
            self._refund(OutcomeKind.JOB_REFUNDED, b"", "COMPLETED")

    def fail(self) -> None:
        self._lose()
        cause = self.builder.act(COORDINATOR, FailJob(self.job_id, self.attempt, Reason.BAD_INPUT))
        self._refund(OutcomeKind.JOB_FAILED, cause, "FAILED", Reason.BAD_INPUT)

    def cancel(self) -> None:
        cause = self.builder.act(self.client, CancelJob(self.job_id, 10**6))
        owed = self.terms.max_price // 2 if self.phase == "RUNNING" else 0
        self._refund(OutcomeKind.JOB_CANCELLED, cause, "CANCELLED", owed=owed)

    def expire(self) -> None:
        self._lose()
        self._refund(OutcomeKind.JOB_EXPIRED, b"", "EXPIRED")

    def _lose(self) -> None:
        if self.phase == "RUNNING":
            assert self.miner is not None
            self.lost.append(self.miner.address)

    def _step(
        self,
        signer: KeyPair,
        action: Action,
        kind: OutcomeKind,
        shares: Sequence[tuple[KeyPair, Amount]],
        code: int = 0,
    ) -> Hash:
        cause = self.builder.act(signer, action, fee=0)
        by_address = [(party.address, amount) for party, amount in shares]
        self.builder.record(kind, cause, self.job_id, by_address, code)
        return cause

    def _settle(self, cause: bytes) -> None:
        assert self.miner is not None
        share = self.price // 20 if self.delivered else 0
        self.paid = (self.price - share, share, self.terms.max_price - self.price)
        self.phase, self.payment = "COMPLETED", "RELEASED"
        parties = (self.miner.address, COORDINATOR.address, self.client.address)
        shares = list(zip(parties, self.paid, strict=True))
        self.builder.record(OutcomeKind.JOB_SETTLED, cause, self.job_id, shares)

    def _refund(
        self, kind: OutcomeKind, cause: bytes, phase: str, code: int = 0, owed: Amount = 0
    ) -> None:
        self.paid = (owed, 0, self.terms.max_price - owed)
        shares = [(self.client.address, self.paid[2])]
        if kind is OutcomeKind.JOB_CANCELLED and self.phase == "RUNNING":
            assert self.miner is not None
            shares.insert(0, (self.miner.address, owed))
        self.phase, self.payment = phase, "REFUNDED"
        self.builder.record(kind, cause, self.job_id, shares, code)


@dataclass
class Played:
    """A chain and what is true after it."""

    builder: Builder
    jobs: list[PlayedJob]


def random_history(seed: int, blocks: int) -> Played:
    """Play legal job histories, in which automatic work happens as well."""
    chance = random.Random(seed)
    builder = Builder()
    played = Played(builder, [])
    for number, miner in enumerate(MINERS):
        builder.register(miner, f"Miner-{number}", bond=5)
    builder.seal()
    while len(builder.sealed) < blocks:
        # Automatic work precedes the body (J17); a job moves once a block.
        moved = [job for job in played.jobs if not job.is_over and chance.random() < 0.6]
        for job in sorted(moved, key=lambda _: chance.random()):
            _move(job, chance)
        for _ in range(chance.randrange(3)):
            played.jobs.append(builder.submit(chance.randrange(1, 5_000)))
        for _ in range(chance.randrange(3)):
            builder.transfer(chance.choice([CLIENT, OTHER]), OTHER.address, chance.randrange(99))
        builder.seal({b"k%d" % chance.randrange(20): chance.choice([None, b"v", b"w"])})
    return played


def _move(job: PlayedJob, chance: random.Random) -> None:
    queued = [lambda: job.assign(chance.choice(MINERS)), job.fail, job.cancel, job.expire]
    options = {
        "QUEUED": [queued[0], *queued] if job.attempt < 8 else queued[1:],
        "RUNNING": [*queued, job.release, job.post_receipt, job.post_receipt],
        "COMPLETED": [job.settle_by_clock, job.dispute],
    }[job.phase]
    if job.phase == "COMPLETED" and not job.delivered:
        options = [*options, job.attest_and_settle]
    if job.payment == "DISPUTED":
        options = [job.end_dispute] + ([] if job.delivered else [lambda: void(job.attest())])
    chance.choice(options)()


def void(_value: object) -> None:
    """Drop a value."""
