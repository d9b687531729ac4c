"""The bound of a client's open jobs holds, however seldom they are counted."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from coordinator.errors import TooManyRequests
from coordinator.jobs.open_jobs import KNOWN_MAX, OpenJobs

LIMIT = 3

NOWHERE: Connection = create_engine("sqlite://").connect()
"""Never asked: the tables are of the test."""


@dataclass
class Tables:
    """The open jobs of every client, and how often they were counted."""

    open: int = 0
    counts: int = 0

    def count(self, _connection: Connection, _client_id: str) -> int:
        self.counts += 1
        return self.open


@given(st.lists(st.sampled_from(["order", "undone order", "end"]), max_size=60))
def test_an_order_is_refused_if_and_only_if_as_many_jobs_are_open_as_may_be(
    steps: list[str],
) -> None:
    tables = Tables()
    bound = OpenJobs(LIMIT, tables.count)
    for step in steps:
        if step == "end":
            tables.open = max(0, tables.open - 1)
        elif tables.open == LIMIT:
            with pytest.raises(TooManyRequests):
                bound.add(NOWHERE, "client_1")
        else:
            bound.add(NOWHERE, "client_1")
            tables.open += step == "order"


def test_jobs_are_counted_once_for_as_many_orders_as_the_limit_leaves() -> None:
    tables = Tables()
    bound = OpenJobs(LIMIT, tables.count)
    for _ in range(10 * LIMIT):
        bound.add(NOWHERE, "client_1")
    assert tables.counts == 10


def test_clients_that_are_forgotten_are_counted_when_they_come_again() -> None:
    tables = Tables(open=LIMIT - 1)
    bound = OpenJobs(LIMIT, tables.count)
    for number in range(KNOWN_MAX + 1):
        bound.add(NOWHERE, f"client_{number}")
    tables.open = LIMIT
    with pytest.raises(TooManyRequests):
        bound.add(NOWHERE, "client_0")
