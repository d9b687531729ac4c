"""Managed keys at rest."""

import pickle
from pathlib import Path

import pytest
from sqlalchemy import select, update

from coordinator.database.tables import wallets
from coordinator.jobs import JobPhase
from coordinator.moment import system_random
from coordinator.wallets import (
    SealBroken,
    Vault,
    WrappingKeyMissing,
    WrappingKeyUnsafe,
    WrappingKeyWrong,
)
from tests.coordinator.world import CLIENT, World, spec


def test_the_wrapping_key_is_made_for_its_owner_alone_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "wrapping.key"
    first = Vault.open(path, system_random)
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(path.read_bytes()) == 32
    key = first.new_key()
    again = Vault.open(path, system_random)
    assert again.unseal(first.seal(key), key.address).seed() == key.seed()
    assert list(path.parent.iterdir()) == [path]


def test_a_wrapping_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrapping.key"
    Vault.open(path, system_random)
    path.chmod(0o640)
    with pytest.raises(WrappingKeyUnsafe, match="chmod 600"):
        Vault.open(path, system_random)


def test_a_damaged_wrapping_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wrapping.key"
    path.write_bytes(b"short")
    path.chmod(0o600)
    with pytest.raises(WrappingKeyUnsafe, match="not 32"):
        Vault.open(path, system_random)


def test_a_seal_opens_with_its_key_for_its_address_only(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path / "a.key", system_random)
    other = Vault.open(tmp_path / "b.key", system_random)
    key, second = vault.new_key(), vault.new_key()
    sealed = vault.seal(key)
    assert key.seed() not in sealed
    with pytest.raises(SealBroken):
        other.unseal(sealed, key.address)
    with pytest.raises(SealBroken):
        vault.unseal(sealed, second.address)
    with pytest.raises(SealBroken):
        vault.unseal(sealed[:-1] + bytes([sealed[-1] ^ 1]), key.address)


def test_a_vault_does_not_travel(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(Vault.open(tmp_path / "a.key", system_random))


async def test_no_seed_is_in_the_database(world: World) -> None:
    await world.miner()
    core = world.services.core
    rows = await core.database.read(lambda c: c.execute(select(wallets)).all())
    assert len(rows) == 3  # Of the client, the miner and the operator.
    stored = b"".join(path.read_bytes() for path in world.folder.glob("coordinator.db*"))
    for row in rows:
        seed = core.vault.unseal(row.sealed_seed, row.address).seed()
        assert seed not in stored
        assert seed.hex().encode() not in stored


async def test_a_changed_seal_stops_the_spending_and_nothing_else(world: World) -> None:
    database = world.services.core.database
    await database.write(lambda c: c.execute(update(wallets).values(sealed_seed=bytes(72))))
    with pytest.raises(SealBroken):
        await world.services.jobs.create(CLIENT, spec())
    assert (await world.services.clients.view(CLIENT)).balance > 0


async def test_a_key_that_sealed_wallets_is_never_made_anew(world: World) -> None:
    path, kept = world.config.wrapping_key_path, world.folder / "kept.key"
    client = await world.client()
    await world.kill()
    path.rename(kept)
    with pytest.raises(WrappingKeyMissing, match=r"backup.*wrapping_key_file"):
        world.build()
    assert not path.exists()
    kept.rename(path)
    world.services = world.build()
    await world.start()
    assert (await world.job(client)).phase is JobPhase.QUEUED


async def test_the_key_of_another_database_is_refused_and_kept(world: World) -> None:
    path = world.config.wrapping_key_path
    own, other = path.read_bytes(), system_random(32)
    await world.kill()
    path.write_bytes(other)
    with pytest.raises(WrappingKeyWrong, match="belongs to this database"):
        world.build()
    assert path.read_bytes() == other
    path.write_bytes(own)
    world.services = world.build()
    await world.start()


async def test_one_damaged_wallet_does_not_make_the_key_a_wrong_one(world: World) -> None:
    first = select(wallets.c.address).order_by(wallets.c.address).limit(1).scalar_subquery()
    damage = update(wallets).where(wallets.c.address == first).values(sealed_seed=bytes(72))
    await world.services.core.database.write(lambda c: c.execute(damage))
    await world.restart()
