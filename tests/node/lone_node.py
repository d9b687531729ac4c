"""A node's core on real files: store, journal, pool, driver; no HTTP around it."""

import asyncio
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from ledger.actions import Action, Transfer
from ledger.block import Block
from ledger.codec import encode
from ledger.fees import with_least_fee
from ledger.hashing import Tags, chain_id_of
from ledger.keys import KeyPair
from ledger.params import Parameters
from ledger.records import (
    Account,
    Coordinator,
    Record,
    Supply,
    Table,
    Validator,
    ValidatorSet,
    state_key,
)
from ledger.store import ChainStore
from ledger.transaction import Transaction, sign, transaction_id_of_bytes
from ledger.types import Hash, Height
from ledger.views import ChainView, genesis_view
from node.auditor import Auditor
from node.block_tree import BlockTree
from node.chain import ChainNode
from node.driver import Driver
from node.evidence import EvidenceKeeper
from node.failpoints import Failpoints, NoFailpoints
from node.journal_folder import JournalFolder
from node.mempool import Mempool
from node.metrics import NodeMetrics
from node.network_part import Links, NetworkBase, NetworkPart
from node.p2p import NodeIdentity, Role
from node.peering import MemberLinks, Peering
from node.pool_admission import PoolLimits
from node.ports import Network, SystemClock
from node.recovery import EpochOpener, load_final_view
from node.signatures import SignatureVerifier
from node.watch import Watch
from tests.node.memory_peers import MemoryHub, MemoryPeers

TAGS = Tags(b"\x31" * 32)
CHAIN_ID = chain_id_of("lone", TAGS.genesis_digest)
VALIDATOR = KeyPair(b"\x01" * 32)
COORDINATOR = KeyPair(b"\x02" * 32)
RICH = KeyPair(b"\x03" * 32)
PEER = KeyPair(b"\x04" * 32)
START_MS = SystemClock().wall_ms() - 5_000
"""Genesis lies shortly before the tests, so that epochs are as long as they say."""
BUCKETS = 256
RICHES = 10**15


@dataclass
class TestClock:
    """The machine's clock, with a wall clock that a test can shift."""

    __test__ = False

    shift_ms: int = 0

    def wall_ms(self) -> int:
        return SystemClock().wall_ms() + self.shift_ms

    def monotonic_ms(self) -> int:
        return SystemClock().monotonic_ms()


class StillClock(TestClock):
    """A wall clock that a test alone moves: what is signed once never expires, no epoch ends."""

    STANDS_AT_MS = TestClock().wall_ms()

    def wall_ms(self) -> int:
        return self.STANDS_AT_MS + self.shift_ms


def genesis(parameters: Parameters, validators: tuple[KeyPair, ...] = (VALIDATOR,)) -> ChainView:
    members = tuple(
        Validator(key.public_key, f"v{at}", b"\x09" * 20) for at, key in enumerate(validators)
    )
    records: dict[bytes, Record] = {
        state_key(Table.PARAMETERS): parameters,
        state_key(Table.VALIDATORS): ValidatorSet(members),
        state_key(Table.SUPPLY): Supply(RICHES, 0),
        state_key(Table.COORDINATOR, COORDINATOR.address): Coordinator("c"),
        state_key(Table.ACCOUNT, RICH.address): Account(RICHES),
    }
    return genesis_view(TAGS, CHAIN_ID, records, START_MS, BUCKETS)


