"""The real ledger's blocks, stored, indexed and brought back."""

from dataclasses import dataclass, field

import pytest
from msgspec.structs import replace

from ledger.actions import Reason
from ledger.block import Block
from ledger.codec import encode
from ledger.motions import IssueUnits
from ledger.open_offers import offers_of
from ledger.outcomes import OutcomeKind
from ledger.records import Table, state_key
from ledger.rejections import AlreadyIncluded
from ledger.store import ChainStore, JobPhase, Moment, Payment
from ledger.transition import BlockResult
from ledger.views import ChainView
from node.recovery import load_final_view
from tests.databases import Place
from tests.ledger.offers import PRICE, accept, offer
from tests.ledger.phases import DISPUTE_BOND, Phase, decide, job_in, rule
from tests.ledger.worlds import AITBC, BUCKETS, PEOPLE, World, genesis_of
from tests.store.indexes import Indexed, open_indexed


@dataclass
class StoredWorld:
    """A world whose final blocks go into a store."""

    indexed: Indexed
    world: World = field(default_factory=World)
    stored: int = 0

    def __post_init__(self) -> None:
        genesis = self.world.final
        records = {key: encode(record) for key, record in genesis.state.items()}
        block = Block(genesis.header, ())
        self.indexed.store.initialise(genesis.tags, block, records)

    def save(self) -> None:
        """Commit what became final since the last call, and index it."""
        for block, result in zip(
            self.world.blocks[self.stored :], self.world.results[self.stored :], strict=True
        ):
            self.commit(block, result)
        self.stored = len(self.world.blocks)
        self.indexed.catch_up()

    def commit(self, block: Block, result: BlockResult) -> None:
        certificate = b"certificate of %d" % block.header.height
        self.indexed.store.commit(
            result.view.block_id, block, certificate, result.outcomes, result.delta
        )
        self.indexed.store.checkpoint(keys=5, force=True)

    def balance_change(self, address: bytes) -> int:
        """What the index says that an account gained since genesis."""
        rows = self.indexed.reader.account_activity(address, limit=1_000)
        return sum(row.received - row.spent for row in rows)


def restore(store: ChainStore) -> ChainView:
    """Bring a chain back as a node does when it starts."""
    return load_final_view(store, BUCKETS)


@pytest.fixture
def chain(indexed: Indexed) -> StoredWorld:
    return StoredWorld(indexed)


