"""What is remembered of keys is never older than what callers were told."""

import asyncio

import pytest

from coordinator.clients import IssuedKey, Principal
from coordinator.clients.key_ring import KeyWish
from coordinator.errors import InvalidApiKey
from coordinator.http import Policy
from tests.coordinator.world import World


async def _two_keys(world: World) -> tuple[Principal, IssuedKey]:
    """Return a caller and another key of the same client, which was used before."""
    clients = world.services.clients
    _, first = await clients.register("somebody")
    caller = await clients.authenticate(first.text)
    other = await clients.keys.issue(caller, KeyWish())
    assert (await clients.authenticate(other.text)).key_id == other.key.key_id
    return caller, other


async def test_a_key_is_refused_as_soon_as_its_revocation_is_answered(world: World) -> None:
    clients = world.services.clients
    caller, other = await _two_keys(world)
    for _ in range(3):
        another = await clients.keys.issue(caller, KeyWish())
        # Read again and again while it is revoked: nothing older than the revocation stays known.
        asking = [asyncio.create_task(clients.authenticate(another.text)) for _ in range(4)]
        await clients.keys.revoke(caller, another.key.key_id)
        await asyncio.gather(*asking, return_exceptions=True)
        with pytest.raises(InvalidApiKey):
            await clients.authenticate(another.text)
    assert (await clients.authenticate(other.text)).key_id == other.key.key_id


async def test_a_revocation_counts_although_its_caller_went_away(world: World) -> None:
    clients = world.services.clients
    caller, other = await _two_keys(world)
    revoking = asyncio.create_task(clients.keys.revoke(caller, other.key.key_id))
    await asyncio.sleep(0)
    revoking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await revoking
    # The writer takes one after the other: when this one is done, so is the revocation.
    await clients.keys.issue(caller, KeyWish())
    # Both may be told in one turn of the loop: what the revocation's end does comes in the next.
    await world.services.core.database.read(lambda _: None)
    with pytest.raises(InvalidApiKey):
        await clients.authenticate(other.text)


async def test_a_rotated_key_ends_when_its_rotation_said(world: World) -> None:
    clients = world.services.clients
    caller, other = await _two_keys(world)
    await clients.keys.rotate(caller, other.key.key_id, overlap_s=60)
    assert (await clients.authenticate(other.text)).expires_ms == world.clock() + 60_000
    world.clock.advance(60)
    with pytest.raises(InvalidApiKey):
        await clients.authenticate(other.text)


async def test_limits_of_a_key_hold_from_its_next_request_on(world: World) -> None:
    clients = world.services.clients
    _, other = await _two_keys(world)
    assert await clients.set_quotas(other.key.key_id, {Policy.SUBMIT.value: 7})
    assert (await clients.authenticate(other.text)).quotas == {"submit": 7}
    assert not await clients.set_quotas("nobody's", {})
