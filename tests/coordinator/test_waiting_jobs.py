"""The queue in memory: clients in turn, whatever is put in and taken out."""

from hypothesis import given
from hypothesis import strategies as st

from coordinator.leases.matching import Needs
from coordinator.leases.waiting import WaitingJob, WaitingJobs
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


def miner(*capabilities: str) -> Capabilities:
    given_by = registration("m", capabilities=capabilities, aliases={})
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
