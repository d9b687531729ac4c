"""Miners: names, bonds, retirement (J23, J24, K3)."""

import pytest

from ledger.actions import UpdateMiner
from ledger.miners import find_miner, name_key
from ledger.outcomes import OutcomeKind
from ledger.params import Parameters
from ledger.records import MinerNameClaim, Table, state_key
from ledger.rejections import (
    BondTooSmall,
    MinerBusy,
    MinerExists,
    MinerNameReserved,
    MinerNameTaken,
    MinerUnknown,
)
from tests.ledger.phases import Phase, job_in, receipt_id_of
from tests.ledger.worlds import AITBC, PEOPLE, World, genesis_of

MINER, OTHER = PEOPLE.miner, PEOPLE.other_miner


@pytest.fixture
def world() -> World:
    return World()


def test_a_name_is_taken_whatever_its_case(world: World) -> None:
    world.register(name="Gpu-Box.1")
    with pytest.raises(MinerNameTaken):
        world.register(OTHER, name="gpu-BOX.1")
    assert world.head.state.get(name_key("GPU-box.1")) == MinerNameClaim(MINER.address)


def test_an_address_is_one_miner(world: World) -> None:
    world.register()
    with pytest.raises(MinerExists):
        world.register(name="another-name")


@pytest.mark.parametrize("name", ["ait1qqqq", "JOB_1", "receipt_x", "Offer_1", "tx_1", "pay_9"])
def test_a_name_does_not_read_like_an_address_or_an_id(world: World, name: str) -> None:
    with pytest.raises(MinerNameReserved):
        world.register(name=name)


def test_a_bond_below_the_minimum_is_refused() -> None:
    world = World(genesis_of(Parameters(miner_bond_min=AITBC)))
    with pytest.raises(BondTooSmall):
        world.register(bond=AITBC - 1)
    world.register(bond=AITBC)


def test_an_update_changes_capabilities_and_floor_only(world: World) -> None:
    world.register(name="kept", floor=5, bond=7)
    world.act(MINER, UpdateMiner(b"\x01" * 32, 9))
    miner = find_miner(world.head.state, MINER.address)
    assert (miner.name, miner.bond, miner.price_floor) == ("kept", 7, 9)
    assert miner.capabilities_digest == b"\x01" * 32
    with pytest.raises(MinerUnknown):
        world.act(OTHER, UpdateMiner(b"\x01" * 32, 9))


@pytest.mark.parametrize("phase", [Phase.R, Phase.L, Phase.C, Phase.D])
def test_j23_a_miner_with_a_job_in_flight_does_not_retire(world: World, phase: Phase) -> None:
    world.register()
    job_in(world, phase)
    with pytest.raises(MinerBusy) as refused:
        world.retire()
    assert refused.value.in_flight == 1


def test_j23_every_way_out_of_a_job_frees_its_miner(world: World) -> None:
    world.register()
    world.register(OTHER)
    settled = job_in(world, Phase.C, dispute_ms=0)
    world.attest(settled, receipt_id_of(world, settled))
    world.release(job_in(world, Phase.R))
    world.cancel(job_in(world, Phase.R))
    world.fail(job_in(world, Phase.L))
    world.assign(job_in(world, Phase.L), miner=OTHER.address)
    assert find_miner(world.head.state, MINER.address).in_flight == 0
    assert find_miner(world.head.state, OTHER.address).in_flight == 1
    expired = job_in(world, Phase.R)
    job = world.job(expired)
    world.run_to(job.deadline_ms + job.receipt_grace_ms + 1_001)
    world.retire()
    world.retire(OTHER)


def test_j23_the_bond_returns_after_unbonding_and_the_name_is_free_at_once(world: World) -> None:
    world.register(name="phoenix", bond=3 * AITBC)
    retirement = world.retire()
    (retired,) = world.results[-1].outcomes
    assert (retired.kind, retired.amounts) == (OutcomeKind.MINER_RETIRED, (3 * AITBC,))
    world.register(OTHER, name="Phoenix")
    balance = world.balance(MINER.address)
    returns_ms = world.now_ms - 1 + world.head.parameters.unbond_ms
    assert not world.block(after_ms=returns_ms - world.now_ms).outcomes
    (returned,) = world.run_to(returns_ms + 1_001)[0].outcomes
    assert (returned.kind, returned.object_id) == (OutcomeKind.BOND_RETURNED, retirement)
    assert world.balance(MINER.address) == balance + 3 * AITBC
    assert world.head.state.get(state_key(Table.UNBONDING, retirement)) is None


def test_j23_no_bond_leaves_nothing_behind(world: World) -> None:
    before = world.head.state.root
    balance = world.balance(MINER.address)
    world.register()
    world.retire()
    assert world.head.next_due_ms is None
    assert world.head.state.get(name_key("miner")) is None
    assert world.balance(MINER.address) < balance
    assert world.head.state.root != before, "fees have moved, nothing else"
    changed = {key[0] for result in world.results for key in result.delta}
    assert changed == {Table.ACCOUNT, Table.MINER, Table.MINER_NAME}


def test_j24_a_retired_miner_registers_again_while_its_old_bond_returns(world: World) -> None:
    world.register(bond=AITBC)
    world.retire()
    world.register(bond=2 * AITBC)
    assert find_miner(world.head.state, MINER.address).bond == 2 * AITBC
