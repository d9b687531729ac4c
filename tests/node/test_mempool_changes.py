"""The pool while the chain goes on: what changes during verification, and what counts as work."""

import asyncio
from collections.abc import Callable, Sequence

import pytest
from structlog.testing import capture_logs

from coordinator.ports import TransactionStatus
from ledger.records import Supply, Table, state_key
from ledger.transaction import SignedTransaction, identify
from ledger.types import Address
from ledger.views import ChainView, genesis_view
from node import mempool, pool_entrance, pool_signatures, signature_budget
from node.mempool import LOOKED_AT_MAX, WORK_CHECKS_MAX, Mempool
from node.pool_admission import PoolLimits
from node.ports import FoundWork
from node.references import reference_of
from node.signatures import SignatureClaim, SignatureVerifier
from tests.node.pooled_chain import (
    CHAIN_ID,
    POOR,
    RICH,
    RICHES,
    START_MS,
    TAGS,
    PooledChain,
    add,
    candidates,
    codes,
    first_records,
    forged,
    id_of,
    job_of,
    wire,
)

# ---------------------------------------------------------------- while signatures are verified


class Interrupted(SignatureVerifier):
    """Lets something happen while signatures are verified."""

    def __init__(self, happens: Callable[[], object]) -> None:
        super().__init__(TAGS, 0)
        self.claims: list[SignatureClaim] = []
        self.happens = happens

    async def verify(
        self, claims: Sequence[SignatureClaim], *, is_urgent: bool = False
    ) -> list[bool]:
        self.claims += claims
        self.happens()
        return await super().verify(claims, is_urgent=is_urgent)


def interrupted(
    happens: Callable[[PooledChain], object], transactions_max: int = 100
) -> tuple[PooledChain, Interrupted]:
    chain = PooledChain(PoolLimits(transactions_max))
    verifier = Interrupted(lambda: happens(chain))
    chain.pool = Mempool(chain, verifier, chain.clock, chain.limits)
    return chain, verifier


async def codes_of(
    chain: PooledChain, batch: Sequence[SignedTransaction], source: str
) -> list[str]:
    outcomes = await chain.pool.add(list(map(wire, batch)), source)
    return [outcome.code or outcome.status for outcome in outcomes]


async def test_what_became_final_meanwhile_is_a_duplicate() -> None:
    waiting: list[SignedTransaction] = []
    chain, _ = interrupted(lambda chain: chain.finalise(chain.build(*waiting)))
    waiting.append(chain.transfer())
    assert await codes(chain, waiting[0]) == ["duplicate"]


async def test_what_cannot_be_paid_any_more_meanwhile_is_refused() -> None:
    def spend(chain: PooledChain) -> None:
        chain.finalise(chain.build(chain.transfer(90_000, key=POOR, fee=4_000)))

    chain, _ = interrupted(spend)
    assert await codes(chain, chain.transfer(50_000, key=POOR)) == ["INSUFFICIENT_BALANCE"]


async def test_spends_that_pass_together_are_summed_up_when_they_are_pooled() -> None:
    chain, _ = interrupted(lambda _: None)
    batch = [chain.transfer(40_000, key=POOR) for _ in range(4)]
    outcomes = await codes(chain, *batch)
    assert outcomes == ["pooled", "pooled", "INSUFFICIENT_BALANCE", "INSUFFICIENT_BALANCE"]


async def test_what_expired_meanwhile_is_refused() -> None:
    def wait(chain: PooledChain) -> None:
        chain.clock.now_ms += 50

    chain, _ = interrupted(wait)
    assert await codes(chain, chain.transfer(valid_ms=40)) == ["TRANSACTION_EXPIRED"]


async def test_transactions_that_wait_for_their_signatures_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_signatures, "UNVERIFIED_MAX", 5)
    chain, gate = PooledChain(), asyncio.Event()

    class Held(SignatureVerifier):
        async def verify(
            self, claims: Sequence[SignatureClaim], *, is_urgent: bool = False
        ) -> list[bool]:
            await gate.wait()
            return await super().verify(claims, is_urgent=is_urgent)

    chain.pool = Mempool(chain, Held(TAGS, 0), chain.clock, chain.limits)
    batches = [[wire(chain.transfer(number)) for number in (at, at + 1)] for at in range(1, 9, 2)]
    adding = asyncio.gather(*map(chain.pool.add, batches))
    await asyncio.sleep(0)
    gate.set()
    outcomes = await adding
    statuses = [outcome.status for batch in outcomes for outcome in batch]
    assert statuses == [TransactionStatus.POOLED] * 5 + [TransactionStatus.FULL] * 3
    assert {(await chain.pool.add([batches[3][1]]))[0].status} == {TransactionStatus.POOLED}


