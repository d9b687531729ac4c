"""A clock that is set back lets nothing last longer than it was made for."""

from coordinator.events.errors import TicketInvalid
from coordinator.events.tickets import PER_KEY_MAX
from coordinator.leases.suggestions import LIFETIME_MS, Suggestions
from tests.coordinator.world import CLIENT, World

JOB, MINER, OTHER = b"\x01" * 32, b"\x02" * 20, b"\x03" * 20
HOUR_MS = 3_600_000
NOW_MS = 1_770_000_000_000


def test_a_job_is_kept_for_one_miner_no_longer_than_for_a_moment() -> None:
    suggestions = Suggestions()
    assert suggestions.note(JOB, MINER, NOW_MS)
    assert not suggestions.note(JOB, OTHER, NOW_MS + LIFETIME_MS - 1)
    assert suggestions.to_others(OTHER, NOW_MS) == {JOB}
    assert suggestions.to_others(OTHER, NOW_MS - HOUR_MS) == frozenset()
    assert suggestions.note(JOB, MINER, NOW_MS)
    assert suggestions.note(JOB, OTHER, NOW_MS - HOUR_MS)
    assert suggestions.count(NOW_MS - HOUR_MS) == 1


async def test_unused_tickets_of_the_time_that_comes_again_are_forgotten(world: World) -> None:
    tickets = world.services.events.tickets
    late = [tickets.issue(CLIENT)[0] for _ in range(PER_KEY_MAX)]
    world.clock.advance(-HOUR_MS / 1_000)
    text, _ = tickets.issue(CLIENT)
    assert await tickets.redeem(text) == CLIENT
    assert await _is_good(world, late[0]) is False
    world.clock.advance(HOUR_MS / 1_000)


async def _is_good(world: World, text: str) -> bool:
    try:
        await world.services.events.tickets.redeem(text)
    except TicketInvalid:
        return False
    return True
