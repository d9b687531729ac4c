"""What is answered about ballots while the index is behind the state."""

from dataclasses import dataclass, replace
from typing import Any, cast

from ledger.motions import SetParameter
from ledger.store import BallotRow, BallotStatus
from ledger.store.work_models import Moment, Position
from node.http.governance_routes import INDEX_PATIENCE_S, Governance

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
    """An index that reaches block 7 when somebody waits for it, if it moves at all."""

    rows: tuple[BallotRow | None, BallotRow | None]
    height: int = 6
    moves: bool = True
    waited: tuple[tuple[int, float], ...] = ()

    async def wait_for(self, height: int, timeout_s: float) -> bool:
        self.waited = (*self.waited, (height, timeout_s))
        if self.moves:
            self.height = 7
        return self.height >= height

    def ballot(self, ballot_id: bytes) -> BallotRow | None:
        return self.rows[self.height >= 7]

    def outcomes(self, **_: Any) -> list[Any]:
        return []


def governance(index: Index) -> Governance:
    return Governance(cast("Any", Chain()), cast("Any", index), index)


async def test_a_ballot_that_the_state_has_closed_is_not_called_open() -> None:
    index = Index((OPEN, PASSED))
    row, _ = await governance(index)._closed(OPEN.ballot_id)
    assert row == PASSED
    assert index.waited == ((7, INDEX_PATIENCE_S),)


async def test_a_ballot_that_opens_and_closes_at_once_is_waited_for() -> None:
    row, _ = await governance(Index((None, PASSED)))._closed(OPEN.ballot_id)
    assert row == PASSED


async def test_a_ballot_that_the_index_knows_to_be_closed_is_not_waited_for() -> None:
    index = Index((OPEN, PASSED), height=7)
    row, _ = await governance(index)._closed(OPEN.ballot_id)
    assert row == PASSED
    assert index.waited == ()


async def test_an_index_that_does_not_move_delays_an_answer_only_so_long() -> None:
    index = Index((OPEN, PASSED), moves=False)
    row, _ = await governance(index)._closed(OPEN.ballot_id)
    assert row == OPEN
    assert len(index.waited) == 1
