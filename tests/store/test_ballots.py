"""Ballots and what they changed, from the real ledger into the index and out of it."""

from collections.abc import Iterator

import pytest

from ledger.codec import encode
from ledger.motions import IssueUnits, RemoveAuthority, SetParameter
from ledger.outcomes import OutcomeKind
from ledger.store import BallotStatus, Moment
from tests.databases import Place
from tests.ledger.councils import BALLOT_MS, COUNCIL, Council
from tests.ledger.worlds import PEOPLE
from tests.store.every_query import recorded
from tests.store.indexes import open_indexed
from tests.store.plans import check_plan
from tests.store.test_real_chain import StoredWorld

FEE = SetParameter("fee_base", 2_000)
ISSUE = IssueUnits(PEOPLE.stranger.address, 5)


@pytest.fixture
def council(place: Place) -> Iterator[StoredWorld]:
    with open_indexed(place) as indexed:
        yield StoredWorld(indexed, Council(4))


def world_of(council: StoredWorld) -> Council:
    assert isinstance(council.world, Council)
    return council.world


def test_a_ballot_is_open_until_it_passes_or_expires(council: StoredWorld) -> None:
    world, reader = world_of(council), council.indexed.reader
    passed, expired = world.open(ISSUE), world.open(FEE, opener=1)
    council.save()
    assert [row.status for row in reader.ballots()] == [BallotStatus.OPEN, BallotStatus.OPEN]
    world.vote(passed, 1)
    world.vote(passed, 2)
    council.save()
    row = reader.ballot(passed)
    assert row is not None
    assert (row.motion, row.opener) == (ISSUE, COUNCIL[0].address)
    assert (row.opened.height, row.status) == (1, BallotStatus.PASSED)
    assert row.closed == Moment(4, world.now_ms)
    world.run_to(world.now_ms + BALLOT_MS + 1_000)
    council.save()
    assert [row.ballot_id for row in reader.ballots(status=BallotStatus.EXPIRED)] == [expired]
    assert [row.ballot_id for row in reader.ballots()] == [expired, passed]
    assert reader.ballots(before=reader.ballots()[0].position)[0].ballot_id == passed
    assert reader.ballots(status=BallotStatus.OPEN) == []


def test_the_votes_on_a_ballot_are_the_outcomes_of_its_id(council: StoredWorld) -> None:
    world, reader = world_of(council), council.indexed.reader
    ballot_id = world.open(FEE)
    world.vote(ballot_id, 1)
    world.vote(ballot_id, 1, support=False)
    council.save()
    told = [row.outcome for row in reader.outcomes(object_id=ballot_id)][::-1]
    assert [(o.kind, o.code) for o in told] == [
        (OutcomeKind.BALLOT_OPENED, 5),
        (OutcomeKind.BALLOT_VOTED, 1),
        (OutcomeKind.BALLOT_VOTED, 0),
    ]
    assert told[1].parties == (COUNCIL[1].address,)


def test_changes_are_listed_newest_first(council: StoredWorld) -> None:
    world, reader = world_of(council), council.indexed.reader
    world.decide(FEE)
    world.decide(RemoveAuthority(COUNCIL[3].public_key))
    world.accuse(world.equivocation(2))
    world.end_epoch()
    world.decide(ISSUE)
    council.save()
    kinds = [row.outcome.kind for row in reader.governance_changes()]
    assert kinds == [
        OutcomeKind.UNITS_ISSUED,
        OutcomeKind.VALIDATOR_REMOVED,
        OutcomeKind.PARAMETER_CHANGED,
        OutcomeKind.VALIDATOR_ACCUSED,
    ]
    first = reader.governance_changes(limit=1)[0]
    rest = reader.governance_changes(before=(first.height, first.index))
    assert [row.outcome.kind for row in rest] == kinds[1:]
    assert encode(first.outcome) == encode(world.told(OutcomeKind.UNITS_ISSUED)[0])


def test_an_index_that_began_after_a_ballot_passes_its_end_over(place: Place) -> None:
    """The chain of a node that started from a snapshot begins in the middle."""
    with open_indexed(place) as indexed:
        stored = StoredWorld(indexed, Council(4))
        world = world_of(stored)
        ballot_id = world.open(FEE)
        stored.save()
        with indexed.indexer._database.writing() as connection:
            connection.exec_driver_sql("DELETE FROM ballots")
        world.vote(ballot_id, 1)
        world.vote(ballot_id, 2)
        stored.save()
        assert indexed.reader.ballot(ballot_id) is None


def test_no_query_about_ballots_scans_or_sorts(council: StoredWorld) -> None:
    world, reader = world_of(council), council.indexed.reader
    world.open(FEE)
    council.save()
    with recorded(reader) as statements:
        reader.ballot(bytes(32))
        for bound in (None, (40, 3)):
            reader.governance_changes(bound)
            for status in (None, BallotStatus.PASSED):
                reader.ballots(bound, status=status)
    selects = [(text, values) for text, values in statements if text.startswith("SELECT")]
    assert len(selects) == 7
    with reader._database.reading() as connection:
        for text, values in selects:
            check_plan(connection, text, values)