async def test_a_good_signature_is_verified_once_even_if_the_pool_had_no_room() -> None:
    chain, verifier = interrupted(lambda _: None, transactions_max=1)
    first, second = chain.transfer(fee=50_000), chain.transfer(fee=50_000)
    assert await codes(chain, first, second, second) == ["pooled", "POOL_FULL", "POOL_FULL"]
    before = len(verifier.claims)
    assert chain.pool.is_verified(identify(TAGS, second))
    chain.finalise(chain.build(first))
    assert await codes(chain, second) == ["pooled"]
    assert len(verifier.claims) == before


async def test_verifying_ahead_leaves_out_what_is_known_and_learns_nothing_of_wrong_ones() -> None:
    chain, verifier = interrupted(lambda _: None)
    known, new, wrong = chain.transfer(), chain.transfer(), forged(chain.transfer())
    await add(chain, known)
    await chain.pool.verify_ahead([identify(TAGS, each) for each in (known, new, wrong)])
    assert len(verifier.claims) == 3
    verified = [chain.pool.is_verified(identify(TAGS, each)) for each in (known, new, wrong)]
    assert verified == [True, True, False]
    await chain.pool.verify_ahead([identify(TAGS, each) for each in (known, new)])
    assert len(verifier.claims) == 3


async def test_a_batch_of_wrong_signatures_costs_no_more_than_a_source_may_send(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signature_budget, "FAILURES_MAX", 20)
    monkeypatch.setattr(pool_entrance, "PORTION_MAX", 20)
    chain, verifier = interrupted(lambda _: None)
    batch = [wire(forged(chain.transfer())) for _ in range(70)]
    outcomes = await chain.pool.add(batch, "192.0.2.7")
    codes = [outcome.code for outcome in outcomes]
    assert codes == ["SIGNATURE_INVALID"] * 20 + ["SIGNATURE_BUDGET_SPENT"] * 50
    assert len(verifier.claims) == 20
    assert chain.pool._signatures.waiting == 0
    good = [chain.transfer() for _ in range(70)]
    assert await codes_of(chain, good, "192.0.2.8") == ["pooled"] * 70


async def test_what_waited_for_signatures_waits_no_more_when_its_sender_is_gone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pool_entrance, "PORTION_MAX", 20)
    tasks: list[asyncio.Task[object]] = []
    chain, verifier = interrupted(lambda _: len(verifier.claims) > 20 and tasks[0].cancel())
    batch = [wire(chain.transfer()) for _ in range(70)]
    tasks.append(asyncio.create_task(chain.pool.add(batch)))
    await asyncio.wait(tasks)
    assert tasks[0].cancelled()
    assert len(chain.pool) == 20
    assert chain.pool._signatures.waiting == 0


async def test_a_pool_without_room_says_so_before_it_verifies() -> None:
    chain, verifier = interrupted(lambda _: None, transactions_max=10)
    await add(chain, *(chain.transfer(fee=50_000) for _ in range(10)))
    del verifier.claims[:]
    late = [chain.transfer(fee=50_000) for _ in range(5)]
    assert await codes(chain, *late) == ["POOL_FULL"] * 5
    assert not verifier.claims
    assert await codes(chain, chain.transfer(fee=60_000)) == ["pooled"]


async def test_much_that_expired_at_once_leaves_turn_by_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mempool, "EXPIRED_MAX", 10)
    chain = PooledChain()
    short, long = [chain.transfer(valid_ms=500) for _ in range(35)], chain.transfer()
    await add(chain, *short, long)
    chain.clock.now_ms += 5_000
    chain.finalise(chain.build())
    for left in (26, 16, 6, 1, 1):
        assert len(chain.pool) == left
        await asyncio.sleep(0)
    assert chain.pool.contains(id_of(long))
    for each in short:
        reason = chain.pool.drop_of(id_of(each))
        assert reason is not None
        assert reason.code == "NOT_INCLUDED"


# ---------------------------------------------------------------- work for a block, E12


async def test_there_is_no_work_when_the_ancestors_hold_it_all() -> None:
    chain = PooledChain()
    sent = [chain.transfer(), chain.transfer()]
    await add(chain, *sent)
    found = chain.pool.find_work(chain.head_view, {id_of(sent[0])})
    assert found == FoundWork(reference_of(wire(sent[1])))
    everything = {id_of(one) for one in sent} | {bytes(32)}
    assert chain.pool.find_work(chain.head_view, everything) == FoundWork()


async def test_what_the_final_state_refuses_is_no_work_and_leaves() -> None:
    chain = PooledChain()
    job_id = await job_of(chain)
    waits, other_bytes = chain.fail(job_id), chain.fail(job_id)
    others = [chain.transfer(fee=60_000) for _ in range(LOOKED_AT_MAX)]
    await add(chain, *others, waits)
    assert chain.pool.find_work(chain.head_view, ()).reference == reference_of(wire(waits))
    chain.finalise(chain.build(other_bytes))
    assert chain.pool.contains(id_of(waits))
    found = chain.pool.find_work(chain.head_view, ())
    assert found == FoundWork(reference_of(wire(others[0])))
    reason = chain.pool.drop_of(id_of(waits))
    assert reason is not None
    assert reason.code == "JOB_UNKNOWN"
    assert reason.__traceback__ is None, "it would keep the state alive that was looked at"
    assert reason.__context__ is None


