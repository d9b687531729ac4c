"""What the pool sees at a glance is what it finds when it looks closely."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.actions import RetireMiner, Transfer
from ledger.codec import encode
from ledger.errors import LedgerError
from ledger.hashing import sha256
from ledger.params import Parameters
from ledger.records import Supply, Table, state_key
from ledger.transaction import SignedTransaction, Transaction
from ledger.views import genesis_view
from node.pool_admission import (
    SENDER_TRANSACTIONS_MAX,
    PoolLimits,
    check_admissible,
    has_room,
    moment_of,
)
from node.pool_glance import Glance
from node.pool_index import PooledTransaction, PoolIndex, pooled
from tests.node.pooled_chain import (
    CHAIN_ID,
    POOR,
    RICH,
    START_MS,
    STRANGER,
    TAGS,
    PooledChain,
    first_records,
)

PARAMETERS = Parameters(account_fee=700)
SENDERS = (RICH, POOR, STRANGER)


def entry_of(transaction: Transaction) -> PooledTransaction:
    content = SignedTransaction(transaction, bytes(64))
    data = encode(content)
    return pooled(TAGS, [content], [data], [sha256(data)], "")[0]


def least_fee(transaction: Transaction, chain: PooledChain) -> int:
    parameters, action = chain.head_view.parameters, transaction.action
    fee = parameters.fee_base + parameters.fee_per_byte * len(entry_of(transaction).data)
    assert isinstance(action, Transfer)
    is_new = chain.final_view.state.get(state_key(Table.ACCOUNT, action.to)) is None
    return fee + parameters.account_fee * is_new


@settings(max_examples=400)
@given(
    sender=st.sampled_from(SENDERS),
    to=st.sampled_from([key.address for key in SENDERS]),
    amount=st.sampled_from([0, 1, 50_000, 94_000, 99_999, 10**6]),
    over_fee=st.sampled_from([-1, 0, 0, 1, 3_000]),
    until_ms=st.sampled_from([-1, 0, 1, 60_000, 600_000, 600_001]),
    version=st.sampled_from([1, 1, 1, 2]),
    chain_id=st.sampled_from([CHAIN_ID, CHAIN_ID, CHAIN_ID, "another"]),
    others=st.integers(0, 3),
    room=st.integers(0, 4),
    spare_bytes=st.sampled_from([-1, 0, 10_000]),
    known=st.sampled_from(["", "", "", "pooled", "included"]),
)
def test_a_glance_says_yes_to_just_the_transfers_that_pass(**drawn: Any) -> None:
    chain = PooledChain(parameters=PARAMETERS)
    moment = moment_of(chain, chain.clock)
    transaction = Transaction(
        version=drawn["version"],
        chain_id=drawn["chain_id"],
        sender_public_key=drawn["sender"].public_key,
        action=Transfer(drawn["to"], drawn["amount"]),
        fee=5_000,
        valid_until_ms=moment.now_ms + drawn["until_ms"],
        salt=bytes(16),
    )
    fee = least_fee(transaction, chain) + drawn["over_fee"]
    entry = entry_of(Transaction(**{**_members(transaction), "fee": fee}))
    index = PoolIndex()
    for number in range(drawn["others"]):
        salt = {**_members(transaction), "salt": bytes([number + 1]) * 16}
        index.add(entry_of(Transaction(**salt)))
    if drawn["known"] == "pooled":
        index.add(entry)
    limits = PoolLimits(drawn["room"], index.bytes_total + len(entry.data) + drawn["spare_bytes"])
    if drawn["known"] == "included":
        seen = [(entry.transaction_id, entry.valid_until_ms)]
        chain.head_view.seen.absorb(chain.head_view.seen.overlay(seen))
    passes = has_room(entry, index, limits) and _is_admissible(entry, chain, index)
    assert Glance(moment, index, limits).is_fine(entry) == passes


def test_the_number_of_a_senders_transactions_is_seen_at_a_glance() -> None:
    chain, index, limits = PooledChain(), PoolIndex(), PoolLimits()
    moment = moment_of(chain, chain.clock)
    entries = [entry_of(chain.transfer().transaction) for _ in range(SENDER_TRANSACTIONS_MAX + 1)]
    glance = Glance(moment, index, limits)
    for entry in entries[:-1]:
        assert glance.is_fine(entry)
        index.add(entry)
    assert not glance.is_fine(entries[-1])
    assert not _is_admissible(entries[-1], chain, index)


def test_whatever_is_no_transfer_or_not_as_it_should_be_is_left_to_a_closer_look() -> None:
    chain = PooledChain()
    glance = Glance(moment_of(chain, chain.clock), PoolIndex(), PoolLimits())
    assert not glance.is_fine(entry_of(chain.signed(RetireMiner(), fee=10_000).transaction))
    records = first_records(chain.parameters)
    records[state_key(Table.ACCOUNT, POOR.address)] = Supply(1, 0)
    broken = genesis_view(TAGS, CHAIN_ID, records, START_MS, 256)
    chain.final_view = chain.head_view = broken
    glance = Glance(moment_of(chain, chain.clock), PoolIndex(), PoolLimits())
    assert not glance.is_fine(entry_of(chain.transfer(key=POOR).transaction))
    assert glance.is_fine(entry_of(chain.transfer().transaction))


def _is_admissible(entry: PooledTransaction, chain: PooledChain, index: PoolIndex) -> bool:
    try:
        check_admissible(entry, moment_of(chain, chain.clock), index)
    except LedgerError:
        return False
    return True


def _members(transaction: Transaction) -> dict[str, Any]:
    return {name: getattr(transaction, name) for name in transaction.__struct_fields__}
