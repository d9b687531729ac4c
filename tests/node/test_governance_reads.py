"""What is answered about ballots while the index is behind the state."""

from dataclasses import dataclass, replace
from typing import Any, cast

import pytest

from ledger.motions import SetParameter
from ledger.store import BallotRow, BallotStatus
from ledger.store.work_models import Moment, Position
from node.http import governance_routes
from node.http.governance_routes import Governance

OPEN = BallotRow(
    ballot_id=b"\x01" * 32,
    position=Position(3, 0),
    opener=b"\x02" * 20,
    motion=SetParameter("fee_base", 5),
    opened=Moment(3, 1_000),
    status=BallotStatus.OPEN,
    closed=None,
)
PASSED = replace(OPEN, status=BallotStatus.PASSED, closed=Moment(7, 2_000))


@dataclass
class Head:
    height: int = 7


class Chain:
    """A chain whose state has closed the ballot in block 7."""

    def head(self) -> Head:
        return Head()


@dataclass
class Index:
    """An index that reaches block 7 after some looks at it."""

    looks: int
    rows: tuple[BallotRow | None, BallotRow | None]

    def indexed_height(self) -> int:
        self.looks -= 1
        return 7 if self.looks < 0 else 6

    def ballot(self, ballot_id: bytes) -> BallotRow | None:
        return self.rows[self.looks < 0]

    def outcomes(self, **_: Any) -> list[Any]:
        return []


def governance(index: Index) -> Governance:
    return Governance(cast("Any", Chain()), cast("Any", index))


async def test_a_ballot_that_the_state_has_closed_is_not_called_open() -> None:
    row, _ = await governance(Index(3, (OPEN, PASSED)))._closed(OPEN.ballot_id)
    assert row == PASSED


async def test_a_ballot_that_opens_and_closes_at_once_is_waited_for() -> None:
    row, _ = await governance(Index(3, (None, PASSED)))._closed(OPEN.ballot_id)
    assert row == PASSED


async def test_an_unknown_ballot_is_not_waited_for_once_the_index_is_complete() -> None:
    index = Index(0, (None, None))
    row, _ = await governance(index)._closed(OPEN.ballot_id)
    assert row is None
    assert index.looks == -1


async def test_an_index_that_does_not_move_delays_an_answer_only_so_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(governance_routes, "INDEX_PATIENCE_S", 0.05)
    row, _ = await governance(Index(1_000, (OPEN, PASSED)))._closed(OPEN.ballot_id)
    assert row == OPEN
