"""The chain as a part of the node: databases, journal, pool and consensus, put together."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from genesis import Genesis, GenesisMemory
from ledger.codec import encode
from ledger.keys import KeyPair
from ledger.store import ChainStore, IndexReader, prepare_index
from ledger.types import Epoch, Height
from node.auditor import Auditor
from node.block_tree import BlockTree
from node.chain import ChainNode
from node.config import ConfigInvalid, NodeConfig
from node.databases import chain_url, index_url
from node.disk import DiskLock
from node.driver import Driver
from node.evidence import EvidenceKeeper
from node.failpoints import Failpoints
from node.final_lookup import FinalLookup
from node.index_process import IndexProcess
from node.index_worker import IndexSettings
from node.journal_folder import JournalFolder
from node.kept_blocks import KeptBlocks
from node.keyring import Keyring, check_validator_key
from node.locks import KeyLock, lock_folder
from node.mempool import Mempool
from node.metrics import NodeMetrics, TimedPlaces
from node.network_part import NetworkBase, NetworkPart, build_links, read_identity
from node.pool_admission import PoolLimits
from node.ports import Clock
from node.proofs import Prover
from node.recovery import EpochOpener, load_final_view
from node.signatures import SignatureVerifier, default_workers
from node.snapshots import SnapshotKeeper, SnapshotWriter
from node.watch import Watch

_DAY_MS: Final = 86_400_000


@dataclass(frozen=True, slots=True)
class ChainPart:
    """Everything that makes blocks and keeps them; nothing runs yet."""

    chain: ChainNode
    """Reads, submissions, finality."""
    driver: Driver
    """Runs consensus."""
    pool: Mempool
    """Transactions that wait."""
    verifier: SignatureVerifier
    """Verifies signatures of transactions."""
    store: ChainStore
    """Durable blocks and state."""
    index: IndexReader
    """Questions to the index."""
    index_process: IndexProcess
    """Writes the index."""
    kept_blocks: KeptBlocks | None
    """What is not pruned; None where nothing is."""
    network: NetworkPart | None
    """Peers; None on a node that is its whole network."""
    snapshots: SnapshotKeeper
    """Makes snapshots, and knows which there are."""
    prover: Prover
    """Makes proofs of what is final."""
    watch: Watch
    """Says what the node waits for."""
    locks: tuple[DiskLock, ...]
    """Of the data folder and of the key."""

    def close_databases(self) -> None:
        """Close the databases and give the locks back; nothing uses them any more."""
        self.index.close()
        self.store.close()
        for lock in self.locks:
            lock.release()


def build_chain(
    config: NodeConfig,
    keys: Keyring,
    failpoints: Failpoints,
    opened: ExitStack,
    *,
    metrics: NodeMetrics,
    clock: Clock,
    never_voted_in_epoch: Epoch | None,
) -> ChainPart:
    """Open the data folder, recover, and connect.

    Args:
        config: what the node is told.
        keys: unlocked keys.
        failpoints: where tests end the process.
        opened: gets what has to be closed if the node is not built after all. Once it runs, its
            parts close what they were given.
        metrics: measures syncs, commits and refusals.
        clock: the node's clocks.
        never_voted_in_epoch: the operator's word after a lost journal (S10).

    Raises:
        ConfigInvalid, GenesisError, KeyFileError: what was given cannot be used.
        JournalError, StoreError, StateRootMismatch: the data folder cannot be used.
    """
    data = Path(config.data_directory)
    memory = GenesisMemory(Path(config.genesis), data / "genesis.memory")
    genesis = memory.read()
    _check_part(config, keys, genesis)
    places = TimedPlaces(failpoints, metrics)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The locks come before the databases: a second process must not touch them.
    locks = _take_locks(config, data, opened)
    journals = _open_journals(keys.validator, genesis, data, places, opened)
    store, index, indexed_height = _open_databases(config, genesis, opened)
    memory.keep()
    view = load_final_view(store, genesis.spec.buckets)
    tree = BlockTree(view)
    verifier, pool = _pool(config, store, tree, clock, metrics)
    chain = ChainNode(tree, pool, store, FinalLookup(store, index))
    identity, section = read_identity(keys.validator, data), config.p2p
    evidence = EvidenceKeeper(data / "evidence", chain, identity.keys, clock)
    links = section and build_links(section, identity, genesis.digest, clock, metrics)
    opener = EpochOpener(store, journals, keys.validator, genesis.validators, clock)
    if never_voted_in_epoch is not None:
        opener.vouch(never_voted_in_epoch)
    driver = Driver(
        chain,
        store,
        opener,
        clock,
        network=links.members if links else None,
        failpoints=places,
        auditor=Auditor(store, view, genesis.spec.buckets) if config.check_invariants else None,
        count_crash=metrics.proposals_crashed.inc,
        report_evidence=evidence.report,
    )
    index_process = _index_process(config, store, clock, indexed_height)
    base = NetworkBase(chain, driver, pool, store, verifier, clock, metrics, evidence)
    network = NetworkPart(links, base) if links else None
    return ChainPart(
        chain=chain,
        driver=driver,
        pool=pool,
        verifier=verifier,
        store=store,
        index=index,
        index_process=index_process,
        kept_blocks=_kept_blocks(config, store, index_process),
        network=network,
        snapshots=_snapshots(config, store, tree, genesis),
        prover=Prover(store, index, genesis),
        watch=Watch(chain, driver, network, keys.validator_key, clock),
        locks=locks,
    )


def _pool(
    config: NodeConfig, store: ChainStore, tree: BlockTree, clock: Clock, metrics: NodeMetrics
) -> tuple[SignatureVerifier, Mempool]:
    """Return the pool, and what verifies signatures for it and for others."""
    workers, section = config.signatures.workers, config.mempool
    verifier = SignatureVerifier(store.tags, default_workers() if workers is None else workers)
    limits = PoolLimits(section.transactions_max, section.bytes_max)
    return verifier, Mempool(tree, verifier, clock, limits, metrics.count_rejected)


def _index_process(
    config: NodeConfig, store: ChainStore, clock: Clock, indexed_height: Height
) -> IndexProcess:
    """Return what writes the index."""
    head, section = store.head(), config.store
    assert head is not None, "a node starts with an initialised store"
    settings = IndexSettings(
        chain_url=chain_url(config),
        index_url=index_url(config),
        partition_entries=section.index_partition_entries,
        keep_ms=section.index_keep_days * _DAY_MS,
        failpoints=config.failpoints,
    )
    return IndexProcess(
        settings,
        clock,
        height=indexed_height,
        final_height=head.height,
        place=section.index_in,
    )


def _open_journals(
    key: KeyPair | None, genesis: Genesis, data: Path, places: Failpoints, opened: ExitStack
) -> JournalFolder | None:
    """Open the folder of the validator's journals; a follower has none."""
    if key is None:
        return None
    journals = JournalFolder(data / "journal", genesis.digest, key.public_key, places)
    opened.callback(journals.close)
    return journals


