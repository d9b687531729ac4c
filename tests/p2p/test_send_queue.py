"""What waits for a slow peer: order, bounds, and what is given up first."""

from hypothesis import given
from hypothesis import strategies as st

from node.p2p.kinds import KINDS, Priority
from node.p2p.messages import (
    BlockAnswer,
    CertificateMessage,
    RangeAnswer,
    StatusMessage,
    TransactionsMessage,
    VoteMessage,
)
from node.p2p.send_queue import Queued, SendQueue

VOTE, CERTIFICATE = KINDS[VoteMessage], KINDS[CertificateMessage]
BLOCK, RANGE = KINDS[BlockAnswer], KINDS[RangeAnswer]
STATUS, TRANSACTIONS = KINDS[StatusMessage], KINDS[TransactionsMessage]

kinds = st.sampled_from([VOTE, CERTIFICATE, BLOCK, RANGE, STATUS, TRANSACTIONS])
pushes = st.tuples(kinds, st.binary(min_size=1, max_size=40))


def drain(queue: SendQueue) -> list[tuple[str, bytes]]:
    drained = []
    while taken := queue.pop():
        drained.append((taken[0].name, taken[1]))
    return drained


def test_votes_overtake_blocks_and_blocks_overtake_transactions():
    queue = SendQueue(1_000, 1_000)
    for kind in (TRANSACTIONS, RANGE, BLOCK, VOTE, CERTIFICATE):
        queue.push(kind, kind.name.encode())
    assert [name for name, _ in drain(queue)] == [
        "vote",
        "certificate",
        "block_answer",
        "range_answer",
        "transactions",
    ]


def test_frames_of_one_queue_keep_their_order():
    queue = SendQueue(1_000, 1_000)
    for text in (b"a", b"b", b"c"):
        queue.push(VOTE, text)
    assert [data for _, data in drain(queue)] == [b"a", b"b", b"c"]


def test_a_newer_status_takes_the_place_of_an_older_one():
    queue = SendQueue(1_000, 1_000)
    queue.push(STATUS, b"old")
    queue.push(VOTE, b"vote")
    queue.push(STATUS, b"newer")
    assert queue.bytes == 9
    assert drain(queue) == [("status", b"newer"), ("vote", b"vote")]
    queue.push(STATUS, b"again")
    assert drain(queue) == [("status", b"again")]


def test_transactions_are_dropped_when_enough_of_them_wait():
    queue = SendQueue(100, 10)
    assert queue.push(TRANSACTIONS, bytes(10)) is Queued.YES
    assert queue.push(TRANSACTIONS, b"x") is Queued.DROPPED
    assert queue.push(BLOCK, bytes(80)) is Queued.YES
    assert queue.dropped == 1


def test_transactions_give_way_to_votes_before_the_peer_has_to_go():
    queue = SendQueue(20, 20)
    queue.push(TRANSACTIONS, bytes(10))
    queue.push(TRANSACTIONS, bytes(10))
    assert queue.push(VOTE, bytes(15)) is Queued.YES
    assert queue.dropped == 2
    assert queue.push(VOTE, bytes(6)) is Queued.FULL
    assert drain(queue) == [("vote", bytes(15))]


@given(st.lists(st.one_of(pushes, st.none()), max_size=60))
def test_bounds_and_order_hold_whatever_is_pushed_and_popped(steps):
    queue = SendQueue(200, 80)
    waiting: list[tuple[Priority, bytes]] = []
    for step in steps:
        if step is None:
            taken = queue.pop()
            if taken is not None:
                assert taken[0].priority == min(priority for priority, _ in waiting)
        else:
            queue.push(*step)
        waiting = _contents(queue)
        assert queue.bytes == sum(len(data) for _, data in waiting) <= 200
        lowest = [len(data) for p, data in waiting if p is Priority.TRANSACTIONS]
        assert sum(lowest) <= 80
        assert bool(queue) == bool(waiting)
    queue.clear()
    assert not queue
    assert queue.pop() is None


def _contents(queue: SendQueue) -> list[tuple[Priority, bytes]]:
    return [(priority, one.data) for priority, row in queue._queues.items() for one in row]
