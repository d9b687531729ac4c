"""The pool: order of admission, limits, eviction, and what becomes of what leaves (T3, T7, T8)."""

import pytest
from msgspec.structs import replace

from coordinator.ports import SubmitOutcome, TransactionStatus
from ledger.actions import SubmitEvidence
from ledger.keys import KeyPair
from ledger.params import TRANSACTION_BYTES_MAX
from ledger.statements import Notarize, SignedStatement
from ledger.transaction import SignedTransaction, identify
from node.pool_admission import SENDER_TRANSACTIONS_MAX, PoolLimits
from node.signature_budget import FAILURES_MAX, WINDOW_MS
from tests.node.pooled_chain import (
    COORDINATOR,
    POOR,
    RICH,
    STRANGER,
    TAGS,
    VALIDATOR,
    PooledChain,
    add,
    candidates,
    codes,
    forged,
    id_of,
    job_of,
    wire,
)

POOLED, DUPLICATE = TransactionStatus.POOLED, TransactionStatus.DUPLICATE
REJECTED, FULL = TransactionStatus.REJECTED, TransactionStatus.FULL


# ---------------------------------------------------------------- admission, in the order of T7


async def test_a_good_transaction_is_pooled_and_offered() -> None:
    chain = PooledChain()
    transfer = chain.transfer()
    (outcome,) = await add(chain, transfer)
    assert outcome == SubmitOutcome(id_of(transfer), POOLED)
    assert chain.pool.contains(id_of(transfer))
    assert candidates(chain, 10, ()) == [transfer]
    assert chain.pool.bytes_total == len(wire(transfer))


async def test_each_of_a_batch_gets_its_own_outcome_in_order() -> None:
    chain = PooledChain()
    good = [chain.transfer() for _ in range(30)]
    batch = [
        wire(good[0]),
        b"",
        *map(wire, good[1:]),
        wire(good[3]),
        wire(forged(chain.transfer())),
    ]
    outcomes = await chain.pool.add(batch)
    assert [outcome.status for outcome in outcomes] == [
        POOLED, REJECTED, *[POOLED] * 29, DUPLICATE, REJECTED,
    ]  # fmt: skip
    assert outcomes[1].transaction_id == bytes(32)
    assert outcomes[-1].code == "SIGNATURE_INVALID"
    assert len(chain.pool) == 30


async def test_the_cheapest_check_that_fails_decides() -> None:
    """Each transaction is wrong in all later ways too, and is refused for the first."""
    chain = PooledChain()
    late = chain.clock.now_ms + chain.parameters.horizon_ms + 60_000
    broke = forged(chain.transfer(10**12, key=STRANGER))
    too_far = chain.transfer(10**12, key=STRANGER, valid_ms=late)
    not_canonical = wire(broke)[:1] + b"\xdc\x00\x07" + wire(broke)[2:]
    cases = [
        (bytes(TRANSACTION_BYTES_MAX + 1), "TOO_LARGE"),
        (b"\x92\x01\x02", "MALFORMED"),
        (not_canonical, "NOT_CANONICAL"),
        (wire(forged(too_far)), "VALID_UNTIL_TOO_FAR"),
        (wire(broke), "INSUFFICIENT_BALANCE"),
        (wire(forged(chain.transfer())), "SIGNATURE_INVALID"),
    ]
    outcomes = await chain.pool.add([data for data, _ in cases])
    assert [outcome.code for outcome in outcomes] == [code for _, code in cases]
    assert all(outcome.status is REJECTED and outcome.detail for outcome in outcomes)


async def test_a_transaction_past_its_time_is_refused() -> None:
    chain = PooledChain()
    transfer = chain.transfer(valid_ms=10)
    chain.clock.now_ms += 11
    assert await codes(chain, transfer) == ["TRANSACTION_EXPIRED"]


async def test_a_transaction_of_another_chain_is_refused() -> None:
    chain, transfer = PooledChain(), PooledChain().transfer()
    other = replace(transfer.transaction, chain_id="pooled-0000000000000000")
    assert await codes(chain, SignedTransaction(other, transfer.signature)) == ["WRONG_CHAIN"]


async def test_what_a_block_contains_is_a_duplicate_before_and_after_it_is_final() -> None:
    chain = PooledChain()
    transfer = chain.transfer()
    await add(chain, transfer)
    built = chain.build(transfer)
    assert await codes(chain, transfer) == ["duplicate"]
    chain.finalise(built)
    assert not chain.pool.contains(id_of(transfer))
    assert await codes(chain, transfer) == ["duplicate"]


async def test_a_fee_below_the_least_is_refused() -> None:
    chain = PooledChain()
    assert await codes(chain, chain.transfer(fee=1)) == ["FEE_TOO_LOW"]


# ---------------------------------------------------------------- ability to pay


async def test_pooled_spends_never_exceed_the_balance() -> None:
    chain = PooledChain()
    first = chain.transfer(50_000, key=POOR)
    assert await codes(chain, first, chain.transfer(50_000, key=POOR)) == [
        "pooled",
        "INSUFFICIENT_BALANCE",
    ]
    assert chain.pool.pooled_spend(POOR.address) == 50_000 + first.transaction.fee
    chain.finalise(chain.build(first))
    assert chain.pool.pooled_spend(POOR.address) == 0


