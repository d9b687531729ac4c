"""Follows final blocks into the database: cursor and effects in one transaction (K2)."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Final

import structlog
from sqlalchemy import Connection, delete, exists, select, update

from coordinator.accounts.entries import record_entries
from coordinator.database import ChainIncomplete, Database, DatabaseOfAnotherChain
from coordinator.database.account_tables import account_entries, key_spends
from coordinator.database.tables import CHAIN_DERIVED, attempts, attestations, jobs, receipts
from coordinator.database.tables import chain as cursor
from coordinator.database.versions import touch
from coordinator.duties import Duties
from coordinator.events.hub import EventHub
from coordinator.follower.beginning import (
    GENESIS_HEIGHT,
    begin_at,
    bind,
    holds_nothing,
    move_to,
    position,
)
from coordinator.follower.effects import BlockEffects
from coordinator.marketplace.store import open_again
from coordinator.miners.store import MINERS
from coordinator.moment import Moment, Moments
from coordinator.outbox import Courier, OutboxState, Outgoing
from coordinator.ports import BlocksNotKept, Chain, FinalBlock
from coordinator.signals import Changes, Relay, Signals
from coordinator.stats.tally import forget_counts
from coordinator.workers import Done
from ledger.types import Address, Hash, Height

_log = structlog.get_logger("coordinator.follower")

BLOCKS_PER_COMMIT_MAX: Final = 50
"""Blocks whose effects share one transaction when the follower is behind."""

CHANGES_NAMED_MAX: Final = 1_000
"""Jobs that changed in the queue and are read one by one, not all."""

_HEIGHT: Final = select(cursor.c.height)


class ChainRestarted(Exception):
    """A block's parent is not the block that was followed last."""


class PositionMoved(Exception):
    """The database is at another height than the follower believed."""


