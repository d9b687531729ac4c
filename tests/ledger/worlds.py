"""A chain in memory with keys and verbs: the real ledger, and every block checked.

Each block is built as a leader builds it, travels as bytes, is applied as a validator applies it,
and both results must agree; then the independent checker looks at it.
"""

from collections.abc import Mapping
from typing import Final

from ledger.accounts import balance_of
from ledger.actions import (
    AcceptReceipt,
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
    Verification,
)
from ledger.block import CODEC, Block
from ledger.checker import Checker
from ledger.codec import encode
from ledger.fees import with_least_fee
from ledger.hashing import Tags, chain_id_of, sha256
from ledger.jobs import find_job
from ledger.keys import KeyPair
from ledger.params import (
    PARAMETER_BOUNDS,
    TRANSACTION_VERSION,
    Parameters,
)
from ledger.proposal import BlockContext, build_block
from ledger.records import (
    Account,
    Coordinator,
    Job,
    Record,
    Supply,
    Table,
    Validator,
    ValidatorSet,
    state_key,
)
from ledger.transaction import SignedTransaction, Transaction, sign, transaction_id
from ledger.transition import BlockResult, apply_block
from ledger.types import TIMESTAMP_MS_MAX, Address, Amount, Hash, TimestampMs
from ledger.views import ChainView, genesis_view, make_final
from tests.ledger.people import AITBC, BALANCES, PEOPLE, key_of

__all__ = [
    "AITBC",
    "AWAKE",
    "BALANCES",
    "BUCKETS",
    "GENESIS_MS",
    "PEOPLE",
    "World",
    "assert_same_result",
    "checker_of",
    "genesis_of",
    "genesis_records",
    "key_of",
]

GENESIS_MS = 1_700_000_000_000
BUCKETS = 256
AWAKE: Final = Parameters(halt_gap_ms=PARAMETER_BOUNDS["halt_gap_ms"][1])
"""Time passes in steps of up to an hour and nobody takes that for a halt (J12)."""


def genesis_records(
    parameters: Parameters,
    validators: int = 1,
    balances: Mapping[Address, Amount] = BALANCES,
) -> dict[bytes, Record]:
    """Return state 0 but for other records that hold units."""
    members = tuple(
        Validator(key.public_key, f"validator-{number}", PEOPLE.payout.address)
        for number, key in enumerate(PEOPLE.validators[:validators])
    )
    records: dict[bytes, Record] = {
        state_key(Table.PARAMETERS): parameters,
        state_key(Table.VALIDATORS): ValidatorSet(members),
        state_key(Table.SUPPLY): Supply(sum(balances.values()), 0),
    }
    for coordinator in (PEOPLE.coordinator, PEOPLE.other_coordinator):
        records[state_key(Table.COORDINATOR, coordinator.address)] = Coordinator("tests")
    for address, balance in balances.items():
        records[state_key(Table.ACCOUNT, address)] = Account(balance)
    return records


def genesis_of(
    parameters: Parameters | None = None,
    *,
    validators: int = 1,
    balances: Mapping[Address, Amount] = BALANCES,
    timestamp_ms: TimestampMs = GENESIS_MS,
) -> ChainView:
    """Return block 0 of a chain of the tests."""
    tags = Tags(sha256(b"tests/genesis"))
    records = genesis_records(parameters or AWAKE, validators, balances)
    chain_id = chain_id_of("tests", tags.genesis_digest)
    return genesis_view(tags, chain_id, records, timestamp_ms, BUCKETS)


