"""The chain as a part of the node: databases, journal, pool and consensus, put together."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from genesis import Genesis, read_genesis
from ledger.codec import encode
from ledger.keys import KeyPair
from ledger.store import ChainStore, Indexer, IndexReader
from ledger.types import Epoch
from node.auditor import Auditor
from node.block_tree import BlockTree
from node.chain import ChainNode
from node.config import ConfigInvalid, NodeConfig
from node.databases import chain_url, index_url
from node.driver import Driver
from node.failpoints import Failpoints
from node.final_lookup import FinalLookup
from node.index_thread import IndexThread
from node.journal_folder import JournalFolder
from node.keyring import Keyring, check_validator_key
from node.mempool import Mempool
from node.metrics import NodeMetrics, TimedPlaces
from node.pool_admission import PoolLimits
from node.ports import Clock
from node.recovery import EpochOpener, load_final_view
from node.signatures import SignatureVerifier


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
    index_thread: IndexThread
    """Writes the index."""

    def close_databases(self) -> None:
        """Close what `index_thread` does not close itself; nothing uses them any more."""
        self.index.close()
        self.store.close()


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
    genesis = read_genesis(Path(config.genesis))
    signer = _signer(keys, genesis)
    places = TimedPlaces(failpoints, metrics)
    data = Path(config.data_directory)
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The lock comes before the databases: a second process must not touch them.
    journals = JournalFolder(data / "journal", genesis.digest, signer.public_key, places)
    opened.callback(journals.close)
    store = ChainStore.open(chain_url(config))
    opened.callback(store.close)
    _initialise(store, genesis)
    indexer = Indexer(store, index_url(config))
    opened.callback(indexer.close)
    index = IndexReader(index_url(config))
    opened.callback(index.close)
    view = load_final_view(store, genesis.spec.buckets)
    tree = BlockTree(view)
    verifier = SignatureVerifier(store.tags, config.signatures.workers)
    limits = PoolLimits(config.mempool.transactions_max, config.mempool.bytes_max)
    pool = Mempool(tree, verifier, clock, limits, metrics.count_rejected)
    chain = ChainNode(tree, pool, store, FinalLookup(store, index))
    opener = EpochOpener(
        store,
        journals,
        signer,
        process_started_ms=clock.wall_ms(),
        never_voted_in_epoch=never_voted_in_epoch,
    )
    auditor = Auditor(store, view, genesis.spec.buckets) if config.check_invariants else None
    driver = Driver(chain, store, opener, clock, failpoints=places, auditor=auditor)
    return ChainPart(chain, driver, pool, verifier, store, index, IndexThread(indexer))


def _initialise(store: ChainStore, genesis: Genesis) -> None:
    """Store block 0 in a new database; compare the genesis of one that has it."""
    records = {key: encode(record) for key, record in genesis.records.items()}
    store.initialise(genesis.tags, genesis.block, records)


def _signer(keys: Keyring, genesis: Genesis) -> KeyPair:
    """Return the key that this node votes with.

    Followers and further validators come with the network between nodes.
    """
    if keys.validator is None:
        raise ConfigInvalid("validator", "is missing; this version cannot follow another node")
    members = [validator.public_key for validator in genesis.spec.validators]
    if keys.validator.public_key not in members:
        raise ConfigInvalid("validator.key_file", "holds a key that the genesis does not name")
    if len(members) > 1:
        raise ConfigInvalid(
            "genesis", f"names {len(members)} validators; this version runs chains of one"
        )
    check_validator_key(keys.validator, genesis.spec)
    return keys.validator
