"""A long history for the explorer: real transactions through the real ledger, into a real store.

Every block is built from signed transactions as a leader builds it, carries a certificate of a
quorum of four validators, and is committed as a node commits it. Everything follows from a seed.
"""

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from bench.explorer_work import CLIENTS, MINERS, Work
from consensus import (
    Certificate,
    CertificateEntry,
    Committee,
    Finalize,
    leader_shift,
    signed_bytes,
)
from devnet.network.directory import DevnetDirectory
from genesis import (
    Allocation,
    Genesis,
    GenesisCoordinator,
    GenesisSpec,
    GenesisValidator,
    build_genesis,
    genesis_text,
    prove_possession,
)
from ledger import BlockContext, BuiltBlock, ChainView, build_block, genesis_view, make_final
from ledger.block import Block
from ledger.codec import encode
from ledger.hashing import sha256
from ledger.keys import KeyPair
from ledger.params import NAIT_PER_AITBC, Parameters
from ledger.store import ChainStore, NewBlock

FORMAT: Final = 1
"""Part of the name of what is kept; another number where the history changes."""

GENESIS_MS: Final = 1_760_000_000_000
"""Time of block 0; fixed, as all else that a seed decides."""

INTERVAL_MS: Final = (400, 3_600)
"""Least and greatest time between two blocks."""

VALIDATORS: Final = 4
BUCKETS: Final = 4_096
CHAIN_NAME: Final = "bench"

COMMITTED_AT_ONCE: Final = 64
"""Blocks of one commit."""

SAMPLES: Final = 400
"""Objects of each kind whose pages may be asked for."""


@dataclass
class Sampled:
    """Ids of objects from all over the history; a reservoir of each kind."""

    found: dict[str, list[str]] = field(default_factory=dict)
    """Ids by kind, in hex."""
    seen: dict[str, int] = field(default_factory=dict)
    """How many there were of each kind."""

    def note(self, kind: str, identity: bytes, chance: random.Random) -> None:
        """Keep an id, or not: each one of a kind is as likely to be kept in the end."""
        kept = self.found.setdefault(kind, [])
        self.seen[kind] = count = self.seen.get(kind, 0) + 1
        if len(kept) < SAMPLES:
            kept.append(identity.hex())
        elif (place := chance.randrange(count)) < SAMPLES:
            kept[place] = identity.hex()


class History(msgspec.Struct, frozen=True):
    """What a folder holds."""

    blocks: int
    """Height of its newest block."""
    transactions: int
    """Transactions in all of them."""
    objects: dict[str, list[str]]
    """Some ids of each kind, in hex."""


class Maker:
    """Extends a chain block by block, from its genesis."""

    def __init__(self, seed: int) -> None:
        """Derive keys and genesis from a seed."""
        self.chance = random.Random(seed)
        self.validators = [_key(f"validator-{number}") for number in range(VALIDATORS)]
        self.coordinator = _key("coordinator")
        self.clients = [_key(f"client-{number}") for number in range(CLIENTS)]
        self.miners = [_key(f"miner-{number}") for number in range(MINERS)]
        self.genesis = self._genesis()
        records = self.genesis.records
        self.view: ChainView = genesis_view(
            self.genesis.tags, self.genesis.chain_id, records, GENESIS_MS, BUCKETS
        )
        self.work = Work(self.genesis, self.coordinator, self.clients, self.miners, self.chance)
        self._boundary_shift = 0

    def next_block(self, count: int) -> tuple[BuiltBlock, bytes]:
        """Build the next block and its certificate, and make it final.

        Args:
            count: transactions that it shall have.
        """
        parent = self.view
        timestamp_ms = parent.header.timestamp_ms + self.chance.randint(*INTERVAL_MS)
        if parent.next_epoch != parent.header.epoch:
            self._boundary_shift = leader_shift(parent.block_id, VALIDATORS)
        view = parent.next_parent_view + (2 if self.chance.random() < 0.02 else 1)
        committee = self._committee(parent.next_epoch)
        context = BlockContext(
            epoch=parent.next_epoch,
            view=view,
            proposer=committee.leader_key(view),
            timestamp_ms=timestamp_ms,
        )
        built = build_block(parent, self.work.transactions(parent, timestamp_ms, count), context)
        for _, reason in built.refused:
            raise reason
        self.view = make_final(parent, built.result.view)
        self.work.follow(built.block, built.result.transaction_ids)
        return built, self._certificate(parent, built.result.view.block_id, view)

    def _certificate(self, parent: ChainView, block_id: bytes, view: int) -> bytes:
        """Return the votes of a quorum, now and then of all; who is missing differs."""
        statement = Finalize(parent.next_epoch, view, parent.next_parent_view, block_id)
        message = signed_bytes(self.genesis.tags, statement)
        absent = self.chance.randrange(VALIDATORS) if self.chance.random() < 0.3 else None
        entries = tuple(
            CertificateEntry(number, key.sign(message))
            for number, key in enumerate(self.validators)
            if number != absent
        )
        return encode(Certificate(statement, entries))

    def _committee(self, epoch: int) -> Committee:
        members = [key.public_key for key in self.validators]
        return Committee(self.genesis.tags, epoch, members, shift=self._boundary_shift)

    def _genesis(self) -> Genesis:
        holders = [self.coordinator, *self.clients, *self.miners]
        spec = GenesisSpec(
            name=CHAIN_NAME,
            timestamp_ms=GENESIS_MS,
            validators=tuple(
                GenesisValidator(
                    f"validator-{number + 1}",
                    key.public_key,
                    _key(f"payout-{number}").address,
                    prove_possession(key, CHAIN_NAME),
                )
                for number, key in enumerate(self.validators)
            ),
            coordinators=(GenesisCoordinator("coordinator-1", self.coordinator.address),),
            allocations=tuple(
                Allocation(holder.address, 1_000_000 * NAIT_PER_AITBC) for holder in holders
            ),
            parameters=Parameters(),
            buckets=BUCKETS,
        )
        return build_genesis(spec)


