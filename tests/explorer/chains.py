"""A chain of the real ledger on which jobs ended in every way, stored and indexed."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from coordinator.ports import TransactionStatus
from explorer_web import (
    AccountStanding,
    BlockFinality,
    MemberStanding,
    Standing,
    ValidatorsStanding,
    Whereabouts,
)
from ledger import balance_of, find_job, quorum_of
from ledger.actions import AttestationKind, Transfer, Verification
from ledger.block import Block, Header
from ledger.codec import encode
from ledger.job_rejections import JobUnknown
from ledger.records import Job, ValidatorSet
from ledger.types import Address, Hash
from ledger.views import validator_set_hash
from tests.databases import Files
from tests.ledger.offers import accept, offer, withdraw
from tests.ledger.phases import Phase, job_in, rule
from tests.ledger.worlds import AITBC, PEOPLE, World
from tests.store.indexes import Indexed, open_indexed

CERTIFICATE = bytes(range(100))
"""Stands for consensus' certificate, which is opaque to the store and to these pages."""


@dataclass
class NodeOfTests:
    """A node that stands where a test puts it; its state is the real one."""

    world: World
    final_height: int = 0
    head_height: int = 0
    now_ms: int = 0
    index_fault: str = ""
    target_height: int = 0
    online: int = 1
    known: dict[Hash, Whereabouts] = field(default_factory=dict)

    async def standing(self) -> Standing:
        header = self.world.final.header
        return Standing(
            chain_id=header.chain_id,
            genesis_digest=self.world.final.tags.genesis_digest,
            final_height=self.final_height,
            final_ms=header.timestamp_ms,
            head_height=self.head_height,
            validators=len(self.world.final.validators.members),
            heartbeat_ms=10_000,
            now_ms=self.now_ms,
            index_fault=self.index_fault,
            target_height=self.target_height,
            online=self.online,
        )

    async def whereabouts(self, transaction_id: Hash) -> Whereabouts:
        return self.known.get(transaction_id, Whereabouts(TransactionStatus.UNKNOWN))

    async def block_status(self, block_id: Hash) -> Whereabouts:
        return self.known.get(block_id, Whereabouts(TransactionStatus.UNKNOWN))

    def members_of(self, header: Header) -> ValidatorSet | None:
        view = self.world.final
        named = validator_set_hash(view.tags, view.validators)
        return view.validators if header.validator_set_hash == named else None

    async def live_job(self, job_id: Hash) -> Job | None:
        try:
            return find_job(self.world.final.state, job_id)
        except JobUnknown:
            return None

    async def account(self, address: Address) -> AccountStanding:
        return AccountStanding(balance_of(self.world.final.state, address), self.final_height)

    async def validators(self) -> ValidatorsStanding:
        view = self.world.final
        members = view.validators.members
        return ValidatorsStanding(
            height=self.final_height,
            epoch=view.next_epoch,
            quorum=quorum_of(len(members)),
            set_hash=validator_set_hash(view.tags, view.validators),
            members=tuple(
                MemberStanding(each.public_key, each.name, each.payout, not n, n == 1, None, None)
                for n, each in enumerate(members)
            ),
            waiting=(),
            protocol_version=1,
            peer_version=1,
        )

    def finality(self) -> Sequence[BlockFinality]:
        return tuple(map(BlockFinality, (7, 8, 9, 10), (40, 10, 30, 20)))


@dataclass
class IndexedChain:
    """The chain, and the objects on it that tests look at."""

    world: World
    indexed: Indexed
    node: NodeOfTests
    jobs: dict[str, Hash]
    receipts: dict[str, Hash]
    transfer: Hash
    crowded_height: int


