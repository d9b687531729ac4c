"""The node as a member of a network: transport, adapter, catching up, gossip, put together.

The transport needs a handler, the handler needs the driver, and the driver needs the transport. So
`build_links` comes before the driver and `NetworkPart` after it.
"""

import random
import secrets
from dataclasses import dataclass
from pathlib import Path

import structlog

from consensus import Committee
from ledger.keys import KeyPair
from ledger.store import ChainStore
from ledger.types import Hash, PublicKey, View
from node.chain import ChainNode
from node.config import ConfigInvalid, P2PSection
from node.driver import Driver
from node.durable import write_new_file
from node.evidence import EvidenceKeeper
from node.gossip import GossipMetrics, TransactionExchange
from node.http.listeners import AddressUnavailable
from node.mempool import Mempool
from node.metrics import NodeMetrics
from node.p2p import Limits, NodeIdentity, P2PConfig, PeerNetwork, Role, StatusMessage
from node.p2p.addresses import AddressInvalid
from node.peering import (
    Announcer,
    Answers,
    FirstVotes,
    MemberLinks,
    Peering,
    PeeringParts,
    Presence,
    Signing,
    Transport,
)
from node.ports import Clock
from node.signatures import SignatureVerifier
from node.sync import Planner, Syncer, SyncParts
from node.together import until_one_ends

MEMBER_PATIENCE_MS = 500
"""How long a member of the committee leaves a small gap to consensus."""

SEED_BYTES = 32
"""Size of an Ed25519 seed."""

NODE_KEY_FILE = "node.key"
"""Seed of a follower's key, in the data folder; it proves an identity and guards nothing else."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Links:
    """The side of the network that the driver needs."""

    peers: Transport
    """The transport."""
    members: MemberLinks
    """The driver's network."""
    peering: Peering
    """The transport's handler; attached by `NetworkPart`."""
    identity: NodeIdentity
    """Who this node is."""


def build_links(
    section: P2PSection,
    identity: NodeIdentity,
    genesis_digest: Hash,
    clock: Clock,
    metrics: NodeMetrics,
) -> Links:
    """Make the transport and the driver's network.

    Raises:
        ConfigInvalid: an address of the section is none.
    """
    peering = Peering()
    try:
        peers = PeerNetwork(
            identity,
            genesis_digest,
            P2PConfig(
                section.listen,
                section.peers,
                section.advertise,
                Limits(guests_max=section.guests_max),
            ),
            clock=clock,
            handler=peering,
            registry=metrics.registry,
            jitter=random.Random(),
        )
    except AddressInvalid as error:
        raise ConfigInvalid("p2p", str(error)) from None
    members = MemberLinks(peers, clock)
    return Links(peers, members, peering, identity)


def read_identity(validator: KeyPair | None, data: Path) -> NodeIdentity:
    """Return who this node is: the validator's key, or a key that the data folder keeps.

    A node with a validator's key says so although the key may not be in the set: peers believe it
    from the epoch on in which it is.
    """
    if validator is not None:
        return NodeIdentity(validator, Role.VALIDATOR)
    path = data / NODE_KEY_FILE
    if not path.exists():
        write_new_file(path, secrets.token_bytes(SEED_BYTES), 0o600)
    return NodeIdentity(KeyPair(path.read_bytes()), Role.FOLLOWER)


@dataclass(frozen=True, slots=True)
class NetworkBase:
    """What the network stands on."""

    chain: ChainNode
    """Final state and submissions."""
    driver: Driver
    """Takes consensus messages and ranges."""
    pool: Mempool
    """The chain's pool."""
    store: ChainStore
    """What peers are answered from."""
    verifier: SignatureVerifier
    """Verifies the signatures of ranges."""
    clock: Clock
    """Both clocks of the node."""
    metrics: NodeMetrics
    """Where gossip and peers show what they count."""
    evidence: EvidenceKeeper
    """Submits what the driver reports."""


