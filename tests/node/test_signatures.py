"""Signature verification: the same verdicts wherever it happens, whatever happens to a worker."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from ledger.hashing import Purpose, Tags
from ledger.keys import KeyPair
from node import signature_frames, signature_process, signatures
from node.signature_frames import Frame, Lanes
from node.signature_process import FRAMES_AT_ONCE, VerifyingProcess
from node.signatures import INLINE_MAX, SignatureClaim, SignatureVerifier, default_workers
from tests.p2p.meeting import eventually

TAGS = Tags(bytes(32))
KEY = KeyPair(b"\x05" * 32)
SIZE = 20
"""Claims of a frame in these tests: few, so that many frames are quick."""


def claim(number: int, *, good: bool) -> SignatureClaim:
    identity = number.to_bytes(32, "big")
    signature = KEY.sign(TAGS[Purpose.TX_SIGN] + identity)
    if not good:
        signature = bytes([signature[0] ^ 1]) + signature[1:]
    return SignatureClaim(KEY.public_key, identity, signature)


def claims_of(count: int, *, good: bool, first: int = 0) -> list[SignatureClaim]:
    return [claim(number, good=good) for number in range(first, first + count)]


def mixed(count: int) -> tuple[list[SignatureClaim], list[bool]]:
    expected = [number % 3 != 0 for number in range(count)]
    return [claim(number, good=good) for number, good in enumerate(expected)], expected


@pytest.fixture(autouse=True)
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature_frames, "FRAME_RECORDS_MAX", SIZE)


@pytest.fixture(params=[0, 2])
async def verifier(request: pytest.FixtureRequest) -> AsyncIterator[SignatureVerifier]:
    verifier = SignatureVerifier(TAGS, request.param)
    await verifier.start()
    yield verifier
    await verifier.stop()


@pytest.fixture
async def lone() -> AsyncIterator[SignatureVerifier]:
    """A verifier with one process, where nothing can end up beside the other."""
    verifier = SignatureVerifier(TAGS, 1)
    await verifier.start()
    yield verifier
    await verifier.stop()


def process_of(verifier: SignatureVerifier) -> VerifyingProcess:
    (process,) = verifier._processes
    return process


@contextmanager
def held(verifier: SignatureVerifier) -> Iterator[None]:
    """Keep the process from answering; what it is given meanwhile stays with it."""
    pid = process_of(verifier).pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_each_claim_gets_its_own_verdict_in_order(verifier: SignatureVerifier) -> None:
    for count in (0, 1, INLINE_MAX, INLINE_MAX + 1, 137):
        claims, expected = mixed(count)
        assert await verifier.verify(claims) == expected


async def test_batches_at_the_same_time_do_not_mix(verifier: SignatureVerifier) -> None:
    batches = [mixed(count) for count in (50, 20, 3 * SIZE + 1)]
    verdicts = await asyncio.gather(*(verifier.verify(claims) for claims, _ in batches))
    assert verdicts == [expected for _, expected in batches]


async def test_a_signature_for_another_chain_is_refused() -> None:
    verifier = SignatureVerifier(Tags(b"\x01" * 32), 0)
    assert await verifier.verify([claim(1, good=True)]) == [False]


async def test_a_claim_that_is_asked_for_often_is_verified_once(
    verifier: SignatureVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[bytes] = []
    conclude = Lanes.conclude

    def noting(lanes: Lanes, frame: Frame, verdicts: bytes) -> None:
        looked_at.extend(frame.records)
        conclude(lanes, frame, verdicts)

    monkeypatch.setattr(Lanes, "conclude", noting)
    claims, expected = mixed(90)
    copies = [*claims, *claims[:50], *claims[40:]]
    verdicts = await asyncio.gather(
        verifier.verify(claims),
        verifier.verify(copies, is_urgent=True),
        verifier.verify(claims[60:]),
    )
    assert tuple(verdicts) == (expected, [*expected, *expected[:50], *expected[40:]], expected[60:])
    assert sorted(looked_at) == sorted(each.record() for each in claims)
    assert not verifier._lanes._frames, "nothing is remembered that nobody waits for"


async def test_verdicts_that_nobody_has_fetched_yet_are_not_asked_for_again() -> None:
    lanes, records = Lanes(1), [bytes([number]) * 128 for number in range(20)]
    _, (frame,) = lanes.enlist(records, is_urgent=False)
    assert lanes.take() is frame
    lanes.conclude(frame, bytes([1] * 20))
    assert lanes.enlist(records[5:], is_urgent=True) == ([frame], [])
    lanes.leave([frame])
    lanes.leave([frame])
    assert lanes.enlist(records[5:], is_urgent=True)[0] == [], "then they are somebody else's"


async def test_copies_of_a_few_claims_are_a_few_claims(lone: SignatureVerifier) -> None:
    claims, expected = mixed(INLINE_MAX)
    with held(lone):
        assert await lone.verify(claims * 100) == expected * 100


# ---------------------------------------------------------------- who waits is cancelled


@pytest.mark.parametrize("good", [True, False])
async def test_whoever_is_cancelled_and_whenever_later_verdicts_are_right(
    lone: SignatureVerifier, *, good: bool
) -> None:
    """A verdict of a cancelled batch that came to a later one would let a forged signature pass."""
    for number in range(24):
        first = number * 10_000
        cancelled = claims_of(3 * SIZE + 7, good=good, first=first)
        task = asyncio.create_task(lone.verify(cancelled))
        await turns(number)
        task.cancel()
        later = claims_of(20, good=not good, first=first + 5_000)
        assert await lone.verify(later) == [not good] * 20
        await asyncio.wait({task})
        assert task.cancelled()


@pytest.mark.parametrize("good", [True, False])
@pytest.mark.parametrize("frames", [1, FRAMES_AT_ONCE, FRAMES_AT_ONCE + 2])
async def test_a_batch_that_is_cancelled_while_the_process_has_it_shifts_nothing(
    lone: SignatureVerifier, frames: int, *, good: bool
) -> None:
    count = frames * SIZE
    with held(lone):
        task = asyncio.create_task(lone.verify(claims_of(count, good=good)))
        await turns(5)
        task.cancel()
        later = asyncio.create_task(lone.verify(claims_of(count + 11, good=not good, first=count)))
        await turns(5)
        assert task.cancelled()
    assert await later == [not good] * (count + 11)
    assert await lone.verify(claims_of(count, good=good)) == [good] * count


async def test_batches_that_are_cancelled_together_shift_nothing(lone: SignatureVerifier) -> None:
    with held(lone):
        batches = [claims_of(2 * SIZE, good=True, first=at) for at in (0, 1_000, 2_000)]
        together = asyncio.gather(*map(lone.verify, batches))
        await turns(5)
        together.cancel()
        later = asyncio.create_task(lone.verify(claims_of(5 * SIZE, good=False, first=4_000)))
        with pytest.raises(asyncio.CancelledError):
            await together
    assert await later == [False] * (5 * SIZE)


async def test_a_batch_that_is_cancelled_between_two_answers_shifts_nothing(
    lone: SignatureVerifier,
) -> None:
    task = asyncio.create_task(lone.verify(claims_of(3 * SIZE, good=True)))
    await turns(2)
    await asyncio.wait({next(iter(lone._lanes._frames.values())).verdicts})
    task.cancel()
    assert await lone.verify(claims_of(70, good=False, first=4_000)) == [False] * 70


async def test_others_that_wait_for_the_same_claims_lose_nothing(
    verifier: SignatureVerifier,
) -> None:
    claims, expected = mixed(70)
    first, second = (asyncio.create_task(verifier.verify(claims)) for _ in range(2))
    await turns(2)
    first.cancel()
    assert await second == expected
    assert first.cancelled()


async def test_what_nobody_waits_for_any_more_is_not_verified(lone: SignatureVerifier) -> None:
    with held(lone):
        tasks = [
            asyncio.create_task(lone.verify(claims_of(SIZE, good=True, first=at)))
            for at in range(0, 20 * SIZE, SIZE)
        ]
        await turns(2)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert await lone.verify(claims_of(11, good=False, first=9_000)) == [False] * 11
    assert process_of(lone)._number == FRAMES_AT_ONCE + 1
    assert not lone._lanes._frames


# ---------------------------------------------------------------- what a vote waits for


@pytest.mark.parametrize("workers", [0, 1])
async def test_what_a_vote_waits_for_overtakes_all_that_no_process_has_yet(workers: int) -> None:
    verifier = SignatureVerifier(TAGS, workers)
    await verifier.start()
    done: list[str] = []

    async def verify(name: str, first: int, *, is_urgent: bool = False) -> None:
        batch = claims_of(INLINE_MAX + 1, good=True, first=first)
        assert all(await verifier.verify(batch, is_urgent=is_urgent))
        done.append(name)

    flood = [asyncio.create_task(verify("flood", at)) for at in range(0, 2_000, 100)]
    await turns(1)
    # One asks for what stands last in the other lane.
    votes = [asyncio.create_task(verify("vote", at, is_urgent=True)) for at in (5_000, 1_900)]
    await asyncio.gather(*flood, *votes)
    await verifier.stop()
    assert done.index("vote") <= FRAMES_AT_ONCE
    assert [name for name in done[:5] if name == "vote"] == ["vote"] * 2


# ---------------------------------------------------------------- processes that fail


async def test_killed_workers_cost_no_verdict_and_are_replaced(lone: SignatureVerifier) -> None:
    process, first = process_of(lone), process_of(lone).pid
    assert first is not None
    claims, expected = mixed(90)
    assert await lone.verify(claims) == expected
    with held(lone):
        tasks = [asyncio.create_task(lone.verify(claims[:at])) for at in (30, 90)]
        await turns(5)
        os.kill(first, signal.SIGKILL)
    assert await asyncio.gather(*tasks) == [expected[:30], expected]
    await process.running.wait()
    assert process.pid != first
    frames = process._number
    assert await lone.verify(claims) == expected
    assert process._number > frames


async def test_while_no_other_can_be_started_the_node_verifies_itself_and_tries_again(
    lone: SignatureVerifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signature_process, "RETRY_S_MIN", 0.001)
    monkeypatch.setattr(signature_process, "RETRY_S_MAX", 0.002)
    command = signature_process.COMMAND
    monkeypatch.setattr(signature_process, "COMMAND", ("/nowhere/a-program-that-is-not-there",))
    process, first = process_of(lone), process_of(lone).pid
    assert first is not None
    claims, expected = mixed(70)
    failed = "signature_worker_not_started"
    with capture_logs() as logs:
        task = asyncio.create_task(lone.verify(claims))
        await turns(5)
        os.kill(first, signal.SIGKILL)
        assert await task == expected
        await eventually(lambda: [each["event"] for each in logs].count(failed) >= 3)
        assert await lone.verify(claims) == expected
        monkeypatch.setattr(signature_process, "COMMAND", command)
        await process.running.wait()
    assert [each["pid"] for each in logs if each["event"] == "signature_worker_lost"] == [first]
    assert await lone.verify(claims) == expected
    assert process.pid not in {None, first}


async def test_a_node_whose_workers_cannot_be_started_at_all_verifies_itself(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(signature_process, "COMMAND", ("/nowhere/a-program-that-is-not-there",))
    verifier = SignatureVerifier(TAGS, 2)
    await verifier.start()
    claims, expected = mixed(70)
    assert await verifier.verify(claims) == expected
    await verifier.stop()


@pytest.mark.parametrize(
    "lie",
    [
        "b'\\x01' + answer",
        "answer + b'\\x01'",
        "answer + answer",
        "answer[12:] + bytes(12)",
        "(9).to_bytes(8, 'big') + answer[8:]",
        "answer[:8] + (19).to_bytes(4, 'big') + answer[12:]",
        "answer[:12] + b'\\x02' * len(answer[12:])",
        "(sys.stdout.close(), b'')[1]",
    ],
)
async def test_a_process_whose_answer_is_not_to_its_frame_is_killed_and_nothing_of_it_counts(
    monkeypatch: pytest.MonkeyPatch, lie: str
) -> None:
    """The process finds all signatures good, so that whatever is taken from it shows."""
    program = f"""