@contextmanager
def build_chain(folder: Path) -> Iterator[IndexedChain]:
    """Make the chain in a folder."""
    with open_indexed(Files(folder)) as indexed:
        world = World()
        genesis = world.final
        chain = _live(world, indexed)
        block_0 = Block(genesis.header, ())
        records = {key: encode(record) for key, record in genesis.state.items()}
        indexed.store.initialise(genesis.tags, block_0, records)
        for block, result in zip(world.blocks, world.results, strict=True):
            view = result.view
            indexed.store.commit(view.block_id, block, CERTIFICATE, result.outcomes, result.delta)
        indexed.catch_up()
        stand_at_head(chain)
        yield chain


def stand_at_head(chain: IndexedChain) -> None:
    """Let the node be live, with its index up to date."""
    height = chain.world.final.header.height
    chain.node.final_height = chain.node.head_height = height
    chain.node.now_ms = chain.world.now_ms + 2_000


def _live(world: World, indexed: Indexed) -> IndexedChain:
    jobs: dict[str, Hash] = {}
    receipts: dict[str, Hash] = {}
    world.register(name="lab-gpu-1")
    world.register(PEOPLE.other_miner, name="Tom.s-Workstation_7", bond=5 * AITBC)
    transfer = world.transfer(PEOPLE.client, PEOPLE.stranger.address, AITBC // 4)
    _unhappy_jobs(world, jobs, receipts)
    jobs["settled"] = world.submit()
    world.assign(jobs["settled"], price_cap=AITBC // 2)
    receipts["settled"] = world.post(jobs["settled"], after_ms=420)
    world.attest(jobs["settled"], receipts["settled"])
    jobs["windowed"] = world.submit(dispute_ms=60_000, verification=Verification.SPOT)
    world.assign(jobs["windowed"])
    receipts["windowed"] = world.post(jobs["windowed"])
    world.attest(jobs["windowed"], receipts["windowed"], AttestationKind.RERUN)
    world.attest(jobs["windowed"], receipts["windowed"])
    jobs["running"] = world.submit()
    accept(world, jobs["running"], offer(world, capacity=1))
    jobs["queued"] = world.submit(service="ffmpeg_transcode")
    _offers(world)
    crowded_height = _crowd(world)
    node = NodeOfTests(world)
    return IndexedChain(world, indexed, node, jobs, receipts, transfer, crowded_height)


def _offers(world: World) -> None:
    """Offer at two prices, and one that is withdrawn; one is taken already."""
    offer(world, price=AITBC // 2, capacity=2)
    offer(world, PEOPLE.other_miner, price=AITBC // 4, capacity=3)
    withdraw(world, offer(world, price=AITBC // 8))


def _unhappy_jobs(world: World, jobs: dict[str, Hash], receipts: dict[str, Hash]) -> None:
    jobs["failed"] = world.submit()
    world.fail(jobs["failed"])
    jobs["cancelled"] = world.submit()
    world.assign(jobs["cancelled"])
    world.cancel(jobs["cancelled"])
    jobs["retried"] = world.submit()
    world.assign(jobs["retried"])
    world.release(jobs["retried"])
    world.assign(jobs["retried"], miner=PEOPLE.other_miner.address)
    receipts["accepted"] = world.post(jobs["retried"], PEOPLE.other_miner)
    world.accept(jobs["retried"], receipts["accepted"])
    jobs["disputed"] = world.submit()
    world.assign(jobs["disputed"])
    receipts["disputed"] = world.post(jobs["disputed"])
    world.dispute(jobs["disputed"], receipts["disputed"])
    jobs["objected"], jobs["ruled"] = (job_in(world, Phase.G) for _ in range(2))
    rule(world, jobs["ruled"], for_miner=True)
    jobs["expired"] = world.submit()
    world.run_to(world.now_ms + 302_000)


def _crowd(world: World) -> int:
    """Add a block of more transactions than a page shows, and a few empty ones."""
    payments = [
        world.sign(PEOPLE.other_client, Transfer(PEOPLE.client.address, amount))
        for amount in range(1, 71)
    ]
    world.block(*payments)
    height = world.final.header.height
    for _ in range(4):
        world.block(after_ms=20_000)
    return height