async def test_what_no_state_takes_any_more_is_dropped_within_a_few_blocks() -> None:
    """Also on a node that builds no blocks and looks for no work."""
    chain = PooledChain()
    job_id = await job_of(chain)
    waits, other_bytes = chain.fail(job_id), chain.fail(job_id)
    others = [chain.transfer() for _ in range(3 * LOOKED_AT_MAX)]
    await add(chain, *others, waits)
    chain.finalise(chain.build(other_bytes))
    for _ in range(3):
        assert chain.pool.contains(id_of(waits))
        chain.finalise(chain.build())
    reason = chain.pool.drop_of(id_of(waits))
    assert reason is not None
    assert reason.code == "JOB_UNKNOWN"
    assert candidates(chain, 1_000, ()) == others


async def test_what_an_unfinal_state_refuses_is_no_work_until_the_final_one_has_judged_it() -> None:
    chain = PooledChain()
    job_id = await job_of(chain)
    waits = chain.fail(job_id)
    await add(chain, waits)
    before = chain.head_view
    first = chain.build()
    chain.build(chain.fail(job_id))
    assert chain.pool.find_work(chain.head_view, ()) == FoundWork()
    assert chain.pool.contains(id_of(waits))
    assert chain.pool.find_work(before, ()) == FoundWork()
    chain.finalise(first)
    assert chain.pool.find_work(first.result.view, ()).reference == reference_of(wire(waits))


async def test_a_search_among_much_that_is_refused_is_bounded_and_says_that_it_is_unsure() -> None:
    chain = PooledChain()
    count = LOOKED_AT_MAX + WORK_CHECKS_MAX + 5
    pooled = [chain.transfer(RICHES // 300, fee=60_000) for _ in range(count)]
    good = chain.transfer(key=POOR)
    await add(chain, *pooled, good)
    chain.finalise(chain.build(chain.transfer(RICHES - 10**9, to=POOR.address)))
    assert chain.pool.find_work(chain.head_view, ()) == FoundWork(is_unsure=True)
    assert chain.pool.find_work(chain.head_view, ()) == FoundWork(reference_of(wire(good)))


async def test_what_can_no_longer_be_included_in_time_is_no_work() -> None:
    chain = PooledChain()
    await add(chain, chain.transfer(valid_ms=100))
    chain.clock.now_ms += 101
    assert chain.pool.find_work(chain.head_view, ()) == FoundWork()


# ---------------------------------------------------------------- the ledger itself fails


def broken_view(chain: PooledChain, address: Address) -> ChainView:
    """Return a state on which the ledger fails: an account's record is of another kind."""
    records = first_records(chain.parameters)
    records[state_key(Table.ACCOUNT, address)] = Supply(1, 0)
    return genesis_view(TAGS, CHAIN_ID, records, START_MS, 256)


async def test_a_transaction_on_which_the_ledger_fails_is_refused_alone_and_counted() -> None:
    chain = PooledChain()
    chain.final_view = chain.head_view = broken_view(chain, POOR.address)
    crashing = chain.transfer(key=POOR)
    with capture_logs() as logs:
        assert await codes(chain, crashing, chain.transfer()) == ["INTERNAL_FAULT", "pooled"]
    assert chain.refusals == ["INTERNAL_FAULT"]
    assert [entry["transaction_id"] for entry in logs] == [id_of(crashing).hex()]
    assert logs[0]["log_level"] == "error"


async def test_a_transaction_on_which_the_ledger_fails_after_verification_is_refused() -> None:
    def breaks(chain: PooledChain) -> None:
        chain.final_view = chain.head_view = broken_view(chain, POOR.address)

    chain, _ = interrupted(breaks)
    crashing, good = chain.transfer(key=POOR), chain.transfer()
    assert await codes(chain, crashing, good) == ["INTERNAL_FAULT", "pooled"]


@pytest.mark.parametrize("by", ["find_work", "settle", "doubt"])
async def test_a_pooled_transaction_on_which_the_ledger_fails_leaves_the_pool(by: str) -> None:
    chain = PooledChain()
    crashing = chain.transfer(key=RICH)
    await add(chain, crashing, chain.transfer(key=POOR, to=POOR.address))
    chain.final_view = chain.head_view = broken_view(chain, RICH.address)
    if by == "find_work":
        assert chain.pool.find_work(chain.head_view, ()).reference is not None
    else:
        chain.pool.doubt([id_of(crashing)] if by == "doubt" else [])
        chain.pool.settle()
    if by == "settle":  # What came since the block before was judged when it came.
        assert chain.pool.contains(id_of(crashing))
        chain.pool.settle()
    assert not chain.pool.contains(id_of(crashing))
    dropped = chain.pool.drop_of(id_of(crashing))
    assert dropped is not None
    assert dropped.code == "INTERNAL_FAULT"
    assert len(chain.pool) == 1
