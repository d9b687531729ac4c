"""A chain in this process: the real ledger, store and indexer, without consensus and network.

What is final is on disk, and a chain in the same folder goes on from there.

It implements `coordinator.ports.Chain`. Every submission is judged by the ledger's own admission
checks, and a block is made, applied, stored and final as soon as something is pooled. Time comes
from the test. What consensus and the pool of a real node add is tested with real nodes elsewhere.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from coordinator.ports import (
    BlocksNotKept,
    FinalBlock,
    FinalHead,
    SubmitOutcome,
    TransactionStatus,
)
from ledger import (
    BlockContext,
    balance_of,
    block_time,
    build_block,
    check_applies,
    check_can_pay,
    check_transaction_sanity,
    check_transaction_time,
    check_transaction_unseen,
    decode_transaction,
    genesis_view,
    is_fee_free,
    make_final,
    name_key,
    spend_of,
)
from ledger.block import Block
from ledger.codec import encode
from ledger.errors import LedgerError
from ledger.hashing import Tags, chain_id_of, sha256
from ledger.keys import KeyPair
from ledger.params import PARAMETER_BOUNDS, Parameters
from ledger.records import (
    Account,
    Coordinator,
    Gap,
    Job,
    Miner,
    MinerNameClaim,
    Record,
    Supply,
    Table,
    Validator,
    ValidatorSet,
    state_key,
)
from ledger.rejections import AlreadyIncluded
from ledger.store import ChainStore, Indexer, IndexReader
from ledger.transaction import SignedTransaction, transaction_id_of_bytes, verify_signature
from node.recovery import load_final_view

BUCKETS = 256
AWAKE = Parameters(halt_gap_ms=PARAMETER_BOUNDS["halt_gap_ms"][1])
"""Clocks leap in tests; an hour of silence is not taken for a halt (J12)."""
VALIDATOR = KeyPair(sha256(b"validator"))
GENESIS_MS = 1_770_000_000_000


class ManualClock:
    """Time that moves only when a test says so."""

    def __init__(self, now_ms: int = GENESIS_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms

    def advance(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1_000)


class InProcessChain:
    """One chain whose blocks are final as soon as they are made."""

    def __init__(
        self,
        folder: Path,
        clock: ManualClock,
        *,
        coordinators: Sequence[bytes],
        balances: Mapping[bytes, int],
        parameters: Parameters | None = None,
        name: str = "test",
    ) -> None:
        digest = sha256(b"genesis of " + name.encode())
        self.tags = Tags(digest)
        self.chain_id = chain_id_of(name, digest)
        self.clock = clock
        self.is_paused = False
        """Whether blocks wait until the test makes them."""
        self.may_halt = False
        """Whether a leap of the clock is a halt; else the chain was awake meanwhile (J12)."""
        self.submitted: list[bytes] = []
        """All bytes that were ever submitted, in order."""
        self._pool: dict[bytes, SignedTransaction] = {}
        self._heights: dict[bytes, int] = {}
        self._moved = asyncio.Event()
        records = _genesis(coordinators, balances, parameters or AWAKE)
        self._view = genesis_view(self.tags, self.chain_id, records, clock(), BUCKETS)
        folder.mkdir(parents=True, exist_ok=True)
        self.store = ChainStore.open(f"sqlite:///{folder}/chain.db")
        block = Block(self._view.header, ())
        self.store.initialise(self.tags, block, {k: encode(r) for k, r in records.items()})
        self._take_up()
        self.indexer = Indexer(self.store, f"sqlite:///{folder}/index.db")
        self.index()
        self.reader = IndexReader(f"sqlite:///{folder}/index.db")

    def _take_up(self) -> None:
        """Go on where a process that used this folder before ended; its pool is lost."""
        head = self.store.head()
        assert head is not None
        if head.height == 0:
            return
        self._view = load_final_view(self.store, BUCKETS)
        self.clock.now_ms = max(self.clock.now_ms, head.header.timestamp_ms)
        for stored in self.store.final_blocks(0, head.height):
            self._heights |= dict.fromkeys(stored.transaction_ids, stored.header.height)

    def close(self) -> None:
        self.reader.close()
        self.indexer.close()
        self.store.close()

    # ------------------------------------------------------------ reads

    def head(self) -> FinalHead:
        header = self._view.header
        return FinalHead(header.height, self._view.block_id, header.timestamp_ms)

    def parameters(self) -> Parameters:
        return self._view.parameters

    def gap_at(self, now_ms: int) -> Gap | None:
        return self._view.gap_at(now_ms)

    def balance(self, address: bytes) -> int:
        return balance_of(self._view.state, address)

    def spendable(self, address: bytes) -> int:
        return self.balance(address) - self._pooled_spend(address)

    def job(self, job_id: bytes) -> Job | None:
        record = self._view.state.get(state_key(Table.JOB, job_id))
        assert record is None or isinstance(record, Job)
        return record

    def miner(self, address: bytes) -> Miner | None:
        record = self._view.state.get(state_key(Table.MINER, address))
        assert record is None or isinstance(record, Miner)
        return record

    def miner_address(self, name: str) -> bytes | None:
        record = self._view.state.get(name_key(name)) if name.isascii() else None
        assert record is None or isinstance(record, MinerNameClaim)
        return None if record is None else record.miner

    def escrow_total(self) -> int:
        """Return the nait in escrow, counted from the state itself."""
        jobs = (record for _, record in self._view.state.items() if isinstance(record, Job))
        return sum(job.max_price for job in jobs)

    def supply(self) -> int:
        """Return all nait there are; no step may change it."""
        records = [record for _, record in self._view.state.items()]
        accounts = sum(record.balance for record in records if isinstance(record, Account))
        disputes = (record.dispute for record in records if isinstance(record, Job))
        bonds = sum(dispute.bond for dispute in disputes if dispute is not None)
        return accounts + bonds + self.escrow_total()

    def status(self, transaction_id: bytes) -> TransactionStatus:
        if transaction_id in self._heights:
            return TransactionStatus.FINAL
        pooled = transaction_id in self._pool
        return TransactionStatus.POOLED if pooled else TransactionStatus.UNKNOWN

    async def wait_final(self, transaction_id: bytes, timeout_s: float) -> int | None:
        try:
            async with asyncio.timeout(timeout_s):
                while transaction_id not in self._heights:
                    await self._moved.wait()
        except TimeoutError:
            return None
        return self._heights[transaction_id]

    async def blocks_after(self, height: int, limit: int) -> list[FinalBlock]:
        limit = min(limit, self.head().height - height)
        if limit <= 0:
            return []
        stored = await asyncio.to_thread(self.store.final_blocks, height, limit)
        if stored[0].height != height + 1:
            raise BlocksNotKept(height + 1, stored[0].height)
        return [
            FinalBlock(b.block_id, b.header, b.transactions, b.transaction_ids, b.outcomes)
            for b in stored
        ]

    async def follow(self) -> AsyncIterator[int]:
        height = -1
        while True:
            while self.head().height == height:
                await self._moved.wait()
            height = self.head().height
            yield height

    # ------------------------------------------------------------ writes

    async def submit(self, signed: Sequence[bytes]) -> list[SubmitOutcome]:
        outcomes = [self._admit(data) for data in signed]
        if self._pool and not self.is_paused:
            # In the next turn of the loop, as if a proposer were elsewhere.
            asyncio.get_running_loop().call_soon(self._make_block_if_running)
        return outcomes

    def make_block(self) -> None:
        """Make a block of all that is pooled and due, final at once."""
        awake_ms = self._view.parameters.halt_gap_ms
        while not self.may_halt and self.clock() - self._view.header.timestamp_ms > awake_ms:
            self._make_block_at(self._view.header.timestamp_ms + awake_ms, [])
        self._make_block_at(block_time(self._view, self.clock()), list(self._pool.values()))

    def _make_block_at(self, timestamp_ms: int, candidates: list[SignedTransaction]) -> None:
        parent = self._view
        context = BlockContext(
            epoch=parent.next_epoch,
            view=parent.next_parent_view + 1,
            proposer=VALIDATOR.public_key,
            timestamp_ms=timestamp_ms,
        )
        built = build_block(parent, candidates, context)
        result = built.result
        self.store.commit(result.view.block_id, built.block, b"", result.outcomes, result.delta)
        self._view = make_final(parent, result.view)
        for transaction in built.block.transactions:
            transaction_id = transaction_id_of_bytes(self.tags, encode(transaction))
            self._heights[transaction_id] = built.block.header.height
            del self._pool[transaction_id]
        for transaction_id, _ in built.refused:
            # What the final state refuses is dropped (T8).
            del self._pool[transaction_id]
        moved, self._moved = self._moved, asyncio.Event()
        moved.set()

    def drop_pool(self) -> None:
        """Lose all that is pooled, as a node without a journal of its pool does."""
        self._pool.clear()

    def index(self) -> None:
        """Let the index catch up; without this it lags."""
        while self.indexer.advance():
            pass

    def _make_block_if_running(self) -> None:
        if self._pool and not self.is_paused:
            self.make_block()

    def _admit(self, data: bytes) -> SubmitOutcome:
        self.submitted.append(data)
        transaction_id = bytes(32)
        try:
            signed = decode_transaction(data)
            transaction_id = transaction_id_of_bytes(self.tags, data)
            self._check(signed, transaction_id, len(data))
        except AlreadyIncluded:
            return SubmitOutcome(transaction_id, TransactionStatus.DUPLICATE)
        except LedgerError as error:
            status = TransactionStatus.REJECTED
            return SubmitOutcome(transaction_id, status, error.code, str(error))
        self._pool[transaction_id] = signed
        return SubmitOutcome(transaction_id, TransactionStatus.POOLED)

    def _check(self, signed: SignedTransaction, transaction_id: bytes, size: int) -> None:
        view, transaction = self._view, signed.transaction
        now_ms = block_time(view, self.clock())
        check_transaction_sanity(self.chain_id, transaction)
        check_transaction_time(view.parameters, transaction, now_ms)
        check_transaction_unseen(view.seen, transaction_id, transaction.valid_until_ms)
        if transaction_id in self._pool:
            raise AlreadyIncluded(transaction_id)
        spent = self._pooled_spend(transaction.sender)
        check_can_pay(view.state, view.parameters, transaction, size, spent)
        verify_signature(self.tags, transaction_id, signed)
        if is_fee_free(transaction.action):
            check_applies(view, transaction, transaction_id, size, now_ms)

    def _pooled_spend(self, address: bytes) -> int:
        pooled = (signed.transaction for signed in self._pool.values())
        return sum(spend_of(transaction) for transaction in pooled if transaction.sender == address)


def _genesis(
    coordinators: Sequence[bytes], balances: Mapping[bytes, int], parameters: Parameters
) -> dict[bytes, Record]:
    validator = Validator(VALIDATOR.public_key, "validator-1", sha256(b"payout")[:20])
    records: dict[bytes, Record] = {
        state_key(Table.PARAMETERS): parameters,
        state_key(Table.VALIDATORS): ValidatorSet((validator,)),
        state_key(Table.SUPPLY): Supply(sum(balances.values()), 0),
    }
    for address in coordinators:
        records[state_key(Table.COORDINATOR, address)] = Coordinator("coordinator")
    for address, balance in balances.items():
        records[state_key(Table.ACCOUNT, address)] = Account(balance)
    return records