@dataclass(frozen=True, slots=True)
class Extent:
    """How long a history is."""

    blocks: int
    """Blocks above genesis."""
    transactions: int
    """Transactions in all of them, spread evenly."""
    seed: int
    """Decides everything else."""


def make_history(
    directory: DevnetDirectory, node: str, extent: Extent, say: Callable[[str], None]
) -> History:
    """Return a history in a node's folder; it is made if it is not there, which takes minutes.

    Args:
        directory: gets the genesis, and the mark that the history is whole.
        node: whose store it is written to; no validator.
        extent: how long it is.
        say: is told how far it is.
    """
    marker = directory.root / "history.json"
    if marker.exists():
        return msgspec.json.decode(marker.read_bytes(), type=History)
    data = directory.data(node)
    data.mkdir(parents=True, exist_ok=True)
    for left in data.iterdir():
        # A run that was ended before its marker was written.
        left.unlink()
    maker = Maker(extent.seed)
    directory.genesis.write_bytes(genesis_text(maker.genesis))
    store = ChainStore.open(f"sqlite:///{data / 'chain.db'}")
    try:
        records = {key: encode(record) for key, record in maker.genesis.records.items()}
        store.initialise(maker.genesis.tags, Block(maker.view.header, ()), records)
        history = _fill(maker, store, extent, say)
    finally:
        store.close()
    marker.write_bytes(msgspec.json.encode(history))
    return history


def _fill(maker: Maker, store: ChainStore, extent: Extent, say: Callable[[str], None]) -> History:
    blocks = extent.blocks
    waiting: deque[NewBlock] = deque()
    sampled, made = Sampled(), 0
    # A source of its own: which objects are sampled changes nothing in the history.
    chance = random.Random(0)
    for height in range(1, blocks + 1):
        built, certificate = maker.next_block(extent.transactions * height // blocks - made)
        result = built.result
        made += len(built.block.transactions)
        waiting.append(
            NewBlock(
                result.view.block_id,
                built.block,
                certificate,
                result.outcomes,
                result.delta,
                encode(built.block),
                [
                    (each.transaction_id, each.content.transaction.valid_until_ms)
                    for each in result.body
                ],
            )
        )
        sampled.note("block", result.view.block_id, chance)
        for kind, identity in maker.work.made:
            sampled.note(kind, identity, chance)
        if len(waiting) >= COMMITTED_AT_ONCE or height == blocks:
            store.commit_all(list(waiting))
            waiting.clear()
            while store.wants_checkpoint:
                store.checkpoint()
        if height % max(1, blocks // 20) == 0:
            say(f"{height:,} of {blocks:,} blocks, {made:,} transactions")
    for client in maker.clients[:SAMPLES]:
        sampled.note("account", client.address, chance)
    for miner in maker.miners:
        sampled.note("miner", miner.address, chance)
    return History(blocks, made, sampled.found)


def _key(name: str) -> KeyPair:
    return KeyPair(sha256(b"bench/explorer/" + name.encode()))
