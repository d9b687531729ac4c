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
from node.p2p.outbox import Outbox, Queued

VOTE, CERTIFICATE = KINDS[VoteMessage], KINDS[CertificateMessage]
BLOCK, RANGE = KINDS[BlockAnswer], KINDS[RangeAnswer]
STATUS, TRANSACTIONS = KINDS[StatusMessage], KINDS[TransactionsMessage]

kinds = st.sampled_from([VOTE, CERTIFICATE, BLOCK, RANGE, STATUS, TRANSACTIONS])
pushes = st.tuples(kinds, st.binary(min_size=1, max_size=40))


def drain(outbox: Outbox) -> list[tuple[str, bytes]]:
    drained = []
    while taken := outbox.pop():
        drained.append((taken[0].name, taken[1]))
    return drained


def test_votes_overtake_blocks_and_blocks_overtake_transactions():
    outbox = Outbox(1_000, 1_000)
    for kind in (TRANSACTIONS, RANGE, BLOCK, VOTE, CERTIFICATE):
        outbox.push(kind, kind.name.encode())
    assert [name for name, _ in drain(outbox)] == [
        "vote",
        "certificate",
        "block_answer",
        "range_answer",
        "transactions",
    ]


def test_frames_of_one_queue_keep_their_order():
    outbox = Outbox(1_000, 1_000)
    for text in (b"a", b"b", b"c"):
        outbox.push(VOTE, text)
    assert [data for _, data in drain(outbox)] == [b"a", b"b", b"c"]


def test_a_newer_status_takes_the_place_of_an_older_one():
    outbox = Outbox(1_000, 1_000)
    outbox.push(STATUS, b"old")
    outbox.push(VOTE, b"vote")
    outbox.push(STATUS, b"newer")
    assert outbox.bytes == 9
    assert drain(outbox) == [("status", b"newer"), ("vote", b"vote")]
    outbox.push(STATUS, b"again")
    assert drain(outbox) == [("status", b"again")]


def test_transactions_are_dropped_when_enough_of_them_wait():
    outbox = Outbox(100, 10)
    assert outbox.push(TRANSACTIONS, bytes(10)) is Queued.YES
    assert outbox.push(TRANSACTIONS, b"x") is Queued.DROPPED
    assert outbox.push(BLOCK, bytes(80)) is Queued.YES
    assert outbox.dropped == 1


def test_transactions_give_way_to_votes_before_the_peer_has_to_go():
    outbox = Outbox(20, 20)
    outbox.push(TRANSACTIONS, bytes(10))
    outbox.push(TRANSACTIONS, bytes(10))
    assert outbox.push(VOTE, bytes(15)) is Queued.YES
    assert outbox.dropped == 2
    assert outbox.push(VOTE, bytes(6)) is Queued.FULL
    assert drain(outbox) == [("vote", bytes(15))]


@given(st.lists(st.one_of(pushes, st.none()), max_size=60))
def test_bounds_and_order_hold_whatever_is_pushed_and_popped(steps):
    outbox = Outbox(200, 80)
    waiting: list[tuple[Priority, bytes]] = []
    for step in steps:
        if step is None:
            taken = outbox.pop()
            if taken is not None:
                assert taken[0].priority == min(priority for priority, _ in waiting)
        else:
            outbox.push(*step)
        waiting = _contents(outbox)
        assert outbox.bytes == sum(len(data) for _, data in waiting) <= 200
        lowest = [len(data) for p, data in waiting if p is Priority.TRANSACTIONS]
        assert sum(lowest) <= 80
        assert bool(outbox) == bool(waiting)
    outbox.clear()
    assert not outbox
    assert outbox.pop() is None


def _contents(outbox: Outbox) -> list[tuple[Priority, bytes]]:
    return [
        (priority, waiting.data) for priority, queue in outbox._queues.items() for waiting in queue
    ]