async def test_money_that_is_not_final_cannot_be_spent() -> None:
    """The block that brings it may be abandoned."""
    chain = PooledChain()
    fee = 10**6
    gift = chain.transfer(10**9, to=STRANGER.address, fee=fee)
    built = chain.build(gift)
    spend = chain.transfer(5, key=STRANGER)
    assert await codes(chain, spend) == ["INSUFFICIENT_BALANCE"]
    chain.finalise(built)
    assert await codes(chain, spend) == ["pooled"]


async def test_a_sender_has_at_most_256_pooled_spends() -> None:
    chain = PooledChain()
    await add(chain, *(chain.transfer() for _ in range(SENDER_TRANSACTIONS_MAX)))
    assert await codes(chain, chain.transfer()) == ["SENDER_POOL_LIMIT"]
    assert await codes(chain, chain.transfer(key=POOR)) == ["pooled"]


# ---------------------------------------------------------------- ids and full bytes, T3


async def test_a_broken_copy_neither_enters_nor_shuts_out_the_real_one() -> None:
    chain = PooledChain()
    transfer = chain.transfer()
    broken = forged(transfer)
    assert id_of(broken) == id_of(transfer)
    assert await codes(chain, broken, transfer) == ["SIGNATURE_INVALID", "pooled"]
    assert chain.pool.is_verified(identify(TAGS, transfer))
    assert not chain.pool.is_verified(identify(TAGS, broken))


async def test_a_broken_copy_of_a_pooled_transaction_changes_nothing() -> None:
    chain = PooledChain()
    transfer = chain.transfer()
    await add(chain, transfer)
    assert await codes(chain, forged(transfer)) == ["duplicate"]
    assert candidates(chain, 9, ()) == [transfer]


# ---------------------------------------------------------------- fee-free transactions


async def test_a_fee_free_transaction_must_apply_to_the_head() -> None:
    chain = PooledChain()
    job_id = await job_of(chain)
    assert await codes(
        chain, chain.fail(bytes(32)), chain.fail(job_id, key=RICH), chain.fail(job_id)
    ) == ["JOB_UNKNOWN", "NOT_COORDINATOR", "pooled"]


async def test_one_fee_free_transaction_per_job_action_attempt_and_signer() -> None:
    chain = PooledChain()
    first, second = await job_of(chain), await job_of(chain)
    assert await codes(chain, chain.fail(first), chain.fail(first), chain.fail(second)) == [
        "pooled",
        "FEE_FREE_ALREADY_POOLED",
        "pooled",
    ]


async def test_fee_free_transactions_take_at_most_an_eighth() -> None:
    chain = PooledChain(limits=PoolLimits(transactions_max=16))
    jobs = [await job_of(chain) for _ in range(3)]
    outcomes = await add(chain, *(chain.fail(job) for job in jobs))
    assert [outcome.status for outcome in outcomes] == [POOLED, POOLED, FULL]
    assert outcomes[2].code == "POOL_FULL"


async def test_fee_free_transactions_come_first() -> None:
    chain = PooledChain()
    job_id = await job_of(chain)
    rich, free = chain.transfer(fee=10**6), chain.fail(job_id)
    await add(chain, rich, free)
    assert candidates(chain, 9, ()) == [free, rich]


# ---------------------------------------------------------------- order and eviction


async def test_candidates_come_by_fee_per_byte_then_by_arrival() -> None:
    chain = PooledChain()
    fees = [30_000, 90_000, 30_000, 60_000]
    sent = [chain.transfer(fee=fee) for fee in fees]
    await add(chain, *sent)
    assert candidates(chain, 9, ()) == [sent[1], sent[3], sent[0], sent[2]]
    assert candidates(chain, 2, {id_of(sent[1])}) == [sent[3], sent[0]]


async def test_who_pays_more_per_byte_takes_the_place_of_who_pays_least() -> None:
    chain = PooledChain(limits=PoolLimits(transactions_max=3))
    cheap, cheap_later, dear = (chain.transfer(fee=fee) for fee in (30_000, 30_000, 90_000))
    await add(chain, cheap, cheap_later, dear)
    outcome = (await add(chain, chain.transfer(fee=30_000)))[0]
    assert (outcome.status, outcome.code) == (FULL, "POOL_FULL")
    dearer = chain.transfer(fee=100_000)
    assert await codes(chain, dearer) == ["pooled"]
    assert candidates(chain, 9, ()) == [dearer, dear, cheap]
    reason = chain.pool.drop_of(id_of(cheap_later))
    assert reason is not None
    assert reason.code == "EVICTED"
    assert await codes(chain, cheap_later) == ["POOL_FULL"]


