"""A chain of one validator in memory, and a pool on it, for tests of the pool."""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import count

from coordinator.ports import SubmitOutcome
from ledger.actions import Action, FailJob, Reason, SubmitJob, Transfer, Verification
from ledger.codec import encode
from ledger.fees import with_least_fee
from ledger.hashing import Tags, chain_id_of
from ledger.keys import KeyPair
from ledger.params import Parameters
from ledger.proposal import BlockContext, BuiltBlock, build_block
from ledger.records import (
    Account,
    Coordinator,
    Record,
    Supply,
    Table,
    Validator,
    ValidatorSet,
    state_key,
)
from ledger.transaction import SignedTransaction, Transaction, sign, transaction_id
from ledger.types import Address, Hash
from ledger.views import ChainView, genesis_view, make_final
from node.mempool import Mempool
from node.pool_admission import PoolLimits
from node.signatures import SignatureVerifier

TAGS = Tags(b"\x21" * 32)
CHAIN_ID = chain_id_of("pooled", TAGS.genesis_digest)
VALIDATOR = KeyPair(b"\x01" * 32)
COORDINATOR = KeyPair(b"\x02" * 32)
RICH, POOR, STRANGER = (KeyPair(bytes([n]) * 32) for n in (3, 4, 5))
START_MS = 1_767_225_600_000
RICHES = 10**15


@dataclass
class ManualClock:
    """A clock that a test sets."""

    now_ms: int = START_MS + 1_000

    def wall_ms(self) -> int:
        return self.now_ms

    def monotonic_ms(self) -> int:
        return self.now_ms


def first_records(parameters: Parameters) -> dict[bytes, Record]:
    validators = ValidatorSet((Validator(VALIDATOR.public_key, "v", b"\x09" * 20),))
    return {
        state_key(Table.PARAMETERS): parameters,
        state_key(Table.VALIDATORS): validators,
        state_key(Table.SUPPLY): Supply(RICHES + 100_000, 0),
        state_key(Table.COORDINATOR, COORDINATOR.address): Coordinator("c"),
        state_key(Table.ACCOUNT, RICH.address): Account(RICHES),
        state_key(Table.ACCOUNT, POOR.address): Account(100_000),
    }


@dataclass
class PooledChain:
    """Final block, unfinal head, clock and pool; `Views` for the pool."""

    limits: PoolLimits = field(default_factory=PoolLimits)
    parameters: Parameters = field(default_factory=Parameters)
    clock: ManualClock = field(default_factory=ManualClock)

    def __post_init__(self) -> None:
        self.final_view: ChainView = genesis_view(
            TAGS, CHAIN_ID, first_records(self.parameters), START_MS, 256
        )
        self.head_view = self.final_view
        self._salts = count(1)
        self._views = count(1)
        self.refusals: list[str] = []
        verifier = SignatureVerifier(TAGS, 0)
        self.pool = Mempool(self, verifier, self.clock, self.limits, self.refusals.append)

    def signed(
        self, action: Action, key: KeyPair = RICH, fee: int | None = None, valid_ms: int = 60_000
    ) -> SignedTransaction:
        transaction = Transaction(
            version=1,
            chain_id=CHAIN_ID,
            sender_public_key=key.public_key,
            action=action,
            fee=fee or 0,
            valid_until_ms=self.clock.now_ms + valid_ms,
            salt=next(self._salts).to_bytes(16, "big"),
        )
        if fee is None:
            transaction = with_least_fee(self.parameters, transaction)
        return sign(TAGS, transaction, key)

    def transfer(
        self,
        amount: int = 1,
        key: KeyPair = RICH,
        to: Address = RICH.address,
        fee: int | None = None,
        valid_ms: int = 60_000,
    ) -> SignedTransaction:
        return self.signed(Transfer(to, amount), key, fee, valid_ms)

    def job(self, key: KeyPair = RICH) -> SignedTransaction:
        now_ms = self.clock.now_ms
        return self.signed(
            SubmitJob(
                coordinator=COORDINATOR.address,
                service="llm_inference",
                payload_digest=bytes(32),
                max_price=1_000,
                start_by_ms=now_ms + 300_000,
                deadline_ms=now_ms + 600_000,
                dispute_ms=0,
                streamed=False,
                verification=Verification.NONE,
            ),
            key,
        )

    def fail(self, job_id: Hash, key: KeyPair = COORDINATOR) -> SignedTransaction:
        return self.signed(FailJob(job_id, 0, Reason.NO_PAYLOAD), key, fee=0)

    def build(self, *transactions: SignedTransaction) -> BuiltBlock:
        """Put a block with these on the head, not final."""
        head = self.head_view
        self.clock.now_ms += 1
        built = build_block(
            head,
            transactions,
            BlockContext(
                epoch=head.next_epoch,
                view=next(self._views),
                proposer=VALIDATOR.public_key,
                timestamp_ms=max(head.header.timestamp_ms + 1, self.clock.now_ms),
            ),
        )
        self.head_view = built.result.view
        return built

    def finalise(self, built: BuiltBlock) -> None:
        """Make the block final and let the pool settle."""
        self.pool.release(built.result.transaction_ids)
        self.final_view = make_final(self.final_view, built.result.view)
        if self.head_view.block_id == self.final_view.block_id:
            self.head_view = self.final_view
        self.pool.settle()


def candidates(
    chain: PooledChain, limit: int, excluded: Collection[Hash]
) -> list[SignedTransaction]:
    return [entry.content for entry in chain.pool.candidates(limit, excluded)]


def wire(transaction: SignedTransaction) -> bytes:
    return encode(transaction)


def id_of(transaction: SignedTransaction) -> Hash:
    return transaction_id(TAGS, transaction.transaction)


async def add(chain: PooledChain, *transactions: SignedTransaction) -> list[SubmitOutcome]:
    return await chain.pool.add([wire(transaction) for transaction in transactions])


async def codes(chain: PooledChain, *transactions: SignedTransaction) -> list[str]:
    return [outcome.code or outcome.status for outcome in await add(chain, *transactions)]


def forged(transaction: SignedTransaction) -> SignedTransaction:
    signature = bytes([transaction.signature[0] ^ 1]) + transaction.signature[1:]
    return SignedTransaction(transaction.transaction, signature)


async def job_of(chain: PooledChain) -> bytes:
    submit = chain.job()
    await add(chain, submit)
    chain.finalise(chain.build(submit))
    return id_of(submit)