@dataclass
class LoneNode:
    """One incarnation of a node; make another on the same folder to restart it."""

    folder: Path
    parameters: Parameters = field(default_factory=lambda: Parameters(account_fee=0))
    clock: TestClock = field(default_factory=TestClock)
    failpoints: Failpoints = field(default_factory=NoFailpoints)
    never_voted_in_epoch: int | None = None
    validators: tuple[KeyPair, ...] = (VALIDATOR,)
    key: KeyPair = VALIDATOR
    network: Network | None = None
    hub: MemoryHub | None = None
    """Joins this node with others on it, by everything that a real node has but the sockets."""
    is_follower: bool = False
    """Whether `key` is only a name among peers."""

    def __post_init__(self) -> None:
        start = genesis(self.parameters, self.validators)
        self.store = ChainStore.open(f"sqlite:///{self.folder}/chain.db")
        records = {key: encode(record) for key, record in start.state.items()}
        self.store.initialise(TAGS, Block(start.header, ()), records)
        journals = None
        try:
            if not self.is_follower:
                folder, key = self.folder / "journal", self.key.public_key
                journals = JournalFolder(folder, TAGS.genesis_digest, key, self.failpoints)
        except BaseException:
            self.store.close()
            raise
        signer = None if self.is_follower else self.key
        opener = EpochOpener(self.store, journals, signer, start.validators, self.clock)
        if self.never_voted_in_epoch is not None:
            opener.vouch(self.never_voted_in_epoch)
        try:
            view = load_final_view(self.store, BUCKETS)
            self.auditor = Auditor(self.store, view, BUCKETS)
            self.tree = BlockTree(view)
            verifier = SignatureVerifier(TAGS, 0)
            pool = Mempool(self.tree, verifier, self.clock, PoolLimits())
            self.chain = ChainNode(self.tree, pool, self.store, lambda _: {})
            self.evidence = EvidenceKeeper(
                self.folder / "evidence", self.chain, self.key, self.clock
            )
            links = self._links()
            self.driver = Driver(
                self.chain,
                self.store,
                opener,
                self.clock,
                network=links.members if links else self.network,
                failpoints=self.failpoints,
                auditor=self.auditor,
                report_evidence=self.evidence.report,
            )
            self.part = None
            if links:
                base = NetworkBase(
                    self.chain,
                    self.driver,
                    pool,
                    self.store,
                    verifier,
                    self.clock,
                    NodeMetrics(),
                    self.evidence,
                )
                self.part = NetworkPart(links, base)
            own_key = signer.public_key if signer else None
            self.watch = Watch(self.chain, self.driver, self.part, own_key, self.clock)
        except BaseException:
            opener.close()
            self.store.close()
            raise

    def _links(self) -> Links | None:
        if self.hub is None:
            return None
        role = Role.FOLLOWER if self.is_follower else Role.VALIDATOR
        peering, identity = Peering(), NodeIdentity(self.key, role)
        peers = MemoryPeers(self.hub, identity, peering)
        members = MemberLinks(peers, self.clock)
        return Links(peers, members, peering, identity)

    async def __aenter__(self) -> Self:
        self.running = asyncio.create_task(self.driver.run())
        if self.part:
            self.networking = asyncio.create_task(self.part.run())
            await self.part.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.part:
            await self.part.stop()
            self.networking.cancel()
            await asyncio.gather(self.networking, return_exceptions=True)
        self.driver.stop()
        try:
            await self.running
        finally:
            self.store.close()

    def signed(self, action: Action, key: KeyPair = RICH) -> bytes:
        transaction = Transaction(
            version=1,
            chain_id=CHAIN_ID,
            sender_public_key=key.public_key,
            action=action,
            fee=0,
            valid_until_ms=self.clock.wall_ms() + 120_000,
            salt=secrets.token_bytes(16),
        )
        return encode(sign(TAGS, with_least_fee(self.parameters, transaction), key))

    def transfer(self, amount: int = 10**9) -> bytes:
        return self.signed(Transfer(PEER.address, amount))

    async def finalize(self, signed: bytes) -> Height:
        """Submit a transaction and wait until it is final."""
        (outcome,) = await self.chain.submit([signed])
        assert outcome.status == "pooled", outcome
        height = await self.chain.wait_final(outcome.transaction_id, 10)
        assert height is not None
        return height

    async def reach(self, height: Height) -> None:
        """Wait until the final height is at least this."""
        async with asyncio.timeout(30):
            async for now in self.chain.follow():
                if now >= height:
                    return


def id_of(signed: bytes) -> Hash:
    return transaction_id_of_bytes(TAGS, signed)
