"""A whole life in one block: what a block did is more than its first and last states show.

Each block is built, applied and looked at by the checker (see `worlds`), which must neither
refuse what is right nor lose count of it.
"""

import pytest

from ledger.actions import (
    AcceptReceipt,
    Action,
    AssignJob,
    AttestationKind,
    AttestReceipt,
    CancelJob,
    Custody,
    DisputeReceipt,
    FailJob,
    PostReceipt,
    Reason,
    RegisterMiner,
    ReleaseJob,
    RetireMiner,
    Transfer,
    UnitType,
    UpdateMiner,
)
from ledger.hashing import sha256
from ledger.keys import KeyPair
from ledger.outcomes import OutcomeKind
from ledger.records import Job, Miner, Table, state_key
from ledger.rejections import FeeTooLow
from ledger.transaction import SignedTransaction
from ledger.types import Hash
from tests.ledger.phases import Phase, job_in
from tests.ledger.worlds import AITBC, PEOPLE, World

CLIENT, COORDINATOR, MINER = PEOPLE.client, PEOPLE.coordinator, PEOPLE.miner
OTHER = PEOPLE.other_miner
DELIVERY = AttestationKind.DELIVERY


@pytest.fixture
def world() -> World:
    return World()


class Body:
    """The transactions of the next block, in order."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.signed: list[SignedTransaction] = []

    def add(self, key: KeyPair, action: Action) -> Hash:
        """Add an action; return the id that it has."""
        signed = self.world.sign(key, action)
        self.signed.append(signed)
        return self.world.id_of(signed)

    def register(self, key: KeyPair, name: str, bond: int = 7) -> None:
        self.add(key, RegisterMiner(name, bytes(32), 0, bond, Custody.OWN))

    def submit(self, dispute_ms: int = 0) -> Hash:
        return self.add(CLIENT, self.world.submission(dispute_ms=dispute_ms))

    def assign(self, job_id: Hash, attempt: int = 1, miner: KeyPair = MINER) -> None:
        end_ms = self.world.now_ms + 800_000
        action = AssignJob(job_id, attempt, miner.address, AITBC, UnitType.NONE, 0, end_ms)
        self.add(COORDINATOR, action)

    def post(self, job_id: Hash, attempt: int = 1, miner: KeyPair = MINER) -> Hash:
        action = PostReceipt(
            job_id=job_id,
            attempt=attempt,
            client=CLIENT.address,
            coordinator=COORDINATOR.address,
            payload_digest=sha256(b"payload"),
            price_cap=AITBC,
            result_digest=bytes(32),
            units_micro=0,
            unit_type=UnitType.NONE,
            price=AITBC,
            model="",
            started_ms=0,
            completed_ms=0,
        )
        return self.add(miner, action)

    def close(self) -> list[OutcomeKind]:
        """Add the block; return what it did."""
        return [outcome.kind for outcome in self.world.block(*self.signed).outcomes]


def miner_of(world: World, key: KeyPair) -> Miner | None:
    record = world.head.state.get(state_key(Table.MINER, key.address))
    assert record is None or isinstance(record, Miner)
    return record


def live_jobs(world: World) -> list[Job]:
    return [record for _, record in world.head.state.items() if isinstance(record, Job)]


@pytest.mark.parametrize("phase", [Phase.R, Phase.L, Phase.C, Phase.A, Phase.D])
def test_j23_a_miner_retires_in_the_block_that_ends_its_last_job(
    world: World, phase: Phase
) -> None:
    world.register()
    job_id = job_in(world, phase)
    receipt = world.job(job_id).receipt
    body = Body(world)
    if receipt is None:
        body.add(CLIENT, CancelJob(job_id, AITBC))
    else:
        body.add(CLIENT, AcceptReceipt(job_id, receipt.receipt_id))
    body.add(MINER, RetireMiner())
    assert body.close()[-1] is OutcomeKind.MINER_RETIRED
    assert miner_of(world, MINER) is None


def test_j23_a_miner_retires_in_the_block_that_takes_its_job_away(world: World) -> None:
    world.register()
    world.register(OTHER)
    job_id = job_in(world, Phase.L)
    body = Body(world)
    body.assign(job_id, attempt=2, miner=OTHER)
    body.add(MINER, RetireMiner())
    body.close()
    assert miner_of(world, MINER) is None
    other = miner_of(world, OTHER)
    assert other is not None
    assert other.in_flight == 1


def test_j23_a_miner_retires_in_the_block_whose_sweep_ends_its_job(world: World) -> None:
    world.register()
    job_id = job_in(world, Phase.C)
    receipt = world.job(job_id).receipt
    assert receipt is not None
    after_ms = receipt.due_ms + 1_001 - world.now_ms
    retire = world.sign(MINER, RetireMiner(), valid_for_ms=after_ms + 100_000, fee=10_000)
    world.block(after_ms=after_ms - 400_000)
    kinds = [o.kind for o in world.block(retire, after_ms=400_000).outcomes]
    assert kinds == [OutcomeKind.JOB_SETTLED, OutcomeKind.MINER_RETIRED]


@pytest.mark.parametrize("bond", [0, 7])
@pytest.mark.parametrize("second", ["gpu", "GPU", "other"])
def test_j24_a_key_rotates_name_and_bond_in_one_block(world: World, second: str, bond: int) -> None:
    world.register(name="gpu", bond=7)
    body = Body(world)
    body.add(MINER, RetireMiner())
    body.register(MINER, second, bond)
    body.close()
    miner = miner_of(world, MINER)
    assert miner is not None
    assert (miner.name, miner.bond) == (second, bond)


def test_j23_a_name_passes_to_another_miner_in_one_block(world: World) -> None:
    world.register(name="gpu", bond=7)
    body = Body(world)
    body.add(MINER, RetireMiner())
    body.register(OTHER, "Gpu", 7)
    body.close()
    assert miner_of(world, OTHER)
    assert not miner_of(world, MINER)


def test_two_miners_exchange_their_names_in_one_block(world: World) -> None:
    world.register(MINER, name="one")
    world.register(OTHER, name="two")
    body = Body(world)
    body.add(MINER, RetireMiner())
    body.add(OTHER, RetireMiner())
    body.register(MINER, "two")
    body.register(OTHER, "one")
    body.close()


@pytest.mark.parametrize("times", [1, 2])
def test_j23_a_miner_comes_and_goes_in_one_block(world: World, times: int) -> None:
    body = Body(world)
    for _ in range(times):
        body.register(MINER, "gpu")
        body.add(MINER, UpdateMiner(bytes(32), 5))
        body.add(MINER, RetireMiner())
    assert len(body.close()) == 3 * times
    assert miner_of(world, MINER) is None
    assert len(world.run_to(world.now_ms + 1_300_000_000)[0].outcomes) == times


@pytest.mark.parametrize("ending", ["settled", "accepted", "cancelled", "failed"])
def test_j29_a_job_lives_and_ends_in_one_block(world: World, ending: str) -> None:
    body = Body(world)
    body.register(MINER, "gpu")
    job_id = body.submit()
    if ending != "failed":
        body.assign(job_id)
    match ending:
        case "settled":
            body.add(COORDINATOR, AttestReceipt(job_id, body.post(job_id), DELIVERY))
        case "accepted":
            body.add(CLIENT, AcceptReceipt(job_id, body.post(job_id)))
        case "cancelled":
            body.add(CLIENT, CancelJob(job_id, AITBC))
        case _:
            body.add(COORDINATOR, FailJob(job_id, 0, Reason.NO_PAYLOAD))
    body.add(MINER, RetireMiner())
    body.close()
    assert not live_jobs(world)
    assert miner_of(world, MINER) is None


def test_j3_j9_a_job_goes_through_every_state_in_one_block(world: World) -> None:
    world.register(MINER)
    world.register(OTHER)
    body = Body(world)
    job_id = body.submit(dispute_ms=60_000)
    body.assign(job_id)
    body.add(MINER, ReleaseJob(job_id, 1, Reason.RUNNER_FAILED))
    body.assign(job_id, attempt=2, miner=OTHER)
    receipt_id = body.post(job_id, attempt=2, miner=OTHER)
    body.add(COORDINATOR, AttestReceipt(job_id, receipt_id, AttestationKind.RERUN))
    body.add(COORDINATOR, DisputeReceipt(job_id, receipt_id, Reason.NO_SOURCE, 0))
    body.add(COORDINATOR, AttestReceipt(job_id, receipt_id, DELIVERY))
    body.add(CLIENT, AcceptReceipt(job_id, receipt_id))
    assert body.close()[-1] is OutcomeKind.JOB_SETTLED
    assert not live_jobs(world)


def test_t9_an_account_is_emptied_and_filled_again_in_one_block(world: World) -> None:
    somebody = PEOPLE.stranger
    world.transfer(CLIENT, somebody.address, 50_000)
    emptied = world.sign(somebody, Transfer(CLIENT.address, 30_000), fee=20_000)
    filled = world.sign(CLIENT, Transfer(somebody.address, 9), creates_account=True)
    too_cheap = world.sign(CLIENT, Transfer(somebody.address, 9))
    with pytest.raises(FeeTooLow):
        world.block(emptied, too_cheap)
    world.block(emptied, filled)
    assert world.balance(somebody.address) == 9