def test_a_paid_job_is_stored_and_comes_back_with_the_same_root(place: Place):
    with open_indexed(place) as indexed:
        chain = StoredWorld(indexed)
        world = chain.world
        world.register(name="Lab-7")
        job_id = world.submit()
        world.assign(job_id)
        receipt_id = world.post(job_id, price=AITBC // 2)
        world.attest(job_id, receipt_id)
        world.transfer(PEOPLE.client, PEOPLE.stranger.address, 5)
        chain.save()
    with open_indexed(place) as reopened:
        view = restore(reopened.store)
        assert view.state.root == world.final.state.root
        assert view.header == world.final.header
        assert view.epoch_start_ms == world.final.epoch_start_ms
        assert dict(view.state.items()) == dict(world.final.state.items())
        for block in world.blocks:
            for each in block.transactions:
                assert view.seen.contains(world.id_of(each), each.transaction.valid_until_ms)
        row = reopened.reader.job(job_id)
        assert (row.phase, row.payment) == (JobPhase.COMPLETED, Payment.RELEASED)
        assert row.paid_miner + row.paid_coordinator == AITBC // 2
        assert row.paid_client == AITBC - AITBC // 2
        assert reopened.reader.receipt(receipt_id).miner_name == "Lab-7"


def test_offers_are_stored_and_an_accepted_job_is_indexed_with_its_lease(place: Place):
    with open_indexed(place) as indexed:
        chain = StoredWorld(indexed)
        world = chain.world
        world.register(name="Lab-7")
        kept, job_id = offer(world), world.submit()
        deadline_ms = world.job(job_id).deadline_ms
        accept(world, job_id, offer(world, capacity=1))
        chain.save()
        row = indexed.reader.job(job_id)
        assert (row.phase, row.attempt, row.miner) == (
            JobPhase.RUNNING,
            1,
            PEOPLE.miner.address,
        )
        assert (row.price_cap, row.lease_end_ms) == (PRICE, deadline_ms)
        kinds = {each.outcome.kind for each in indexed.reader.outcomes(object_id=job_id)}
        assert kinds == {OutcomeKind.JOB_LOCKED, OutcomeKind.JOB_ASSIGNED}
    with open_indexed(place) as reopened:
        view = restore(reopened.store)
        assert view.state.root == world.final.state.root
        assert offers_of(view.state, PEOPLE.miner.address) == (kept,)
        assert list(view.state.due_items()) == list(world.final.state.due_items())


def test_the_restored_chain_goes_on(chain: StoredWorld):
    world = chain.world
    for _ in range(3):
        world.transfer(PEOPLE.client, PEOPLE.miner.address, 5)
    replayed = world.blocks[-1].transactions
    chain.save()
    again = World(restore(chain.indexed.store))
    again._salt = 1_000
    with pytest.raises(AlreadyIncluded):
        again.block(*replayed)
    again.transfer(PEOPLE.client, PEOPLE.miner.address, 7)
    world._salt = 1_000
    world.transfer(PEOPLE.client, PEOPLE.miner.address, 7)
    assert again.final.state.root == world.final.state.root


def test_every_way_that_a_job_ends_is_in_the_index_as_the_ledger_says_it(chain: StoredWorld):
    world, reader = chain.world, chain.indexed.reader
    world.register()
    ended = {}
    ended["failed"] = world.submit()
    world.fail(ended["failed"])
    ended["cancelled"] = world.submit()
    world.cancel(ended["cancelled"])
    ended["compensated"] = world.submit()
    world.assign(ended["compensated"])
    world.cancel(ended["compensated"])
    ended["accepted"] = world.submit()
    world.assign(ended["accepted"])
    world.accept(ended["accepted"], world.post(ended["accepted"]))
    ended["expired"] = world.submit()
    ended["lost"] = world.submit()
    world.assign(ended["lost"])
    world.release(ended["lost"])
    world.assign(ended["lost"])
    ended["refunded"] = world.submit()
    world.assign(ended["refunded"])
    world.dispute(ended["refunded"], world.post(ended["refunded"]))
    ended["settled late"] = world.submit()
    world.assign(ended["settled late"])
    world.post(ended["settled late"])
    world.run_to(world.now_ms + world.final.parameters.resolve_ms + 2_000)
    chain.save()
    rows = {name: reader.job(job_id) for name, job_id in ended.items()}
    said = {name: (row.end_kind, row.phase, row.payment) for name, row in rows.items()}
    released, refunded = Payment.RELEASED, Payment.REFUNDED
    assert said == {
        "failed": (OutcomeKind.JOB_FAILED, JobPhase.FAILED, refunded),
        "cancelled": (OutcomeKind.JOB_CANCELLED, JobPhase.CANCELLED, refunded),
        "compensated": (OutcomeKind.JOB_CANCELLED, JobPhase.CANCELLED, refunded),
        "accepted": (OutcomeKind.JOB_SETTLED, JobPhase.COMPLETED, released),
        "expired": (OutcomeKind.JOB_EXPIRED, JobPhase.EXPIRED, refunded),
        "lost": (OutcomeKind.JOB_EXPIRED, JobPhase.EXPIRED, refunded),
        "refunded": (OutcomeKind.JOB_REFUNDED, JobPhase.COMPLETED, refunded),
        "settled late": (OutcomeKind.JOB_SETTLED, JobPhase.COMPLETED, released),
    }
    for row in rows.values():
        assert row.paid_miner + row.paid_coordinator + row.paid_client == AITBC
    assert rows["compensated"].paid_miner == AITBC // 2
    miner = reader.miner(PEOPLE.miner.address)
    assert (miner.assignments, miner.receipts, miner.settled) == (6, 3, 2)
    assert (miner.released, miner.lost) == (1, 1)
    stats = reader.stats()
    assert stats.jobs == len(ended)
    assert stats.locked == stats.paid + stats.refunded == len(ended) * AITBC


def test_a_clients_dispute_its_bond_and_its_end_are_in_the_jobs_row(chain: StoredWorld):
    world, reader = chain.world, chain.indexed.reader
    world.register()
    open_job, for_miner, for_client, by_clock = (job_in(world, Phase.G) for _ in range(4))
    opened = world.final.header
    rule(world, for_miner, for_miner=True)
    rule(world, for_client, for_miner=False)
    chain.save()
    row = reader.job(open_job)
    assert (row.payment, row.end_kind, row.is_ruled) == (Payment.DISPUTED, None, False)
    assert (row.dispute.opener, row.dispute.bond) == (PEOPLE.client.address, DISPUTE_BOND)
    assert row.dispute.reason is Reason.RESULT_MALFORMED
    assert reader.job(by_clock).dispute.opened == Moment(opened.height, opened.timestamp_ms)
    won, lost = reader.job(for_miner), reader.job(for_client)
    assert (won.payment, won.is_ruled, won.miner_won_bond) == (Payment.RELEASED, True, DISPUTE_BOND)
    assert (lost.payment, lost.is_ruled, lost.miner_won_bond) == (Payment.REFUNDED, True, 0)
    assert lost.paid_client == AITBC + DISPUTE_BOND
    assert won.end_reason is lost.end_reason is None
    world.run_to(world.now_ms + world.final.parameters.resolve_ms + 2_000)
    chain.save()
    assert (reader.job(by_clock).end_kind, reader.job(by_clock).is_ruled) == (
        OutcomeKind.JOB_SETTLED,
        False,
    )
    stats = reader.stats()
    assert stats.locked == stats.paid + stats.refunded == 4 * (AITBC + DISPUTE_BOND)


def test_an_accounts_activity_explains_its_balance(chain: StoredWorld):
    world = chain.world
    before = {
        key.address: world.balance(key.address)
        for key in (PEOPLE.client, PEOPLE.miner, PEOPLE.coordinator, PEOPLE.stranger)
    }
    world.register(bond=AITBC)
    world.transfer(PEOPLE.client, PEOPLE.stranger.address, 3 * AITBC)
    for _ in range(3):
        job_id = world.submit()
        world.assign(job_id)
        world.attest(job_id, world.post(job_id))
    job_id = world.submit()
    world.assign(job_id)
    world.cancel(job_id)
    rule(world, job_in(world, Phase.G), for_miner=True)
    decide(world, IssueUnits(PEOPLE.stranger.address, 7))
    world.submit()
    world.retire()
    world.run_to(world.now_ms + world.final.parameters.unbond_ms + 2_000)
    chain.save()
    for address, balance in before.items():
        assert world.balance(address) - balance == chain.balance_change(address)
    [returned] = [
        row
        for row in chain.indexed.reader.account_activity(PEOPLE.miner.address)
        if row.outcome and row.outcome.outcome.kind is OutcomeKind.BOND_RETURNED
    ]
    assert returned.received == AITBC
    assert chain.indexed.reader.miner(PEOPLE.miner.address).retired is not None


def test_the_state_in_the_store_is_the_ledgers_after_every_block(chain: StoredWorld):
    world = chain.world
    world.register()
    for step in range(12):
        job_id = world.submit()
        if step % 3:
            world.assign(job_id)
        if step % 3 == 2:
            world.post(job_id)
    for block, result in zip(world.blocks, world.results, strict=True):
        chain.commit(block, result)
        assert restore(chain.indexed.store).header == block.header


def test_epochs_of_the_real_ledger_are_found_again(file_indexed: Indexed):
    indexed = file_indexed
    parameters = genesis_of().parameters
    chain = StoredWorld(indexed, World(genesis_of(replace(parameters, epoch_ms=10_000))))
    for _ in range(30):
        chain.world.block(after_ms=1_700)
        chain.save()
        assert restore(indexed.store).epoch_start_ms == chain.world.final.epoch_start_ms
    assert chain.world.final.header.epoch > 3


def test_account_records_are_stored_under_the_ledgers_keys(chain: StoredWorld):
    _, records = chain.indexed.store.load_records()
    account = state_key(Table.ACCOUNT, PEOPLE.client.address)
    assert records[account] == encode(chain.world.final.state.get(account))