import sys
from node import signature_worker

class Sink:
    def write(self, answer):
        answer = answer[:12] + b"\\x01" * len(answer[12:])
        sys.stdout.buffer.write({lie})
    def flush(self):
        sys.stdout.buffer.flush()

signature_worker.serve(sys.stdin.buffer, Sink())
"""
    monkeypatch.setattr(signature_process, "RETRY_S_MIN", 60)
    monkeypatch.setattr(signature_process, "COMMAND", (sys.executable, "-c", program))
    verifier = SignatureVerifier(TAGS, 1)
    await verifier.start()
    # None takes its place: it would not know what this one has told already.
    monkeypatch.setattr(signature_process, "COMMAND", ("/nowhere/a-program-that-is-not-there",))
    with capture_logs() as logs:
        # Frame by frame: what is wrong with an answer may show with the next only.
        good = claims_of(20, good=True)
        assert await verifier.verify(good) == [True] * 20
        forged = claims_of(2 * SIZE, good=False, first=100)
        assert await verifier.verify(forged) == [False] * len(forged)
    assert logs[0]["event"] == "signature_worker_lost"
    assert not process_of(verifier).running.is_set()
    await verifier.stop()


async def test_a_verifier_that_ends_while_its_process_is_being_killed_leaves_none_behind(
    lone: SignatureVerifier,
) -> None:
    process = process_of(lone)._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    await eventually(lambda: not process_of(lone).running.is_set())
    await lone.stop()
    assert process.returncode == -signal.SIGKILL


async def test_after_its_end_a_verifier_still_tells_right_from_wrong() -> None:
    verifier = SignatureVerifier(TAGS, 1)
    await verifier.start()
    claims, expected = mixed(70)
    with held(verifier):
        task = asyncio.create_task(verifier.verify(claims))
        await turns(3)
    await verifier.stop()
    assert await task == expected
    assert await verifier.verify(claims) == expected


async def test_a_worker_ends_when_its_node_does(lone: SignatureVerifier) -> None:
    """The pipe is the leash: no signal is sent, the input ends as a killed parent's would."""
    process = process_of(lone)._process
    assert process is not None
    await lone.stop()
    assert process.returncode == 0


def test_a_node_starts_at_least_one_worker_unasked_and_not_one_for_each_core() -> None:
    assert 1 <= default_workers() <= signatures.WORKERS_MAX
    cores = len(os.sched_getaffinity(0))
    assert default_workers() == 1 or default_workers() < cores