async def test_the_pool_is_bounded_in_bytes_and_evicts_no_more_than_it_must() -> None:
    chain = PooledChain()
    size = len(wire(chain.transfer()))
    chain = PooledChain(limits=PoolLimits(bytes_max=3 * size + 10))
    sent = [chain.transfer(fee=fee) for fee in (30_000, 40_000, 50_000, 60_000)]
    await add(chain, *sent)
    assert candidates(chain, 9, ()) == sent[:0:-1]
    assert chain.pool.bytes_total <= 3 * size + 10


# ---------------------------------------------------------------- what leaves, T8


async def test_what_no_block_took_in_time_is_dropped_and_says_so() -> None:
    chain = PooledChain()
    short, long = chain.transfer(valid_ms=500), chain.transfer(valid_ms=60_000)
    await add(chain, short, long)
    chain.clock.now_ms += 501
    chain.finalise(chain.build())
    assert candidates(chain, 9, ()) == [long]
    reason = chain.pool.drop_of(id_of(short))
    assert reason is not None
    assert reason.code == "NOT_INCLUDED"


async def test_what_a_block_refused_is_dropped_when_the_final_state_refuses_it_too() -> None:
    chain = PooledChain()
    job_id = await job_of(chain)
    cancelled_twice = [chain.fail(job_id)]
    await add(chain, *cancelled_twice)
    other_bytes = chain.fail(job_id)
    built = chain.build(other_bytes)
    assert chain.pool.contains(id_of(cancelled_twice[0]))
    chain.pool.doubt([id_of(cancelled_twice[0])])
    chain.finalise(built)
    reason = chain.pool.drop_of(id_of(cancelled_twice[0]))
    assert reason is not None
    assert reason.code == "JOB_UNKNOWN"
    assert not chain.pool.contains(id_of(cancelled_twice[0]))


async def test_what_only_an_unfinal_state_refuses_stays() -> None:
    """The block that made the difference may be abandoned."""
    chain = PooledChain()
    job_id = await job_of(chain)
    pooled = chain.fail(job_id)
    await add(chain, pooled)
    first = chain.build()
    chain.build(chain.fail(job_id))
    chain.pool.doubt([id_of(pooled)])
    chain.finalise(first)
    assert chain.pool.contains(id_of(pooled))


async def test_what_an_unfinal_block_holds_is_not_judged_by_an_older_state() -> None:
    chain = PooledChain()
    submit = chain.job()
    await add(chain, submit)
    empty = chain.build()
    chain.build(submit)
    failing = chain.fail(id_of(submit))
    await add(chain, failing)
    chain.build(failing)
    chain.pool.doubt([id_of(failing)])
    chain.finalise(empty)
    assert chain.pool.contains(id_of(failing))
    assert chain.pool.drop_of(id_of(failing)) is None


# ---------------------------------------------------------------- wrong signatures


async def test_a_source_of_wrong_signatures_is_not_listened_to_for_a_while() -> None:
    chain = PooledChain()
    wrong = [wire(forged(chain.transfer())) for _ in range(20)]
    for _ in range(FAILURES_MAX // len(wrong)):
        await chain.pool.add(wrong, source="192.0.2.1")
    good = [wire(chain.transfer())]
    assert (await chain.pool.add(good, source="192.0.2.1"))[0].code == "SIGNATURE_BUDGET_SPENT"
    assert (await chain.pool.add(good, source="192.0.2.2"))[0].status is POOLED
    chain.clock.now_ms += WINDOW_MS
    good = [wire(chain.transfer())]
    assert (await chain.pool.add(good, source="192.0.2.1"))[0].status is POOLED


async def test_the_node_itself_has_no_such_budget() -> None:
    chain = PooledChain()
    wrong = [wire(forged(chain.transfer())) for _ in range(20)]
    for _ in range(FAILURES_MAX // len(wrong) + 1):
        await chain.pool.add(wrong)
    assert await codes(chain, chain.transfer()) == ["pooled"]


async def test_forged_evidence_counts_like_a_forged_signature() -> None:
    """Evidence is free, and judging it means to verify two signatures inside it."""
    chain = PooledChain()
    statements = [Notarize(0, 5, 1, bytes([n]) * 32) for n in (1, 2)]
    first, second = (SignedStatement(each, bytes(64)) for each in statements)
    evidence = SubmitEvidence(VALIDATOR.public_key, first, second)
    for _ in range(FAILURES_MAX // 50):
        sent = [wire(chain.signed(evidence, fee=0)) for _ in range(50)]
        outcomes = await chain.pool.add(sent, source="192.0.2.1")
        assert {outcome.code for outcome in outcomes} == {"EVIDENCE_SIGNATURE_INVALID"}
    (outcome,) = await chain.pool.add([wire(chain.signed(evidence, fee=0))], source="192.0.2.1")
    assert outcome.code == "SIGNATURE_BUDGET_SPENT"


@pytest.mark.parametrize("key", [COORDINATOR, KeyPair(b"\x77" * 32)])
async def test_an_account_of_nothing_cannot_make_us_verify(key: KeyPair) -> None:
    chain = PooledChain()
    assert await codes(chain, forged(chain.transfer(key=key))) == ["INSUFFICIENT_BALANCE"]
