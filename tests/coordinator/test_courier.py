"""The courier: what was taken back is not sent, and nothing is in flight twice."""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field

import pytest
from sqlalchemy import Connection

from coordinator.errors import Unavailable
from coordinator.jobs import JobFilter
from coordinator.outbox import courier as module
from coordinator.outbox import store
from coordinator.ports import SubmitOutcome, TransactionStatus
from ledger.types import Hash
from tests.coordinator.world import CLIENT, PATIENCE_S, World, spec


@dataclass
class Gate:
    """Stands before a chain: lets one submission wait, and refuses others."""

    world: World
    waits: bytes
    """Signed bytes whose submission waits."""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    opened: asyncio.Event = field(default_factory=asyncio.Event)
    sent: list[bytes] = field(default_factory=list)
    is_full: bool = False

    def __post_init__(self) -> None:
        self.beyond = self.world.chain.submit
        self.world.chain.submit = self.submit  # type: ignore[method-assign]

    async def submit(self, signed: Sequence[bytes]) -> list[SubmitOutcome]:
        self.sent += signed
        if self.waits in signed:
            self.arrived.set()
            await self.opened.wait()
        elif self.is_full:
            return [SubmitOutcome(bytes(32), TransactionStatus.FULL) for _ in signed]
        return await self.beyond(signed)


async def _stored(world: World) -> tuple[Hash, bytes]:
    """Store a transaction and send it not; no worker does either."""
    core = world.services.core
    (worker,) = (one for one in world.services.workers if one.get_name() == "courier")
    worker.cancel()
    await asyncio.gather(worker, return_exceptions=True)
    assert core.faucet is not None
    faucet = core.faucet
    stored = await core.database.write(lambda c: faucet.fund(c, core.moments.now(), b"\x05" * 20))
    row = await core.database.read(lambda c: store.get(c, stored))
    assert row is not None
    return stored, row.signed


async def test_an_escrow_that_was_refused_and_taken_back_is_not_sent_from_an_older_list(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BATCH_MAX", 1)
    _, first = await _stored(world)
    # What expires later is sent in a later batch.
    world.clock.advance(1)
    world.chain.make_block()
    courier, gate = world.services.core.courier, Gate(world, first, is_full=True)
    send = courier.send
    rounds: list[asyncio.Task[None]] = []

    async def after_a_round_began(
        transaction_id: Hash, *args: object, **more: object
    ) -> SubmitOutcome:
        rounds.append(asyncio.create_task(courier.send_pending()))
        await gate.arrived.wait()
        return await send(transaction_id, *args, **more)  # type: ignore[arg-type]

    courier.send = after_a_round_began  # type: ignore[method-assign]
    with pytest.raises(Unavailable, match="full"):
        await world.services.jobs.create(CLIENT, spec())
    gate.is_full = False
    gate.opened.set()
    await asyncio.gather(*rounds)
    assert len(gate.sent) == 2, "the other one, and the escrow once"
    await world.quiet()
    assert (await world.services.jobs.list(CLIENT, JobFilter(), limit=10)).total == 0
    assert world.chain.escrow_total() == 0


async def test_what_is_in_flight_is_not_sent_by_another(world: World) -> None:
    stored, signed = await _stored(world)
    courier, gate = world.services.core.courier, Gate(world, signed)
    sending = asyncio.create_task(courier.send(stored))
    await gate.arrived.wait()
    second = asyncio.create_task(courier.send(stored))
    await courier.send_pending()
    assert gate.sent == [signed]
    gate.opened.set()
    assert (await sending).status is TransactionStatus.POOLED
    assert (await second).status is TransactionStatus.DUPLICATE
    await world.quiet()
    row = await world.services.core.database.read(lambda c: store.get(c, stored))
    assert row is not None
    assert row.state == "final"


async def test_what_is_in_hand_is_sent_and_not_after_its_fate_is_known(world: World) -> None:
    stored, signed = await _stored(world)
    core = world.services.core
    row = await core.database.read(lambda c: store.get(c, stored))
    assert row is not None
    gate = Gate(world, b"")

    async def round_of(ends: Awaitable[object]) -> None:
        """Let the courier run until something came about."""
        rounds = asyncio.create_task(core.courier.run(worked.set))
        await ends
        rounds.cancel()
        await asyncio.gather(rounds, return_exceptions=True)

    worked = asyncio.Event()
    core.courier.kick([row])
    await round_of(core.courier.wait(stored, PATIENCE_S))
    sent = list(gate.sent)
    assert set(sent) == {signed}
    core.courier.kick([row])
    worked.clear()
    await round_of(worked.wait())
    outcome = await core.courier.send(stored, lambda c: store.forget(c, stored), fresh=signed)
    assert outcome.status is TransactionStatus.DUPLICATE
    assert gate.sent == sent
    after = await core.database.read(lambda c: store.get(c, stored))
    assert after is not None
    assert after.state == "final"


async def test_fresh_bytes_that_a_round_sent_before_are_looked_up(world: World) -> None:
    stored, signed = await _stored(world)
    core = world.services.core
    world.chain.is_paused = True
    await core.courier.send_pending()
    gate = Gate(world, b"", is_full=True)
    outcome = await core.courier.send(stored, lambda c: store.forget(c, stored), fresh=signed)
    assert outcome.status is TransactionStatus.DUPLICATE
    gate.is_full = False
    world.chain.is_paused = False
    await core.courier.send(stored)
    await world.quiet()


async def test_what_the_node_took_before_is_not_taken_back(world: World) -> None:
    stored, signed = await _stored(world)
    world.chain.is_paused = True
    courier = world.services.core.courier
    await courier.send_pending()
    gate = Gate(world, b"", is_full=True)
    outcome = await courier.send(stored, lambda c: store.forget(c, stored))
    assert outcome.status is TransactionStatus.DUPLICATE
    assert gate.sent == [signed]
    row = await world.services.core.database.read(lambda c: store.get(c, stored))
    assert row is not None
    gate.is_full = False
    world.chain.is_paused = False
    await courier.send(stored)
    await world.quiet()


async def test_what_cannot_be_taken_back_concerns_its_own_caller_alone(world: World) -> None:
    stored, signed = await _stored(world)
    core = world.services.core
    assert core.faucet is not None
    faucet = core.faucet

    async def fund(number: int) -> Hash:
        address = bytes([number]) * 20
        return await core.database.write(lambda c: faucet.fund(c, core.moments.now(), address))

    others = [await fund(number) for number in (6, 7, 8)]
    gate = Gate(world, signed, is_full=True)

    def fail(_: Connection) -> None:
        raise KeyError("undo")

    undone: list[Hash] = []
    first = asyncio.create_task(core.courier.send(stored))
    await gate.arrived.wait()
    # They are one batch: the first one is on its way meanwhile.
    sent = [
        asyncio.create_task(core.courier.send(others[0], fail)),
        asyncio.create_task(core.courier.send(others[1])),
        asyncio.create_task(core.courier.send(others[2], lambda _: undone.append(others[2]))),
    ]
    await asyncio.sleep(0)
    gate.opened.set()
    failed, kept, taken_back = await asyncio.gather(*sent, return_exceptions=True)
    assert (await first).status is TransactionStatus.POOLED
    assert isinstance(failed, KeyError)
    for told in (kept, taken_back):
        assert isinstance(told, SubmitOutcome)
        assert told.status is TransactionStatus.FULL
    assert undone == [others[2]]
    gate.is_full = False
    await world.quiet()
