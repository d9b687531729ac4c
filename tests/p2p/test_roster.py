"""Who may connect, and which of two connections to one key is kept."""

from dataclasses import dataclass
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.p2p import Limits, Role
from node.p2p.errors import AlreadyConnected, KeyBanned, LinkEnded, NoSlot, Stopping
from node.p2p.link import Link, Proved
from node.p2p.roster import BANS_MAX, Roster, keeps_newcomer
from tests.p2p.meeting import key_pair

OWN = key_pair(0).public_key
LIMITS = Limits(guests_max=4, guests_per_address_max=3, ban_ms=1_000)


def key(number: int) -> bytes:
    return key_pair(number).public_key


def proved(
    number: int,
    *,
    role: Role = Role.FOLLOWER,
    is_outbound: bool = False,
    process: bytes = b"first",
    near: str = "",
) -> Proved:
    return Proved(key(number), role, process, is_outbound, "address", near or f"10.0.0.{number}")


@dataclass
class SeatTaken:
    """A link as far as the roster looks at one."""

    proved: Proved
    ended: LinkEnded | None = None

    @property
    def key(self) -> bytes:
        return self.proved.key

    @property
    def is_outbound(self) -> bool:
        return self.proved.is_outbound


def seat(proved: Proved, ended: LinkEnded | None = None) -> Link:
    return cast(Link, SeatTaken(proved, ended))


def roster(*links: Proved, validators: frozenset[bytes] = frozenset(), expected=frozenset()):
    made = Roster(OWN, LIMITS, expected)
    made.validators = validators
    for link in links:
        made.put(seat(link))
    return made


processes = st.sampled_from([b"first", b"second"])


@given(st.booleans(), st.booleans(), st.booleans())
def test_both_ends_keep_the_same_one_of_two_connections(
    first_is_by_smaller: bool, second_is_by_smaller: bool, smaller_sees_first_first: bool
):
    small, large = sorted([key(1), key(2)])

    def seen_from(own: bytes, is_by_smaller: bool) -> Proved:
        other = large if own == small else small
        is_outbound = is_by_smaller == (own == small)
        return Proved(other, Role.VALIDATOR, b"process", is_outbound, "", "")

    kept = []
    for own in (small, large):
        order = [first_is_by_smaller, second_is_by_smaller]
        if first_is_by_smaller != second_is_by_smaller and own == small:
            # Dialled at one moment: each end may come to see them in either order.
            order = order if smaller_sees_first_first else order[::-1]
        existing, newcomer = (seen_from(own, is_by_smaller) for is_by_smaller in order)
        kept.append(order[1] if keeps_newcomer(own, existing, newcomer) else order[0])
    assert kept[0] == kept[1]
    if first_is_by_smaller != second_is_by_smaller:
        assert kept[0], "the one that the smaller key dialled"


@given(st.booleans(), st.booleans())
def test_a_peer_that_was_started_again_gets_its_place_at_once(was_outbound: bool, outbound: bool):
    existing = proved(1, is_outbound=was_outbound)
    newcomer = proved(1, is_outbound=outbound, process=b"second")
    assert keeps_newcomer(OWN, existing, newcomer)


def test_a_second_connection_that_is_not_kept_is_refused_and_names_the_key():
    keeps_own = key(1) > OWN
    here = roster(proved(1, is_outbound=keeps_own))
    with pytest.raises(AlreadyConnected) as refused:
        here.check(proved(1, is_outbound=not keeps_own), 0)
    assert refused.value.key == key(1)


def test_a_connection_that_is_ending_is_in_nobodys_way():
    keeps_own = key(1) > OWN
    here = roster()
    ending = seat(proved(1, is_outbound=keeps_own), Stopping())
    here.put(ending)
    assert here.check(proved(1, is_outbound=not keeps_own), 0) is ending
    assert here.links() == ()


def test_a_link_that_was_replaced_does_not_take_its_successor_along():
    here = roster()
    first, second = seat(proved(1)), seat(proved(1, process=b"second"))
    here.put(first)
    here.put(second)
    here.remove(first)
    assert here.get(key(1)) is second


def test_followers_leave_slots_for_validators():
    here = roster(*(proved(number) for number in range(1, 5)), validators=frozenset({key(9)}))
    with pytest.raises(NoSlot, match="4 followers"):
        here.check(proved(5), 0)
    with pytest.raises(NoSlot):
        here.check(proved(5, role=Role.VALIDATOR), 0)
    assert here.check(proved(9, role=Role.VALIDATOR), 0) is None


def test_a_key_that_the_operator_named_gets_in_as_a_validator_does():
    here = roster(*(proved(number) for number in range(1, 5)), expected=frozenset({key(8)}))
    assert here.check(proved(8), 0) is None


def test_own_dials_take_no_slot():
    here = roster(*(proved(number, is_outbound=True) for number in range(1, 9)))
    assert here.check(proved(10), 0) is None


def test_one_neighbourhood_cannot_take_all_slots():
    here = roster(*(proved(number, near="10.9.9.9") for number in range(1, 4)))
    with pytest.raises(NoSlot, match=r"from 10\.9\.9\.9"):
        here.check(proved(5, near="10.9.9.9"), 0)
    assert here.check(proved(5, near="10.9.9.8"), 0) is None


def test_a_follower_that_connects_again_needs_no_second_slot():
    here = roster(*(proved(number) for number in range(1, 5)))
    assert here.check(proved(1, process=b"second"), 0) is not None


def test_a_ban_holds_for_its_time_and_ends_by_itself():
    here = roster()
    here.ban(key(1), 100)
    with pytest.raises(KeyBanned):
        here.check(proved(1), 1_099)
    assert here.check(proved(1), 1_100) is None


def test_bans_are_bounded_and_the_oldest_goes_first():
    here = roster()
    for number in range(BANS_MAX + 1):
        here.ban(number.to_bytes(32, "big"), 0)
    assert not here.is_banned((0).to_bytes(32, "big"), 1)
    assert here.is_banned((1).to_bytes(32, "big"), 1)
    assert here.is_banned(BANS_MAX.to_bytes(32, "big"), 1)
