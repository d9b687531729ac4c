"""The queue in memory: clients in turn, whatever is put in and taken out."""

import cProfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coordinator.leases.matching import Needs
from coordinator.leases.waiting import NEEDS_PER_CLIENT_MAX, WaitingJob, WaitingJobs
from coordinator.miners.capabilities import Capabilities, document_of, read_document
from coordinator.registry import ServiceRegistry
from tests.coordinator.world import registration

SERVICE = "llm_inference"
MODELS = ("llama3.2", "mistral")


def queue_of(jobs: list[WaitingJob]) -> WaitingJobs:
    queue = WaitingJobs(ServiceRegistry())
    for job in jobs:
        queue.put(job, 0)
    return queue


def job(seq: int, client: str, model: str = MODELS[0]) -> WaitingJob:
    return WaitingJob(seq.to_bytes(32, "big"), seq, client, 10**9, Needs(SERVICE, model, 1))


def miner(*capabilities: str, **changes: object) -> Capabilities:
    given_by = registration("m", capabilities=capabilities, aliases={}, **changes)
    return read_document(document_of(given_by), ServiceRegistry())


def shown(queue: WaitingJobs, declared: Capabilities) -> list[int]:
    return [waiting.seq for waiting in queue.in_turn(declared)]


def test_ten_thousand_jobs_of_one_client_delay_the_first_of_another_by_one() -> None:
    queue = queue_of([job(seq, "many") for seq in range(10_000)] + [job(10_000, "few")])
    first = next(queue.in_turn(miner(*MODELS)))
    assert first.client_id == "many"
    queue.give(first.job_id)
    assert next(queue.in_turn(miner(*MODELS))).client_id == "few"


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(MODELS)), max_size=30),
    st.sets(st.integers(0, 29)),
    st.sampled_from([(MODELS[0],), MODELS, ("llm-inference",)]),
)
def test_the_order_is_that_of_a_ranking_of_the_whole_queue(
    orders: list[tuple[str, str]], gone: set[int], capabilities: tuple[str, ...]
) -> None:
    jobs = [job(seq, client, model) for seq, (client, model) in enumerate(orders)]
    queue = queue_of(jobs)
    for each in jobs:
        if each.seq in gone:
            queue.drop(each.job_id)
    declared = miner(*capabilities)
    left = [
        each
        for each in jobs
        if each.seq not in gone and declared.model_for(each.needs.model) is not None
    ]
    place = {
        each.seq: sum(o.client_id == each.client_id and o.seq < each.seq for o in left)
        for each in left
    }
    assert shown(queue, declared) == sorted(place, key=lambda seq: (place[seq], seq))


@given(st.lists(st.sampled_from("abc"), min_size=1, max_size=30))
def test_whoever_was_served_stands_behind_those_who_were_not(clients: list[str]) -> None:
    queue = queue_of([job(seq, client) for seq, client in enumerate(clients)])
    left = {client: clients.count(client) for client in clients}
    served: list[str] = []
    while len(queue):
        first = next(queue.in_turn(miner(*MODELS)))
        waiting = [client for client, count in left.items() if count]
        last = {client: len(served) - 1 - served[::-1].index(client) for client in set(served)}
        assert last.get(first.client_id, -1) == min(last.get(each, -1) for each in waiting)
        served.append(first.client_id)
        left[first.client_id] -= 1
        queue.give(first.job_id)
    assert shown(queue, miner(*MODELS)) == []


def kind(seq: int, client: str, gpus: int = 0) -> WaitingJob:
    """Return a job of a service without models that asks for GPUs."""
    return WaitingJob(
        seq.to_bytes(32, "big"), seq, client, 10**9, Needs("ffmpeg_transcode", "", 1, gpus)
    )


@pytest.mark.parametrize("clients", [1, 1_000])
def test_a_job_that_fits_is_found_behind_any_number_that_do_not(clients: int) -> None:
    queue = queue_of([kind(seq, f"c{seq % clients}", 1) for seq in range(1_000)])
    queue.put(kind(1_000, "victim"), 5)
    assert shown(queue, miner("ffmpeg-transcode")) == [1_000]


def test_one_clients_many_different_needs_cost_others_a_bounded_number_of_comparisons() -> None:
    queue = queue_of([kind(seq, "many", 1 + seq) for seq in range(NEEDS_PER_CLIENT_MAX + 36)])
    with_gpus = [queue.known()[seq.to_bytes(32, "big")] for seq in range(NEEDS_PER_CLIENT_MAX)]
    rich = miner("ffmpeg-transcode", gpu_info={"name": "RTX", "count": 1_000})
    assert shown(queue, rich) == [each.seq for each in with_gpus]
    for each in with_gpus[:36]:
        queue.give(each.job_id)
    assert shown(queue, rich) == list(range(36, NEEDS_PER_CLIENT_MAX + 36))


def test_who_is_next_of_ten_thousand_clients_is_found_without_looking_at_them() -> None:
    queue = queue_of([job(seq, f"c{seq}") for seq in range(10_000)])
    declared = miner(*MODELS)
    calls = calls_of(lambda: next(queue.in_turn(declared)))
    assert calls < 100


def calls_of(work: Callable[[], object]) -> int:
    """Return how many functions a piece of work calls, which no busy machine changes."""
    profile = cProfile.Profile()
    profile.runcall(work)
    return sum(entry.callcount for entry in profile.getstats())


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("put", "drop", "give")),
            st.integers(0, 200),
            st.sampled_from("abc"),
            st.integers(0, NEEDS_PER_CLIENT_MAX + 8),
            st.integers(0, 5),
        ),
        max_size=150,
    )
)
def test_whatever_comes_and_goes_the_oldest_job_of_each_client_stands_in_turn(
    steps: list[tuple[str, int, str, int, int]],
) -> None:
    queue = WaitingJobs(ServiceRegistry())
    rich = miner("ffmpeg-transcode", gpu_info={"name": "RTX", "count": 1_000})
    there: dict[int, str] = {}
    for what, seq, client, gpus, turn in steps:
        job_id = seq.to_bytes(32, "big")
        if what == "put" and seq not in there:
            queue.put(kind(seq, client, gpus), turn)
            there[seq] = client
        elif what == "drop":
            queue.drop(job_id)
            there.pop(seq, None)
        elif what == "give" and seq in there:
            queue.give(job_id)
            owner = there.pop(seq)
            order = [queue.known()[i.to_bytes(32, "big")].client_id for i in shown(queue, rich)]
            firsts = list(dict.fromkeys(order))
            assert owner not in firsts[:-1], "it stands behind all others"
        assert len(queue) == len(there)
        clients = [there[seq] for seq in shown(queue, rich)]
        assert set(clients[: len(set(there.values()))]) == set(there.values())
        assert set(shown(queue, rich)) <= set(there)
    for seq in sorted(there, reverse=True):
        queue.drop(seq.to_bytes(32, "big"))
    assert shown(queue, rich) == []