def _open_databases(
    config: NodeConfig, genesis: Genesis, opened: ExitStack
) -> tuple[ChainStore, IndexReader, Height]:
    store = ChainStore.open(chain_url(config))
    opened.callback(store.close)
    _initialise(store, genesis)
    indexed_height = prepare_index(index_url(config))
    index = IndexReader(index_url(config))
    opened.callback(index.close)
    return store, index, indexed_height


def _kept_blocks(
    config: NodeConfig, store: ChainStore, index_process: IndexProcess
) -> KeptBlocks | None:
    """Have the store pruned, if that is wanted: what is not indexed yet stays whole."""
    if not config.store.keep_blocks:
        return None
    kept = KeptBlocks(store, config.store.keep_blocks)
    kept.wait_for(lambda: index_process.height)
    store.prune_below(kept.first_kept)
    return kept


def _snapshots(
    config: NodeConfig, store: ChainStore, tree: BlockTree, genesis: Genesis
) -> SnapshotKeeper:
    """Return what makes snapshots while the node runs."""
    writer = SnapshotWriter(store, genesis.validators, genesis.spec.buckets)
    return SnapshotKeeper(
        tree,
        writer,
        Path(config.data_directory) / "snapshots",
        every_epochs=config.snapshots.every_epochs,
        keep=config.snapshots.keep,
    )


def _initialise(store: ChainStore, genesis: Genesis) -> None:
    """Store block 0 in a new database; compare the genesis of one that has it."""
    if store.holds(genesis.tags):
        return
    records = {key: encode(record) for key, record in genesis.records.items()}
    store.initialise(genesis.tags, genesis.block, records)


def _take_locks(config: NodeConfig, data: Path, opened: ExitStack) -> tuple[DiskLock, ...]:
    """Lock the data folder, and the validator's key wherever it is used from."""
    locks: list[DiskLock] = [lock_folder(data)]
    opened.callback(locks[0].release)
    if config.validator is not None:
        locks.append(KeyLock(Path(config.validator.key_file)))
        opened.callback(locks[1].release)
    return tuple(locks)


def _check_part(config: NodeConfig, keys: Keyring, genesis: Genesis) -> None:
    """Refuse a configuration whose node could neither make blocks nor fetch them.

    Raises:
        ConfigInvalid: the text says what is missing.
        KeyReused: the validator key is an account's (K5).
    """
    members = [validator.public_key for validator in genesis.spec.validators]
    if keys.validator is not None:
        check_validator_key(keys.validator, genesis.spec)
    is_alone = keys.validator is not None and members == [keys.validator.public_key]
    if config.p2p is None and not is_alone:
        raise ConfigInvalid("p2p", "is missing: this node needs peers to make or fetch blocks")
    is_member = keys.validator is not None and keys.validator.public_key in members
    if config.p2p and not is_member and not config.p2p.peers:
        raise ConfigInvalid("p2p.peers", "is empty: a node that follows has to dial somebody")