class Follower:
    """Applies every final block once, in order."""

    def __init__(
        self,
        *,
        database: Database,
        chain: Chain,
        moments: Moments,
        duties: Duties,
        courier: Courier,
        events: EventHub,
        coordinator: Address,
    ) -> None:
        """Remember the parts; `attach` before anything else."""
        self._database = database
        self._chain = chain
        self._moments = moments
        self._duties = duties
        self._courier = courier
        self._events = events
        self._coordinator = coordinator
        self._turn = asyncio.Lock()
        self._followed: Height | None = None
        self._step: asyncio.Task[None] | None = None
        self.jobs: Signals[Hash] = Signals()
        """Fired with a job's id after a block changed it."""
        self.queue = Relay()
        """Fired when jobs may have come into the queue."""
        self.queued: Changes[Hash] = Changes(CHANGES_NAMED_MAX)
        """Jobs that may have come into the queue, or out of it."""

    async def attach(self) -> None:
        """Bind a new database to the node's chain; forget what was derived of another past.

        A cursor whose block is not the chain's at its height was set so by a migration that needs
        the chain followed again, or the node has another past. That shows here and not at the next
        block, so that the following starts over before anybody is served (K2).

        A chain that was pruned, or that began with a snapshot, lacks its first blocks. A database
        in which nothing is stored begins where the chain does; no other is ever emptied there.

        Raises:
            DatabaseOfAnotherChain: it follows another one already.
            ChainIncomplete: it would need blocks that the node does not hold.
        """
        chain_id = self._chain.chain_id
        found = await self._database.write(lambda c: bind(c, chain_id))
        if found != chain_id:
            raise DatabaseOfAnotherChain(found, chain_id)
        height, block_id = await self._database.read(position)
        if height == GENESIS_HEIGHT:
            await self._begin()
        elif not await self._continues(height, block_id):
            await self._rebuild(height)

    async def _begin(self) -> None:
        """Let a database in which nothing is stored begin where the node's chain does."""
        try:
            await self._chain.blocks_after(GENESIS_HEIGHT, 1)
        except BlocksNotKept as gap:
            if not await self._database.read(holds_nothing):
                raise ChainIncomplete(GENESIS_HEIGHT, gap.first) from None
            height = gap.first - 1
            (first,) = await self._chain.blocks_after(height, 1)
            await self._database.write(lambda c: begin_at(c, height, first.header.parent_id))
            _log.warning("followed_from_the_middle", first_height=first.header.height)

    async def _continues(self, height: Height, block_id: Hash) -> bool:
        """Return whether the chain, as far as it is there, is the one that was followed.

        A node that is behind has no such block yet; what comes after it will tell.

        Raises:
            ChainIncomplete: the block after it is not there any more.
        """
        try:
            there = await self._chain.blocks_after(height - 1, 1)
        except BlocksNotKept:
            pass  # The block itself is gone; the next one names it.
        else:
            return not there or there[0].block_id == block_id
        try:
            following = await self._chain.blocks_after(height, 1)
        except BlocksNotKept as gap:
            raise ChainIncomplete(height, gap.first) from None
        return not following or following[0].header.parent_id == block_id

    @property
    def followed(self) -> Height | None:
        """Height whose effects the database holds; None before anybody looked."""
        return self._followed

    async def forget(self) -> None:
        """Forget all that is derived from the chain: `catch_up` follows it from genesis again."""
        # Who goes away meanwhile does not learn when it is done: where it is shall be read then.
        self._followed = None
        await self._database.write(_empty_derived)
        self._followed = GENESIS_HEIGHT

    async def run(self, done: Done) -> None:
        """Follow for ever; `done` is told of each time that all blocks were followed."""
        async for _ in self._chain.follow():
            await self.catch_up()
            done()

    async def catch_up(self) -> None:
        """Apply all final blocks that are not applied yet.

        Of a caller that is cancelled, the blocks that are being applied still are, and are told:
        the write is done in any case, and nobody else would know of it.
        """
        async with self._turn:
            await self.finish()
            while blocks := await self._next_blocks():
                self._step = asyncio.create_task(
                    self._follow(blocks), name="blocks of the follower"
                )
                await asyncio.shield(self._step)

    async def finish(self) -> None:
        """Wait until what a cancelled caller began has ended; the next tries what failed of it."""
        if self._step is not None and not self._step.done():
            await asyncio.wait([self._step])

    async def _next_blocks(self) -> Sequence[FinalBlock]:
        if self._followed is None:
            self._followed = await self._database.read(followed_height)
        if self._followed == self._chain.head().height:
            return ()
        return await self._chain.blocks_after(self._followed, BLOCKS_PER_COMMIT_MAX)

    async def _follow(self, blocks: Sequence[FinalBlock]) -> None:
        moment, followed = self._moments.now(), self._followed
        try:
            applied = await self._database.write(lambda c: self._apply(c, blocks, moment, followed))
        except PositionMoved:
            # Parents would not match either, and nothing has to be rebuilt.
            self._followed = None
            return
        except ChainRestarted:
            await self._rebuild(blocks[0].header.height)
            return
        self._followed = blocks[-1].header.height
        self._announce(*applied)

    async def _rebuild(self, height: Height) -> None:
        """Start over, if the chain's first blocks are still there to be followed.

        Raises:
            ChainIncomplete: they are not; what could not be derived again stays as it is.
        """
        self._followed = None  # The node prunes nothing from now on.
        try:
            await self._chain.blocks_after(GENESIS_HEIGHT, 1)
        except BlocksNotKept as gap:
            raise ChainIncomplete(GENESIS_HEIGHT, gap.first) from None
        _log.warning("rebuilding", at_height=height)
        await self.forget()

    def _apply(
        self,
        connection: Connection,
        blocks: Sequence[FinalBlock],
        moment: Moment,
        followed: Height | None,
    ) -> tuple[set[Hash], dict[Hash, OutboxState], list[Outgoing]]:
        """Apply blocks after a height; return changed jobs, decided transactions, those to send."""
        changed: set[Hash] = set()
        fates: dict[Hash, OutboxState] = {}
        height, parent_id = position(connection)
        if height != followed:
            raise PositionMoved
        for block in blocks:
            if height != GENESIS_HEIGHT and block.header.parent_id != parent_id:
                raise ChainRestarted
            assert block.header.height == height + 1, "the store gives blocks in order"
            effects = BlockEffects(connection, block, self._coordinator)
            effects.apply()
            record_entries(connection, block)
            changed |= effects.changed_jobs
            fates |= effects.fates
            height, parent_id = block.header.height, block.block_id
        move_to(connection, height, parent_id)
        return changed, fates, self._duties.perform(connection, moment, sorted(changed))

    def requeued(self, job_ids: Collection[Hash]) -> None:
        """Tell who waits for work of jobs that may have come into the queue, or out of it."""
        self.queued.add(job_ids)
        self.queue.fire()

    def _announce(
        self,
        changed: Collection[Hash],
        fates: Mapping[Hash, OutboxState],
        to_send: Sequence[Outgoing],
    ) -> None:
        self._courier.decided(fates)
        if to_send:
            self._courier.kick(to_send)
        self._events.kick()
        self.jobs.fire(changed)
        if changed:
            self.requeued(changed)


def followed_height(connection: Connection) -> Height:
    """Return the height whose effects the database holds."""
    height: Height = connection.execute(_HEIGHT).scalar_one()
    return height


def _empty_derived(connection: Connection) -> None:
    connection.execute(delete(receipts))
    connection.execute(delete(attestations))
    connection.execute(delete(account_entries))
    connection.execute(delete(key_spends))
    # With those of strangers' jobs: the chain makes both anew.
    of_a_client = exists().where(jobs.c.job_id == attempts.c.job_id, jobs.c.client_id.is_not(None))
    connection.execute(delete(attempts).where(~of_a_client))
    connection.execute(delete(jobs).where(jobs.c.client_id.is_(None)))
    open_again(connection)
    forget_counts(connection)
    touch(connection, MINERS)
    for table, values in CHAIN_DERIVED.items():
        connection.execute(update(table).values(**values))
    move_to(connection, GENESIS_HEIGHT, bytes(32))
