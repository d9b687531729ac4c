"""Every order of events in small committees: no order leads to disagreement, and all of them heal.

`model_member` holds what each member can be brought to, by running the real core; `model_search`
combines that to all common states. Certificates and the reasons of votes are checked in each.
"""

import random

import pytest

from consensus import Core
from tests.consensus.model_healing import Calm
from tests.consensus.model_search import Search

STATES_MAX = 5_000_000
"""More than any of these explorations has."""

HEALING_MS = 30_000


def explored(size: int, views: int, byzantine: int | None) -> Search:
    search = Search(size, views, byzantine)
    found = search.run(STATES_MAX)
    assert search.is_complete
    every = set(range(1, views + 1))
    assert (found.notarized, found.nullified, found.finalized) == (every, every, every)
    assert found.forked == every, "each view was both notarized and nullified somewhere"
    return search


def is_sound(cores: dict[int, Core]) -> bool:
    """Return whether every honest member in a certificate that is held has signed it.

    A member's state is restored by one way to it, and on that way it may have seen certificates
    that others never signed here; see `Member`.
    """
    for core in cores.values():
        log = core._state.log
        held = [each for at in log.above_floor() for each in at.certificates.values()]
        for certificate in (*held, *filter(None, [log.floor_certificate])):
            for signer in (cores[e.signer] for e in certificate.entries if e.signer in cores):
                at = signer._state.log.find(certificate.view)
                own = at.own.get(certificate.kind) if at else None
                is_known = own is not None and own.statement == certificate.statement
                if certificate.view > signer.floor.view and not is_known:
                    return False
    return True


def assert_heals(search: Search, samples: int) -> None:
    """Continue from some of the states, evenly chosen, in a calm network."""
    chosen = random.Random(1).sample(list(search.seen), min(samples, len(search.seen)))
    sound = 0
    for together in chosen:
        cores = search.restored(together)
        if is_sound(cores):
            assert Calm(search.world, cores).run(HEALING_MS), f"no progress from {together}"
            sound += 1
    assert 2 * sound > len(chosen), "most states are restored as they were reached"


@pytest.mark.parametrize("byzantine", [0, 1, 3])
def test_four_members_agree_on_one_view_whatever_one_of_them_does(byzantine: int) -> None:
    search = explored(4, 1, byzantine)
    assert_heals(search, 60)


def test_three_members_without_a_faulty_one_agree_on_two_views() -> None:
    search = explored(3, 2, None)
    assert_heals(search, 100)


@pytest.mark.timeout(600)
def test_four_members_agree_on_two_views_whatever_the_first_leader_does() -> None:
    search = explored(4, 2, 0)
    assert_heals(search, 200)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("byzantine", [1, 3])
def test_four_members_agree_on_two_views_whatever_another_member_does(byzantine: int) -> None:
    assert_heals(explored(4, 2, byzantine), 2_000)


@pytest.mark.soak
@pytest.mark.timeout(3_600)
def test_three_members_without_a_faulty_one_agree_on_three_views() -> None:
    assert_heals(explored(3, 3, None), 2_000)