class World:
    """A chain, and verbs that extend it. A refused verb raises and changes nothing."""

    def __init__(self, genesis: ChainView | None = None, *, checked: bool = True) -> None:
        self.final = genesis or genesis_of()
        self.checker = checker_of(self.final) if checked else None
        self.head = self.final
        self.unfinal: list[BlockResult] = []
        self.results: list[BlockResult] = []
        self.blocks: list[Block] = []
        self._salt = 0

    # ------------------------------------------------------------ blocks

    @property
    def now_ms(self) -> TimestampMs:
        """Time of the newest block."""
        return self.head.header.timestamp_ms

    def block(
        self,
        *transactions: SignedTransaction,
        after_ms: int = 1,
        finalize: bool = True,
        halt: bool = False,
    ) -> BlockResult:
        """Add a block with these transactions, `after_ms` later than the head.

        While there are jobs the chain stays awake until then, unless it shall halt (J12).

        Raises:
            TransactionRejected: of the first transaction that the state refuses.
        """
        awake_ms = self.head.parameters.halt_gap_ms
        while not halt and after_ms > awake_ms and self.head.state.has_jobs:
            self.block(after_ms=awake_ms, finalize=finalize)
            after_ms -= awake_ms
        context = self.context(after_ms)
        built = build_block(self.head, transactions, context)
        for _, rejection in built.refused:
            raise rejection
        assert len(built.block.transactions) == len(transactions), "the block is full"
        result = apply_block(self.head, CODEC.decode(encode(built.block)))
        assert_same_result(built.result, result)
        self.head = result.view
        if self.checker is not None:
            self.checker.after_block(built.block, result.outcomes, result.delta)
            self.checker.compare(self.head.state, self.head.seen)
        self.results.append(result)
        self.blocks.append(built.block)
        self.unfinal.append(result)
        if finalize:
            self.finalize()
        return result

    def context(self, after_ms: int = 1) -> BlockContext:
        """Return the context of the next block."""
        return BlockContext(
            epoch=self.head.next_epoch,
            view=self.head.next_parent_view + 1,
            proposer=self.head.validators.members[0].public_key,
            timestamp_ms=self.now_ms + after_ms,
        )

    def finalize(self) -> None:
        """Make all blocks final."""
        for result in self.unfinal:
            self.final = make_final(self.final, result.view)
        if self.unfinal:
            self.head = self.final
        self.unfinal = []

    def run_to(self, time_ms: TimestampMs) -> list[BlockResult]:
        """Add a block at `time_ms`, and empty ones after it until no automatic work is left."""
        results = [self.block(after_ms=time_ms - self.now_ms)]
        while (due := self.head.next_due_ms) is not None and due < self.now_ms:
            results.append(self.block())
        return results

    # ------------------------------------------------------------ transactions

    def sign(
        self,
        key: KeyPair,
        action: Action,
        *,
        fee: Amount | None = None,
        valid_for_ms: int = 120_000,
        creates_account: bool = False,
    ) -> SignedTransaction:
        """Sign an action with a fresh salt, for the least fee unless one is given."""
        self._salt += 1
        unsigned = Transaction(
            version=TRANSACTION_VERSION,
            chain_id=self.head.header.chain_id,
            sender_public_key=key.public_key,
            action=action,
            fee=fee or 0,
            valid_until_ms=min(self.now_ms + valid_for_ms, TIMESTAMP_MS_MAX),
            salt=self._salt.to_bytes(16, "big"),
        )
        if fee is None:
            unsigned = with_least_fee(
                self.head.parameters, unsigned, creates_account=creates_account
            )
        return sign(self.head.tags, unsigned, key)

    def id_of(self, signed: SignedTransaction) -> Hash:
        """Return a transaction's id."""
        return transaction_id(self.head.tags, signed.transaction)

    def act(self, key: KeyPair, action: Action, *, after_ms: int = 1) -> Hash:
        """Add a block with one action and return the transaction's id."""
        signed = self.sign(key, action)
        self.block(signed, after_ms=after_ms)
        return self.id_of(signed)

    # ------------------------------------------------------------ verbs

    def transfer(self, sender: KeyPair, to: Address, amount: Amount) -> Hash:
        """Move balance; says the account fee where one is due."""
        creates = self.balance(to) == 0
        signed = self.sign(sender, Transfer(to, amount), creates_account=creates)
        self.block(signed)
        return self.id_of(signed)

    def register(
        self, miner: KeyPair | None = None, *, name: str = "", floor: Amount = 0, bond: Amount = 0
    ) -> Hash:
        """Register a miner."""
        miner = miner or PEOPLE.miner
        name = name or f"miner-{miner.address.hex()[:8]}"
        return self.act(miner, RegisterMiner(name, bytes(32), floor, bond, Custody.OWN))

    def retire(self, miner: KeyPair | None = None) -> Hash:
        """Retire a miner."""
        return self.act(miner or PEOPLE.miner, RetireMiner())

    def submission(self, **changes: object) -> SubmitJob:
        """Return a job of 1 AITBC that starts within 5 and ends within 15 minutes."""
        fields: dict[str, object] = {
            "coordinator": PEOPLE.coordinator.address,
            "service": "llm_inference",
            "payload_digest": sha256(b"payload"),
            "max_price": AITBC,
            "start_by_ms": self.now_ms + 300_000,
            "deadline_ms": self.now_ms + 900_000,
            "dispute_ms": 0,
            "streamed": False,
            "verification": Verification.NONE,
        }
        return SubmitJob(**(fields | changes))  # type: ignore[arg-type]

    def submit(self, client: KeyPair | None = None, **changes: object) -> Hash:
        """Submit a job and return its id."""
        return self.act(client or PEOPLE.client, self.submission(**changes))

    def assignment(self, job_id: Hash, **changes: object) -> AssignJob:
        """Return the next assignment of a job, to the miner, for its whole price and time."""
        job = self.job(job_id)
        fields: dict[str, object] = {
            "job_id": job_id,
            "attempt": job.attempt + 1,
            "miner": PEOPLE.miner.address,
            "price_cap": job.max_price,
            "unit_type": UnitType.NONE,
            "unit_price": 0,
            "lease_end_ms": job.deadline_ms,
        }
        return AssignJob(**(fields | changes))  # type: ignore[arg-type]

    def assign(self, job_id: Hash, *, after_ms: int = 1, **changes: object) -> Hash:
        """Assign a job."""
        action = self.assignment(job_id, **changes)
        return self.act(PEOPLE.coordinator, action, after_ms=after_ms)

    def receipt(self, job_id: Hash, **changes: object) -> PostReceipt:
        """Return the receipt of a running job, for its whole price cap."""
        job = self.job(job_id)
        fields: dict[str, object] = {
            "job_id": job_id,
            "attempt": job.attempt,
            "client": job.client,
            "coordinator": job.coordinator,
            "payload_digest": job.payload_digest,
            "price_cap": job.assignment.price_cap if job.assignment else 0,
            "result_digest": sha256(b"result"),
            "units_micro": 12_000_000,
            "unit_type": UnitType.TOKENS,
            "price": job.assignment.price_cap if job.assignment else 0,
            "model": "smollm2-135m",
            "started_ms": self.now_ms,
            "completed_ms": self.now_ms + 400,
        }
        return PostReceipt(**(fields | changes))  # type: ignore[arg-type]

    def post(
        self,
        job_id: Hash,
        miner: KeyPair | None = None,
        *,
        after_ms: int = 1,
        **changes: object,
    ) -> Hash:
        """Post a receipt and return its id."""
        action = self.receipt(job_id, **changes)
        return self.act(miner or PEOPLE.miner, action, after_ms=after_ms)

    def release(
        self, job_id: Hash, key: KeyPair | None = None, *, after_ms: int = 1, attempt: int = -1
    ) -> Hash:
        """Release the current attempt, as the miner unless another key is given."""
        attempt = self.job(job_id).attempt if attempt < 0 else attempt
        action = ReleaseJob(job_id, attempt, Reason.RUNNER_FAILED)
        return self.act(key or PEOPLE.miner, action, after_ms=after_ms)

    def attest(
        self,
        job_id: Hash,
        receipt_id: Hash,
        kind: AttestationKind = AttestationKind.DELIVERY,
        *,
        after_ms: int = 1,
    ) -> Hash:
        """Attest a receipt."""
        action = AttestReceipt(job_id, receipt_id, kind)
        return self.act(PEOPLE.coordinator, action, after_ms=after_ms)

    def accept(self, job_id: Hash, receipt_id: Hash, *, after_ms: int = 1) -> Hash:
        """Accept a receipt as the client."""
        return self.act(PEOPLE.client, AcceptReceipt(job_id, receipt_id), after_ms=after_ms)

    def dispute(self, job_id: Hash, receipt_id: Hash, *, after_ms: int = 1) -> Hash:
        """Dispute a receipt as the coordinator."""
        action = DisputeReceipt(job_id, receipt_id, Reason.RESULT_NOT_DELIVERED, 0)
        return self.act(PEOPLE.coordinator, action, after_ms=after_ms)

    def fail(self, job_id: Hash, *, after_ms: int = 1) -> Hash:
        """Fail a job."""
        action = FailJob(job_id, self.job(job_id).attempt, Reason.NO_PAYLOAD)
        return self.act(PEOPLE.coordinator, action, after_ms=after_ms)

    def cancel(self, job_id: Hash, *, compensation_max: Amount = AITBC, after_ms: int = 1) -> Hash:
        """Cancel a job as the client."""
        action = CancelJob(job_id, compensation_max)
        return self.act(PEOPLE.client, action, after_ms=after_ms)

    # ------------------------------------------------------------ reads

    def job(self, job_id: Hash) -> Job:
        """Return a live job."""
        return find_job(self.head.state, job_id)

    def balance(self, address: Address) -> Amount:
        """Return a balance."""
        return balance_of(self.head.state, address)


def checker_of(view: ChainView, *, full: bool = True) -> Checker:
    """Return the independent checker of the chain from this block on."""
    items = {key: encode(record) for key, record in view.state.items()}
    start_ms = view.epoch_start_ms
    return Checker(view.tags, view.header, items, BUCKETS, epoch_start_ms=start_ms, full=full)


def assert_same_result(built: BlockResult, applied: BlockResult) -> None:
    """Assert that the proposer's own result is what applying its block gives."""
    assert built.view.block_id == applied.view.block_id
    assert built.view.header == applied.view.header
    assert built.view.state.root == applied.view.state.root
    assert built.outcomes == applied.outcomes
    assert built.delta == applied.delta
    assert built.transaction_ids == applied.transaction_ids
