"""Blocks with what they claim to have done, true or forged, for tests of the checker.

A forged claim has a header that commits to it, as the block of a broken node would: only what it
says is wrong, not how it says it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from msgspec.structs import replace

from ledger.actions import Action, Transfer
from ledger.block import Block
from ledger.bucket_tree import BucketTree
from ledger.checker import Checker, InvariantBroken
from ledger.checker.broken import Invariant
from ledger.codec import encode
from ledger.fees import is_fee_free
from ledger.keys import KeyPair
from ledger.merkle import merkle_root, transaction_leaf
from ledger.outcomes import Outcome
from ledger.records import Account, Job, Record, Table, decode_record, state_key
from ledger.transaction import SignedTransaction, sign, transaction_id
from ledger.types import Address, Hash
from tests.ledger.worlds import AITBC, BUCKETS, PEOPLE, World, checker_of


def transaction_root(ids: Sequence[Hash], body: Sequence[SignedTransaction]) -> Hash:
    """Return the root over the leaves of T1."""
    return merkle_root(
        [
            transaction_leaf(identity, signed.transaction.valid_until_ms, signed.signature)
            for identity, signed in zip(ids, body, strict=True)
        ]
    )


@dataclass
class Claim:
    """A block, and what it says it did."""

    block: Block
    outcomes: list[Outcome]
    delta: dict[bytes, bytes | None]
    parent_items: dict[bytes, bytes]
    checker: Checker
    world: World

    def record(self, key: bytes) -> Record:
        """Return a record as the claim leaves it."""
        value = self.delta.get(key, self.parent_items.get(key))
        assert value is not None
        return decode_record(key, value)

    def put(self, key: bytes, record: Record | None) -> None:
        """Claim another record."""
        value = None if record is None else encode(record)
        if value == self.parent_items.get(key):
            self.delta.pop(key, None)
        else:
            self.delta[key] = value

    def give(self, address: Address, amount: int) -> None:
        """Claim another balance, more by an amount."""
        key = state_key(Table.ACCOUNT, address)
        value = self.delta.get(key, self.parent_items.get(key))
        account = Account(0) if value is None else decode_record(key, value)
        assert isinstance(account, Account)
        balance = account.balance + amount
        self.put(key, Account(balance) if balance else None)

    def resign(self, key: KeyPair, **changes: object) -> Hash:
        """Replace the last transaction by one with other fields or another signer."""
        *others, last = self.block.transactions
        unsigned = replace(last.transaction, sender_public_key=key.public_key, **changes)
        signed = sign(self.world.head.tags, unsigned, key)
        self.set_body(*others, signed)
        return transaction_id(self.world.head.tags, unsigned)

    def set_body(self, *transactions: SignedTransaction) -> None:
        """Claim other transactions."""
        self.block = Block(self.block.header, transactions)

    def set_header(self, **changes: object) -> None:
        """Claim other fields of the header, after `seal`."""
        self.block = Block(replace(self.block.header, **changes), self.block.transactions)

    def seal(self) -> "Claim":
        """Make the header commit to the claim."""
        tags, body = self.world.head.tags, self.block.transactions
        ids = [transaction_id(tags, signed.transaction) for signed in body]
        items: Mapping[bytes, bytes | None] = self.parent_items | self.delta
        kept = ((key, value) for key, value in items.items() if value is not None)
        self.set_header(
            transaction_root=transaction_root(ids, body),
            transaction_count=len(body),
            outcome_root=merkle_root([encode(outcome) for outcome in self.outcomes]),
            outcome_count=len(self.outcomes),
            state_root=BucketTree.build(kept, BUCKETS).root,
        )
        return self

    def check(self) -> None:
        """Show the claim to the checker."""
        self.checker.after_block(self.block, self.outcomes, self.delta)


def claim_of(
    world: World,
    *transactions: SignedTransaction,
    after_ms: int = 1,
    full: bool = True,
    halt: bool = False,
) -> Claim:
    """Return the true claim of the next block; the checker stands at its parent."""
    checker = checker_of(world.head, full=full)
    parent_items = {key: encode(record) for key, record in world.head.state.items()}
    result = world.block(*transactions, after_ms=after_ms, halt=halt)
    outcomes, delta = list(result.outcomes), dict(result.delta)
    return Claim(world.blocks[-1], outcomes, delta, parent_items, checker, world)


def assert_broken(
    claim: Claim, invariant: Invariant, forge: Callable[[Claim], object] | None = None
) -> InvariantBroken:
    """Forge a claim, seal it, and assert which invariant the checker says it breaks."""
    if forge is not None:
        forge(claim)
        claim.seal()
    with pytest.raises(InvariantBroken) as caught:
        claim.check()
    broken = caught.value
    assert broken.invariant is invariant, str(broken)
    return broken


def bystander(world: World) -> Claim:
    """A block that has nothing to do with any job."""
    return claim_of(world, world.sign(PEOPLE.other_client, Transfer(PEOPLE.client.address, 1)))


def job_of(claim: Claim, job_id: Hash) -> Job:
    """Return a job as the claim leaves it."""
    job = claim.record(state_key(Table.JOB, job_id))
    assert isinstance(job, Job)
    return job


def change_part(part: str, **changes: Any) -> Callable[[Job], Job]:
    """Return what changes fields of a job's assignment, receipt or dispute."""
    return lambda job: replace(job, **{part: replace(getattr(job, part), **changes)})


def assert_action_breaks(
    world: World, key: KeyPair, action: Action, invariant: Invariant
) -> InvariantBroken:
    """Put an action into a block as a broken node would; the checker must not follow it."""
    fee = 0 if is_fee_free(action) else AITBC // 100
    claim = bystander(world)
    return assert_broken(claim, invariant, lambda c: c.resign(key, action=action, fee=fee))
