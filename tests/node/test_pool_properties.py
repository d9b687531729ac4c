"""The pool under any order of events: bounded, honest about money, best first, never forgetful."""

import asyncio
from itertools import pairwise
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from coordinator.ports import TransactionStatus
from ledger import balance_of, spend_of
from ledger.keys import KeyPair
from ledger.transaction import SignedTransaction
from ledger.types import Hash
from node.pool_admission import PoolLimits
from tests.node.pooled_chain import POOR, RICH, STRANGER, PooledChain, candidates, id_of, wire

SENDERS = (RICH, POOR, STRANGER)
LIMITS = PoolLimits(transactions_max=24, bytes_max=6_000)


class PoolMachine(RuleBasedStateMachine):
    """Sends, blocks and time, in any order; a list of what was pooled is the model."""

    def __init__(self) -> None:
        super().__init__()
        self.chain = PooledChain(limits=LIMITS)
        self.pooled: dict[Hash, SignedTransaction] = {}
        self.left: set[Hash] = set()
        self.unfinal: list[Any] = []

    @rule(
        sender=st.sampled_from(SENDERS),
        amounts=st.lists(st.integers(1, 60_000), min_size=1, max_size=14),
        fee=st.integers(4_000, 60_000),
        valid_ms=st.integers(1, 4_000),
    )
    def send(self, sender: KeyPair, amounts: list[int], fee: int, valid_ms: int) -> None:
        batch = [
            self.chain.transfer(amount, key=sender, fee=fee, valid_ms=valid_ms)
            for amount in amounts
        ]
        outcomes = asyncio.run(self.chain.pool.add([wire(each) for each in batch]))
        for transaction, outcome in zip(batch, outcomes, strict=True):
            assert outcome.transaction_id == id_of(transaction)
            if outcome.status is TransactionStatus.POOLED:
                self.pooled[outcome.transaction_id] = transaction
            else:
                assert outcome.code

    @rule(limit=st.integers(0, 10))
    def build(self, limit: int) -> None:
        taken = {each for built in self.unfinal for each in built.result.transaction_ids}
        offered = candidates(self.chain, limit, taken)
        assert not taken & {id_of(each) for each in offered}
        built = self.chain.build(*offered)
        self.chain.pool.doubt([identity for identity, _ in built.refused])
        self.unfinal.append(built)

    @rule()
    def finalise(self) -> None:
        if self.unfinal:
            built = self.unfinal.pop(0)
            self.chain.finalise(built)
            for identity in built.result.transaction_ids:
                self.pooled.pop(identity, None)
                self.left.add(identity)

    @rule()
    def look_for_work(self) -> None:
        taken = {each for built in self.unfinal for each in built.result.transaction_ids}
        found = self.chain.pool.find_work(self.chain.head_view, taken)
        if found.reference is not None:
            entry = self.chain.pool.referred_to(found.reference)
            assert entry is not None
            assert entry.transaction_id not in taken
            assert not self.chain.pool.lacks(found.reference)

    @rule(passed_ms=st.integers(1, 3_000))
    def wait(self, passed_ms: int) -> None:
        self.chain.clock.now_ms += passed_ms

    @invariant()
    def it_is_bounded(self) -> None:
        assert len(self.chain.pool) <= LIMITS.transactions_max
        assert self.chain.pool.bytes_total <= LIMITS.bytes_max

    @invariant()
    def it_holds_what_it_took_but_for_what_left_with_a_reason(self) -> None:
        self.forget_dropped()
        pool = self.chain.pool
        assert all(pool.contains(identity) for identity in self.pooled)
        assert {id_of(each) for each in candidates(self.chain, 1_000, ())} <= set(self.pooled)
        assert len(pool) == len(self.pooled)
        assert pool.bytes_total == sum(len(wire(each)) for each in self.pooled.values())

    def forget_dropped(self) -> None:
        for identity in list(self.pooled):
            if not self.chain.pool.contains(identity):
                assert self.chain.pool.drop_of(identity) is not None
                del self.pooled[identity]

    @invariant()
    def pooled_spends_are_within_the_final_balance(self) -> None:
        self.forget_dropped()
        for sender in SENDERS:
            spend = sum(
                spend_of(each.transaction)
                for each in self.pooled.values()
                if each.transaction.sender == sender.address
            )
            assert self.chain.pool.pooled_spend(sender.address) == spend
            assert spend <= balance_of(self.chain.final_view.state, sender.address)

    @invariant()
    def candidates_come_by_fee_per_byte(self) -> None:
        rates = [
            each.transaction.fee / len(wire(each)) for each in candidates(self.chain, 1_000, ())
        ]
        assert all(later - earlier < 1e-3 for earlier, later in pairwise(rates))


PoolMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=20)
TestPool = PoolMachine.TestCase
