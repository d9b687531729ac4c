"""The explorer as a part of the node: what its pages ask about the chain, answered here."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Final

from coordinator.ports import TransactionStatus
from explorer_web import (
    AccountStanding,
    BlockFinality,
    Explorer,
    ExplorerReads,
    MemberStanding,
    Standing,
    ValidatorsStanding,
    Whereabouts,
    build_explorer,
)
from ledger import pending_of, quorum_of
from ledger.block import Header
from ledger.records import Job, SetChangeKind, Validator, ValidatorSet
from ledger.types import Address, Hash, Height
from ledger.views import ChainView, validator_set_hash
from node.chain_part import ChainPart
from node.p2p.hello import PROTOCOL_VERSION
from node.ports import Clock
from node.status import ValidatorSighting

FINALITY_BLOCKS: Final = 500
"""Newest final blocks whose time to finality is kept."""


_CHANGES: Final = {
    SetChangeKind.ADD: "Joins by a ballot",
    SetChangeKind.REMOVE: "Leaves by a ballot",
    SetChangeKind.EVICT: "Leaves because it contradicted itself",
}


class ExplorerAnswers:
    """The node as the pages see it; implements `explorer_web.NodeReads` on the event loop."""

    def __init__(self, parts: ChainPart, clock: Clock) -> None:
        """Answer from a node's chain and pool."""
        self._chain = parts.chain
        self._pool = parts.pool
        self._store = parts.store
        self._prover = parts.prover
        self._index = parts.index_process
        self._clock = clock
        self._report = parts.watch.report
        self._network = parts.network
        self._finality: deque[BlockFinality] = deque(maxlen=FINALITY_BLOCKS)
        parts.chain.on_final(self._measure)

    async def standing(self) -> Standing:
        """Return where the chain stands."""
        final = self._chain.tree.final_view
        return Standing(
            chain_id=self._chain.chain_id,
            genesis_digest=self._chain.tags.genesis_digest,
            final_height=final.header.height,
            final_ms=final.header.timestamp_ms,
            head_height=self._chain.tree.head_view.header.height,
            validators=len(final.validators.members),
            heartbeat_ms=final.parameters.heartbeat_ms,
            now_ms=self._clock.wall_ms(),
            index_fault=self._index.fault,
            target_height=self._target(),
            online=sum(each.is_self or each.is_connected for each in self._report().validators),
        )

    async def whereabouts(self, transaction_id: Hash) -> Whereabouts:
        """Return where a transaction is, and why it was dropped if it was."""
        status = (await self._chain.locate(transaction_id)).status
        if status is not TransactionStatus.UNKNOWN:
            return Whereabouts(status)
        reason = self._pool.drop_of(transaction_id)
        if reason is None:
            return Whereabouts(TransactionStatus.UNKNOWN)
        return Whereabouts(TransactionStatus.REJECTED, reason.code, str(reason))

    async def block_status(self, block_id: Hash) -> Whereabouts:
        """Return where a block is."""
        tree = self._chain.tree
        if tree.final_view.block_id == block_id:
            return Whereabouts(TransactionStatus.FINAL)
        if tree.get(block_id) is not None:
            return Whereabouts(TransactionStatus.INCLUDED)
        is_final = await asyncio.to_thread(self._store.holds_block, block_id)
        return Whereabouts(TransactionStatus.FINAL if is_final else TransactionStatus.UNKNOWN)

    def members_of(self, header: Header) -> ValidatorSet | None:
        """Return the set that agreed on a final block; None if this is not the one it names."""
        members = self._prover.members_of(header.epoch)
        is_named = validator_set_hash(self._chain.tags, members) == header.validator_set_hash
        return members if is_named else None

    async def live_job(self, job_id: Hash) -> Job | None:
        """Return a job of the final state; None once it has ended (J29)."""
        return self._chain.job(job_id)

    async def account(self, address: Address) -> AccountStanding:
        """Return what an account has, and at which height."""
        return AccountStanding(self._chain.balance(address), self._chain.head().height)

    async def validators(self) -> ValidatorsStanding:
        """Return the validator set, and how this node sees its members."""
        view = self._chain.tree.final_view
        seen = {each.public_key: each for each in self._report().validators}
        members = view.validators.members
        waiting = pending_of(view.state).set_changes
        return ValidatorsStanding(
            height=view.header.height,
            epoch=view.next_epoch,
            quorum=quorum_of(len(members)),
            set_hash=validator_set_hash(view.tags, view.validators),
            members=tuple(_member(member, seen.get(member.public_key)) for member in members),
            waiting=tuple(
                f"{_CHANGES[change.kind]}: {change.validator.name}, of key "
                f"{change.validator.public_key.hex()}"
                for change in waiting
            ),
            protocol_version=view.parameters.protocol_version,
            peer_version=PROTOCOL_VERSION,
        )

    def finality(self) -> Sequence[BlockFinality]:
        """Return how long the newest final blocks took, oldest first."""
        return tuple(self._finality)

    def _target(self) -> Height:
        return self._network.syncer.progress().target if self._network else 0

    def _measure(self, _parent: ChainView, view: ChainView) -> None:
        took_ms = max(0, self._clock.wall_ms() - view.header.timestamp_ms)
        self._finality.append(BlockFinality(view.header.height, took_ms))


def _member(member: Validator, seen: ValidatorSighting | None) -> MemberStanding:
    """Return a validator as this node sees it."""
    was_heard = seen is not None and not seen.is_self and seen.final_height > 0
    return MemberStanding(
        public_key=member.public_key,
        name=member.name,
        payout=member.payout,
        is_self=seen is not None and seen.is_self,
        is_connected=seen is not None and seen.is_connected,
        silent_ms=seen.silent_ms if seen is not None and was_heard else None,
        final_height=seen.final_height if seen is not None and was_heard else None,
    )


def explorer_of(parts: ChainPart, clock: Clock) -> Explorer:
    """Return the explorer over a node's chain.

    Args:
        parts: its chain, pool and index.
        clock: the node's clock, against which pages write relative times.
    """
    return build_explorer(ExplorerReads(parts.index, ExplorerAnswers(parts, clock)))
