"""Registering miners: managed and own keys, names, owners, sponsored fees."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coordinator.config import Limits
from coordinator.errors import (
    ChallengeInvalid,
    Forbidden,
    InvalidRequest,
    MinerAlreadyRegistered,
    MinerNameInvalid,
    MinerNotFound,
    SponsorshipExhausted,
    TransactionInvalid,
    Unavailable,
)
from coordinator.miners.capabilities import digest_of_document, document_of
from coordinator.miners.challenges import LIFETIME_MS
from coordinator.outbox import store as outbox
from coordinator.ports import SubmitOutcome, TransactionStatus
from ledger.actions import Action, Custody, RegisterMiner, Transfer
from ledger.hashing import sha256
from ledger.keys import KeyPair
from tests.coordinator.own_miner import OwnMiner
from tests.coordinator.world import AITBC, CLIENT, COORDINATOR, TIMINGS, World, registration


async def test_the_documented_body_alone_registers_a_managed_miner(world: World) -> None:
    coordinator_before = world.chain.balance(COORDINATOR.address)
    miner = await world.miner(
        "my-miner-001",
        capabilities=("llama3.2", "codellama"),
        aliases={},
        gpu_info={"name": "NVIDIA RTX 4090", "memory": "24GB"},
    )
    assert miner.custody is Custody.MANAGED
    assert miner.is_active
    assert miner.services == {"llm_inference"}
    assert miner.models == {"llama3.2", "codellama"}
    assert miner.gpu_memory_mib == 24 * 1024
    record = world.chain.miner(miner.address)
    assert record is not None
    assert (record.name, record.custody, record.bond) == ("my-miner-001", Custody.MANAGED, 0)
    assert record.capabilities_digest == miner.capabilities_digest
    assert world.chain.balance(miner.address) == 0
    assert world.chain.balance(COORDINATOR.address) < coordinator_before


async def test_registering_at_once_from_two_places_is_registering_once(world: World) -> None:
    first, second = await asyncio.gather(world.miner(), world.miner())
    assert first == second
    declared = await world.services.core.database.read(
        lambda c: outbox.count_final(c, f"declare:{first.address.hex()}:")
    )
    assert declared == 1


async def test_registering_again_changes_what_is_declared(world: World) -> None:
    first = await world.miner()
    second = await world.miner(price=AITBC, price_text="1.00", capabilities=("python",))
    assert second.address == first.address
    assert second.price == AITBC
    assert second.services == {"python"}
    record = world.chain.miner(first.address)
    assert record is not None
    assert record.price_floor == AITBC
    assert record.capabilities_digest == second.capabilities_digest
    third = await world.miner()
    assert third.capabilities_digest == first.capabilities_digest


async def test_registering_the_same_again_costs_nothing(world: World) -> None:
    await world.miner()
    height = world.chain.head().height
    await world.miner()
    assert world.chain.head().height == height


@pytest.mark.parametrize(
    "name",
    ["", "-a", ".a", "a b", "a" * 64, "job_1", "RECEIPT_x", "ait1xyz", "tx_", "a\n", "é", "a/b"],
)
async def test_names_that_break_the_pattern_are_refused(world: World, name: str) -> None:
    with pytest.raises(MinerNameInvalid):
        await world.miner(name)
    with pytest.raises(MinerNotFound):
        await world.services.miners.get(name)


async def test_a_name_belongs_to_its_first_owner_whatever_the_case(world: World) -> None:
    await world.miner("Miner-A")
    other = await world.client("other")
    with pytest.raises(MinerAlreadyRegistered):
        await world.miner("miner-a", other)
    assert (await world.services.miners.get("MINER-A")).name == "Miner-A"


async def test_a_name_that_the_chain_gave_to_somebody_else_is_taken(world: World) -> None:
    outsider = OwnMiner(world, "outside", key=KeyPair(sha256(b"stranger")))
    register = RegisterMiner(
        name="Outside",
        capabilities_digest=bytes(32),
        price_floor=0,
        bond=0,
        custody=Custody.OWN,
    )
    await world.chain.submit([outsider.sign(register)])
    await world.quiet()
    with pytest.raises(MinerAlreadyRegistered):
        await world.miner("outside")


BAD_DECLARATIONS = {
    "nothing": {"capabilities": ()},
    "a capability with a space": {"capabilities": ("llama 3",)},
    "too many capabilities": {"capabilities": tuple(f"m{n}" for n in range(300))},
    "an alias with markup": {"aliases": {"<script>": "smollm2-135m"}},
    "a memory that is none": {"gpu_info": {"name": "GPU", "memory": "lots"}},
    "a number that JSON cannot carry": {"gpu_info": {"name": "GPU", "cores": 2**70}},
    "an endless document": {"gpu_info": {"name": "G" * 70_000}},
}


@pytest.mark.parametrize("changes", BAD_DECLARATIONS.values(), ids=BAD_DECLARATIONS.keys())
async def test_declarations_that_mean_nothing_are_refused(
    world: World, changes: dict[str, Any]
) -> None:
    with pytest.raises(InvalidRequest):
        await world.miner(**changes)


async def test_only_a_key_with_the_scope_registers(world: World) -> None:
    reader = replace(CLIENT, scopes=frozenset())
    with pytest.raises(Forbidden):
        await world.services.miners.register(reader, registration("miner-1"))


async def test_sponsored_fees_are_capped_per_owner(folder: Path) -> None:
    limited = World(folder, limits=Limits(sponsored_registrations_max=2))
    await limited.start()
    await limited.miner("miner-1")
    await limited.miner("miner-2")
    with pytest.raises(SponsorshipExhausted):
        await limited.miner("miner-3")
    other = await limited.client("other")
    await limited.miner("miner-4", other)
    await limited.finish()


async def test_a_fee_that_was_never_paid_is_none_of_those_that_are_sponsored(folder: Path) -> None:
    limited = World(folder, limits=Limits(sponsored_registrations_max=1))
    await limited.start()
    submit = limited.chain.submit

    async def poor(signed: Sequence[bytes]) -> list[SubmitOutcome]:
        status = TransactionStatus.REJECTED
        return [SubmitOutcome(bytes(32), status, "INSUFFICIENT_BALANCE") for _ in signed]

    limited.chain.submit = poor  # type: ignore[method-assign]
    for _ in range(2):
        with pytest.raises(Unavailable, match="cannot be sponsored"):
            await limited.miner("miner-1")
        limited.clock.advance(TIMINGS.transaction_validity_ms / 1_000 + 1)
        limited.chain.make_block()
        await limited.services.core.follower.catch_up()
    limited.chain.submit = submit  # type: ignore[method-assign]
    assert (await limited.miner("miner-1")).is_active
    with pytest.raises(SponsorshipExhausted):
        await limited.miner("miner-2")
    await limited.finish()


async def test_the_last_sponsored_fee_is_waited_for_however_often_it_is_asked_for(
    folder: Path,
) -> None:
    limited = World(folder, limits=Limits(sponsored_registrations_max=1))
    await limited.start()
    limited.chain.is_paused = True
    with limited.impatience():
        for _ in range(2):
            with pytest.raises(Unavailable, match="not final"):
                await limited.miner("miner-1")
    limited.chain.is_paused = False
    limited.chain.make_block()
    assert (await limited.miner("miner-1")).is_active
    await limited.finish()


# ---------------------------------------------------------------------------------- own keys


async def test_a_miner_registers_its_own_key(world: World) -> None:
    miner = OwnMiner(world)
    registered = await miner.register(price=AITBC // 100, price_text="0.01")
    assert registered.custody is Custody.OWN
    assert registered.address == miner.key.address
    record = world.chain.miner(miner.key.address)
    assert record is not None
    assert record.price_floor == AITBC // 100
    again = await miner.register(price=AITBC // 50, price_text="0.02")
    assert again.price == AITBC // 50


async def test_a_challenge_is_good_for_one_right_answer(world: World) -> None:
    miner = OwnMiner(world)
    wanted = await miner.registration()
    assert wanted.own_key is not None
    forged = replace(wanted, own_key=replace(wanted.own_key, signature=bytes(64)))
    with pytest.raises(ChallengeInvalid):
        await world.services.miners.register(CLIENT, forged)
    await world.services.miners.register(CLIENT, wanted)
    with pytest.raises(ChallengeInvalid):
        await world.services.miners.register(CLIENT, wanted)


async def test_a_challenge_ends_and_is_bound_to_its_key(world: World) -> None:
    miner, other = OwnMiner(world), OwnMiner(world, "own-2", key=KeyPair(sha256(b"second")))
    late = await miner.registration()
    world.clock.advance(LIFETIME_MS / 1_000 + 1)
    with pytest.raises(ChallengeInvalid):
        await world.services.miners.register(CLIENT, late)
    fresh = await miner.registration()
    foreign = await other.registration()
    assert fresh.own_key is not None
    assert foreign.own_key is not None
    swapped = replace(fresh, own_key=replace(foreign.own_key, nonce=fresh.own_key.nonce))
    with pytest.raises(ChallengeInvalid):
        await world.services.miners.register(CLIENT, swapped)


async def test_unusable_keys_get_no_challenge(world: World) -> None:
    for key in (bytes(32), b"\x01" + bytes(31), b"\xff" * 32, b"short"):
        with pytest.raises(InvalidRequest):
            await world.services.miners.challenge(key)


async def test_a_registration_that_says_something_else_than_the_body_is_refused(
    world: World,
) -> None:
    miner = OwnMiner(world)
    good = RegisterMiner(
        name=miner.name,
        capabilities_digest=bytes(32),
        price_floor=0,
        bond=0,
        custody=Custody.OWN,
    )
    wrong: list[Action] = [
        good,
        RegisterMiner("other", bytes(32), 0, 0, Custody.OWN),
        RegisterMiner(miner.name, bytes(32), 0, 0, Custody.MANAGED),
        Transfer(to=COORDINATOR.address, amount=1),
    ]
    for action in wrong:
        own_key = await miner.answer(miner.sign(action))
        with pytest.raises(TransactionInvalid):
            await world.services.miners.register(CLIENT, registration(miner.name, own_key=own_key))
    assert world.chain.balance(miner.key.address) == 0


async def test_a_bond_that_the_key_cannot_pay_is_named(world: World) -> None:
    miner = OwnMiner(world)
    digest = digest_of_document(document_of(registration(miner.name)))
    action = RegisterMiner(miner.name, digest, 0, AITBC, Custody.OWN)
    own_key = await miner.answer(miner.sign(action))
    with pytest.raises(TransactionInvalid, match="INSUFFICIENT_BALANCE"):
        await world.services.miners.register(CLIENT, registration(miner.name, own_key=own_key))
    assert (await miner.register()).is_active


async def test_a_managed_name_is_not_taken_over_by_a_key(world: World) -> None:
    await world.miner("miner-1")
    thief = OwnMiner(world, "miner-1", await world.client("thief"))
    with pytest.raises(MinerAlreadyRegistered):
        await thief.register()
    same_owner = OwnMiner(world, "miner-1")
    with pytest.raises(MinerAlreadyRegistered):
        await same_owner.register()


async def test_the_challenge_says_what_a_registration_needs(world: World) -> None:
    miner = OwnMiner(world)
    given = await world.services.miners.challenge(miner.key.public_key)
    parameters = world.chain.parameters()
    assert given.chain_id == world.chain.chain_id
    assert given.genesis_digest == world.chain.tags.genesis_digest
    assert given.coordinator == COORDINATOR.address
    assert (given.fee_base, given.fee_per_byte) == (parameters.fee_base, parameters.fee_per_byte)
    assert given.registered_name is None
    await miner.register()
    again = await world.services.miners.challenge(miner.key.public_key)
    assert again.registered_name == miner.name
