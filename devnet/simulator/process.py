"""One process of a node: its real parts, put together as `node.chain_part` does, on a `SimLoop`.

Left out are what reaches outside: HTTP, the index, and the sockets under the peers. In the place of
the database stands a `MemoryStore`, in the place of the journal's disk a `SimDisk`.
"""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from prometheus_client import CollectorRegistry

from consensus import Signer
from devnet.simulator.conduct import Conduct
from devnet.simulator.genesis import BUCKETS
from devnet.simulator.loop import SimLoop
from devnet.simulator.people import validator_key
from devnet.simulator.sim_peers import SimPeers
from ledger.records import Table, state_key
from ledger.store import ChainStore
from ledger.types import Hash, PublicKey
from ledger.views import ChainView
from node.block_tree import BlockTree
from node.chain import ChainNode
from node.driver import Driver
from node.evidence import EvidenceKeeper
from node.journal_folder import JournalFolder
from node.journal_format import SALT_BYTES
from node.mempool import Mempool
from node.metrics import NodeMetrics
from node.network_part import Links, NetworkBase, NetworkPart
from node.p2p import NodeIdentity, PeerNetwork, Role
from node.peering import MemberLinks, Peering
from node.pool_admission import PoolLimits
from node.recovery import EpochOpener, load_final_view
from node.signatures import SignatureVerifier

if TYPE_CHECKING:
    from devnet.simulator.machine import Machine
    from devnet.simulator.network import SimNetwork

JOURNALS: Final = Path("journal")
EVIDENCE: Final = Path("evidence")


class _Places:
    """Tells the machine of the places at which the power may fail; a `Failpoints`."""

    def __init__(self, machine: Machine) -> None:
        self.reached = machine.reached


class _Metrics:
    """What of `NodeMetrics` the network needs: a place for its counters."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()


class Process:
    """Made from what is durable; `begin` comes next, through `Machine.call`."""

    def __init__(
        self, machine: Machine, network: SimNetwork, conduct: Conduct, signer: Signer | None
    ) -> None:
        """Recover.

        Args:
            machine: what it runs on.
            network: whom it can reach.
            conduct: how it treats its peers.
            signer: signs its votes; None for one whose votes the conduct makes.

        Raises:
            JournalFailed, OSError: the disk does not work.
        """
        self.machine = machine
        self.conduct = conduct
        self.is_open = False
        """Whether it runs."""
        self.failure: BaseException | None = None
        """Why it stopped itself."""
        self.loop = SimLoop(machine.world.schedule, partial(machine.call, self), machine.delay_us)
        self.peers = SimPeers(machine, network, conduct, self.loop)
        self.loop.act(self._build, signer)
        conduct.attach(self)

    def _build(self, signer: Signer | None) -> None:
        machine, clock = self.machine, self.machine.clock
        # The parts name the real classes; what is used of them is here, too.
        store = cast(ChainStore, machine.store)
        journals = None
        if signer is not None:
            digest = machine.store.tags.genesis_digest
            places = _Places(machine)
            journals = JournalFolder(
                JOURNALS, digest, signer.public_key, places, machine.disk, salt=_salt
            )
        self.tree = BlockTree(load_final_view(machine.store, BUCKETS))
        verifier = SignatureVerifier(machine.store.tags, 0)
        self.pool = Mempool(self.tree, verifier, clock, PoolLimits())
        self.chain = ChainNode(self.tree, self.pool, machine.store, lambda _: {})
        peering = Peering()
        self.peers.handler = peering
        identity = NodeIdentity(validator_key(machine.member), Role.VALIDATOR)
        transport = cast(PeerNetwork, self.peers)
        members = MemberLinks(transport, clock)
        evidence = EvidenceKeeper(
            EVIDENCE,
            self.chain,
            identity.keys,
            clock,
            disk=machine.disk,
            salt=lambda: machine.chance.randbytes(16),
        )
        self.driver = Driver(
            self.chain,
            store,
            EpochOpener(
                machine.store,
                journals,
                signer,
                genesis_set=machine.world.genesis.view.validators,
                clock=clock,
                check=machine.world.check,
            ),
            clock,
            network=members,
            failpoints=_Places(machine),
            count_crash=self._on_crash,
            report_evidence=evidence.report,
        )
        metrics = cast(NodeMetrics, _Metrics())
        base = NetworkBase(
            self.chain, self.driver, self.pool, store, verifier, clock, metrics, evidence
        )
        self.network = NetworkPart(Links(transport, members, peering, identity), base)
        self.chain.on_final(self._on_final)

    def begin(self) -> None:
        """Start to run."""
        self.is_open = True
        self.loop.create_task(self.driver.run()).add_done_callback(self._on_end)
        self.loop.create_task(self._join()).add_done_callback(self._on_end)
        self.conduct.started()

    def end(self) -> None:
        """End without any clean-up; the machine has forgotten this process."""
        self.is_open = False
        self.peers.close()
        self.loop.kill()

    def submit(self, signed: bytes) -> None:
        """Take a transaction from a client."""
        self.loop.create_task(self._submit(signed))

    @property
    def silent_because(self) -> str:
        """Why it does not sign; empty if it does."""
        return self.driver.status().silent_because

    def has_ballot(self, ballot_id: Hash, authority: PublicKey) -> bool:
        """Return whether the final state here has an open ballot that a key may vote on."""
        view = self.tree.final_view
        is_open = view.state.get(state_key(Table.BALLOT, ballot_id)) is not None
        return is_open and authority in {m.public_key for m in view.validators.members}

    async def _join(self) -> None:
        await self.network.start()
        await self.network.run()

    async def _submit(self, signed: bytes) -> None:
        await self.chain.submit([signed])

    def _on_final(self, _parent: ChainView, view: ChainView) -> None:
        header = view.header
        self.machine.tell(
            lambda: (
                f"final: height {header.height}, epoch {header.epoch}, view {header.view}, "
                f"{view.block_id.hex()[:8]}, {header.transaction_count} transactions"
            )
        )
        self.machine.world.watcher.on_published(self.machine, header.height)

    def _on_crash(self) -> None:
        """A proposal crashed the application, which hides that from the driver; not from us."""
        self.failure = AssertionError("a proposal crashed the application")

    def _on_end(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            self.failure = task.exception()


def _salt() -> bytes:
    """Return a journal's salt: no bytes that depend on chance may reach a simulated disk."""
    return bytes(SALT_BYTES)