class NetworkPart:
    """Everything between the peers and the driver; `start` comes after the driver runs."""

    def __init__(self, links: Links, base: NetworkBase) -> None:
        """Connect the parts; nothing runs yet."""
        driver, chain = base.driver, base.chain
        self.peers = links.peers
        """The transport."""
        self.presence = Presence(base.clock)
        """Who was heard."""
        self._links = links
        self._base = base
        self.syncer = self._build_syncer()
        """Fetches final blocks."""
        self._announcer = Announcer(links.peers, self._status)
        self._exchange = self._build_exchange()
        signing = Signing(
            driver.inbox,
            lambda: driver.engine,
            self._final_view,
            driver.vouch,
            self._next_members,
        )
        own_key = links.identity.keys.public_key
        self._first_votes = FirstVotes(own_key, driver.committee, signing, links.peers)
        self.syncer.on_proved = lambda content: self._first_votes.proved(content.certificate)
        links.members.is_syncing = lambda: self.syncer.is_importing
        links.members.next_members = self._next_members
        links.members.transactions = self._exchange
        links.members.on_epoch(self._enter_epoch)
        chain.on_final(lambda _parent, _view: self._moved())
        links.peering.attach(
            PeeringParts(
                inbox=driver.inbox,
                links=links.members,
                answers=Answers(chain.tree, base.store),
                announcer=self._announcer,
                syncer=self.syncer,
                presence=self.presence,
                first_votes=self._first_votes,
                gossip=self._exchange,
            )
        )

    async def start(self) -> None:
        """Listen and dial; the driver and `run` are at work.

        Raises:
            AddressUnavailable: an address for peers cannot be listened on.
        """
        try:
            await self.peers.start()
        except OSError as error:
            raise AddressUnavailable(f"p2p.listen: {error.strerror or error}") from None
        log.info("p2p_started", addresses=list(self.peers.addresses))

    async def run(self) -> None:
        """Gossip, submit evidence, and repeat the own status, until cancelled."""
        evidence = self._base.evidence
        await until_one_ends(
            self._announcer.run(), self._exchange.run(), evidence.run(), self.syncer.run()
        )

    async def stop(self) -> None:
        """Disconnect, and stop fetching; comes before the driver stops."""
        await self.syncer.stop()
        await self.peers.stop()

    def _build_exchange(self) -> TransactionExchange:
        base, own_key = self._base, self._links.identity.keys.public_key
        driver = base.driver
        return TransactionExchange(
            base.chain,
            base.pool,
            self._links.peers,
            GossipMetrics(base.metrics.registry),
            is_validator=lambda: driver.committee.index_of(own_key) is not None,
            is_due=driver.inbox.is_due,
            deliver=self._links.peering.deliver_proposal,
        )

    def _build_syncer(self) -> Syncer:
        base = self._base
        parts = SyncParts(
            tags=base.chain.tags,
            clock=base.clock,
            peers=self._links.peers,
            importer=base.driver,
            verifier=base.verifier,
            known=base.pool.is_verified,
            next_epoch=lambda: base.driver.importer.next_epoch(base.driver.committee),
        )
        return Syncer(parts, Planner(base.driver.handed_over))

    def _final_view(self) -> View:
        """Return the view of the newest durable block of the driver's epoch; 0 if it has none."""
        view = self._base.chain.tree.final_view
        is_current = view.next_epoch == self._base.driver.committee.epoch
        return view.next_parent_view if is_current else 0

    def _next_members(self) -> frozenset[PublicKey]:
        """Return the next epoch's set if the newest executed block ends this one, else nothing."""
        view = self._base.chain.tree.head_view
        if view.next_epoch == self._base.driver.committee.epoch:
            return frozenset()
        return frozenset(member.public_key for member in view.validators.members)

    def _status(self) -> StatusMessage:
        status, head = self._base.driver.status(), self._base.chain.head()
        return StatusMessage(status.epoch, status.view, head.height, head.block_id)

    def _enter_epoch(self, committee: Committee) -> None:
        self.presence.enter_epoch(frozenset(committee.members))
        self._first_votes.enter_epoch(committee, self._base.driver.engine.remembered_votes())
        is_member = committee.index_of(self._links.identity.keys.public_key) is not None
        self._links.peering.enter_epoch()
        self.syncer.enter_epoch(committee, MEMBER_PATIENCE_MS if is_member else 0)

    def _moved(self) -> None:
        self.syncer.moved()
        self._announcer.moved()
        self._first_votes.check()
