"""Clients, API keys, and the devnet's demo identity."""

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select

from coordinator.clients import Scope
from coordinator.clients.demo import DEMO_PRINCIPAL
from coordinator.clients.key_ring import KeyWish
from coordinator.clients.keys import new_key, parse_key
from coordinator.database.tables import api_keys
from coordinator.errors import (
    Forbidden,
    InvalidApiKey,
    InvalidRequest,
    NotFound,
    Unauthenticated,
)
from coordinator.moment import system_random
from tests.coordinator.world import AITBC, CLIENT, FUNDS, World


async def test_without_a_key_a_devnet_knows_its_demo_identity(world: World) -> None:
    for text in (None, "your-api-key", "your_key"):
        principal = await world.services.clients.authenticate(text)
        assert principal is DEMO_PRINCIPAL
        assert principal.version_pin is None
    assert (await world.services.clients.view(CLIENT)).balance == FUNDS


async def test_outside_a_devnet_nobody_is_somebody_without_a_key(folder: Path) -> None:
    world = World(folder)
    await world.services.stop()
    world.config = replace(world.config, is_devnet=False)
    world.services = world.build()
    await world.start()
    with pytest.raises(Unauthenticated):
        await world.services.clients.authenticate(None)
    for text in ("your-api-key", "your_key"):
        with pytest.raises(InvalidApiKey):
            await world.services.clients.authenticate(text)
    client, issued = await world.services.clients.register("outside")
    assert client.balance == 0
    principal = await world.services.clients.authenticate(issued.text)
    assert principal.client_id == client.client_id
    await world.finish()


async def test_a_new_client_of_a_devnet_is_funded(world: World) -> None:
    client, issued = await world.services.clients.register("lab")
    assert client.balance == FUNDS
    assert issued.key.scopes == {Scope.CLIENT, Scope.MINER, Scope.READ, Scope.WALLET}


async def test_the_demo_wallet_is_filled_again_when_it_runs_low(world: World) -> None:
    job = await world.job(max_price=600 * AITBC)
    await world.restart()
    balance = (await world.services.clients.view(CLIENT)).balance
    assert FUNDS < balance < 2 * FUNDS
    await world.restart()
    assert (await world.services.clients.view(CLIENT)).balance == balance
    await world.services.jobs.cancel(CLIENT, job.job_id)


async def test_wrong_keys_are_refused_on_a_devnet_too(world: World) -> None:
    _, issued = await world.services.clients.register("lab")
    good = issued.text
    unknown = new_key(system_random).text
    for text in ("", "x", good[:-1], good + "0", good.upper(), unknown, "your-api-key "):
        with pytest.raises(InvalidApiKey):
            await world.services.clients.authenticate(text)


async def test_keys_are_stored_as_digests_only(world: World) -> None:
    _, issued = await world.services.clients.register("lab")
    rows = await world.services.core.database.read(lambda c: c.execute(select(api_keys)).all())
    secret = issued.text.split("_")[2]
    assert secret not in repr(rows)


async def test_a_revoked_or_ended_key_is_refused(world: World) -> None:
    clients = world.services.clients
    _, issued = await clients.register("lab")
    principal = await clients.authenticate(issued.text)
    passing = await clients.keys.issue(principal, KeyWish(expires_ms=world.clock() + 1_000))
    await clients.authenticate(passing.text)
    world.clock.advance(1)
    with pytest.raises(InvalidApiKey):
        await clients.authenticate(passing.text)
    for _ in range(2):
        await clients.keys.revoke(principal, issued.key.key_id)
    with pytest.raises(InvalidApiKey):
        await clients.authenticate(issued.text)
    shown = {key.key_id: key.is_revoked for key in (await clients.keys.list(principal))[0]}
    assert shown == {issued.key.key_id: True, passing.key.key_id: False}


async def test_a_key_gives_no_more_than_it_has(world: World) -> None:
    clients = world.services.clients
    reader = await clients.keys.issue(CLIENT, KeyWish(scopes=frozenset({Scope.READ})))
    principal = await clients.authenticate(reader.text)
    assert principal.client_id == CLIENT.client_id
    with pytest.raises(Forbidden):
        await clients.keys.issue(principal, KeyWish(scopes=frozenset({Scope.CLIENT})))
    with pytest.raises(Forbidden):
        await clients.keys.issue(CLIENT, KeyWish(scopes=frozenset({Scope.ADMIN})))
    with pytest.raises(Forbidden):
        await world.job(principal)


async def test_nobody_revokes_anothers_key(world: World) -> None:
    clients = world.services.clients
    _, issued = await clients.register("lab")
    with pytest.raises(NotFound):
        await clients.keys.revoke(CLIENT, issued.key.key_id)
    await clients.authenticate(issued.text)


async def test_labels_are_bounded(world: World) -> None:
    with pytest.raises(InvalidRequest):
        await world.services.clients.register("x" * 101)


async def test_what_is_in_escrow_is_shown_as_reserved(world: World) -> None:
    job = await world.job()
    assert (await world.services.clients.view(CLIENT)).reserved == AITBC // 10
    await world.services.jobs.cancel(CLIENT, job.job_id)
    assert (await world.services.clients.view(CLIENT)).reserved == 0


def test_a_mistyped_key_is_known_without_a_look_into_the_database() -> None:
    text = new_key(system_random).text
    assert parse_key(text) is not None
    for place in range(len(text)):
        other = "a" if text[place] != "a" else "b"
        assert parse_key(text[:place] + other + text[place + 1 :]) is None
