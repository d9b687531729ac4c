"""What is paid or declared once, however the chain moves while somebody looks whether it is."""

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing

import pytest
from sqlalchemy import Connection, func, select

from coordinator.database.tables import outbox
from coordinator.errors import Unavailable
from coordinator.miners.sponsoring import Sponsor
from coordinator.outbox import OutboxState, SignedBytes, store
from ledger.hashing import sha256
from tests.coordinator.world import AITBC, CLIENT, World, registration

SOMEBODY = b"\x07" * 20
FEE = 20_000


def moves_after_each_look(world: World, name: str) -> None:
    """Let chain and tables go on whenever somebody has read something of the chain."""
    read = getattr(world.chain, name)

    def look(address: bytes) -> object:
        seen = read(address)
        world.chain.make_block()
        final = [(id_,) for id_ in world.chain._heights]
        with closing(sqlite3.connect(world.folder / "coordinator.db")) as tables, tables:
            tables.executemany("UPDATE outbox SET state = 'final' WHERE transaction_id = ?", final)
        return seen

    setattr(world.chain, name, look)


async def stored(world: World, prefix: str) -> int:
    """Return how many transactions were ever signed for intents that begin so."""
    query = select(func.count()).where(outbox.c.intent.startswith(prefix))
    return await world.services.core.database.read(lambda c: c.execute(query).scalar_one())


async def funded(world: World) -> None:
    await world.services.clients.ensure_demo()


async def covered(world: World) -> None:
    await Sponsor(world.services.core).cover(CLIENT.client_id, SOMEBODY, FEE)


async def declared(world: World) -> None:
    await world.services.miners.register(CLIENT, registration("miner-1"))


CASES = {
    "the funds of a wallet": (funded, "balance", "fund:", 2),
    "the fee of a miner": (covered, "balance", f"sponsor:{SOMEBODY.hex()}", 1),
    "the declaration of a miner": (declared, "miner", "declare:", 1),
}


@pytest.mark.parametrize(("act", "read", "prefix", "wanted"), CASES.values(), ids=CASES.keys())
async def test_what_becomes_final_while_somebody_looks_is_not_done_twice(
    world: World, act: Callable[[World], Awaitable[None]], read: str, prefix: str, wanted: int
) -> None:
    # The demo wallet was funded once already; now it is low.
    job = await world.job(max_price=600 * AITBC)
    world.chain.is_paused = True
    with world.impatience():
        if act is declared:
            with pytest.raises(Unavailable, match="fee"):
                await act(world)
            world.chain.make_block()
            await world.services.core.follower.catch_up()
        if act is funded:
            await act(world)
        else:
            with pytest.raises(Unavailable, match="not final"):
                await act(world)
    assert await stored(world, prefix) == wanted
    moves_after_each_look(world, read)
    await act(world)
    assert await stored(world, prefix) == wanted
    assert await stored(world, "sponsor:") == (act is not funded)
    world.chain.is_paused = False
    await world.services.jobs.cancel(CLIENT, job.job_id)


async def test_final_transactions_of_a_series_are_counted_however_many_they_are(
    world: World,
) -> None:
    database, prefix = world.services.core.database, "declare:x:"

    def note(connection: Connection, intent: str, state: OutboxState) -> None:
        name = intent.encode()
        signed = SignedBytes(sha256(name + state.encode()), b"", "transfer", 1, 1)
        store.add(connection, intent, signed, 0)
        store.mark(connection, [signed.transaction_id], state)

    def counts(connection: Connection) -> list[int]:
        found = []
        for number in range(40):
            # One that never came to the chain, and another one in its place.
            note(connection, f"{prefix}{number}", OutboxState.EXPIRED)
            found.append(store.count_final(connection, prefix))
            note(connection, f"{prefix}{number}", OutboxState.FINAL)
            note(connection, f"declare:xy:{number}", OutboxState.FINAL)
        return found

    assert await database.write(counts) == list(range(40))
    assert await database.read(lambda c: store.count_final(c, prefix)) == 40
