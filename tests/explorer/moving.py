"""A short chain that a test extends while pages of it are open."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ledger.actions import Transfer
from ledger.block import Block
from ledger.codec import encode
from tests.databases import Files
from tests.explorer.chains import CERTIFICATE, IndexedChain, NodeOfTests, stand_at_head
from tests.ledger.worlds import PEOPLE, World
from tests.store.indexes import open_indexed


@contextmanager
def moving_chain(folder: Path) -> Iterator[IndexedChain]:
    """Make a chain of a few blocks, stored and indexed, that `extend` makes longer."""
    with open_indexed(Files(folder)) as indexed:
        world = World()
        genesis = world.final
        records = {key: encode(record) for key, record in genesis.state.items()}
        indexed.store.initialise(genesis.tags, Block(genesis.header, ()), records)
        chain = IndexedChain(world, indexed, NodeOfTests(world), {}, {}, bytes(32), 0)
        extend(chain, 30)
        yield chain


def extend(chain: IndexedChain, blocks: int = 1, *, hold_index: bool = False) -> None:
    """Add final blocks with a transfer each.

    Args:
        chain: from `moving_chain`.
        blocks: how many.
        hold_index: whether the index stays where it is.
    """

    def pay(world: World) -> None:
        for _ in range(blocks):
            payment = world.sign(PEOPLE.client, Transfer(PEOPLE.other_client.address, 1))
            world.block(payment, after_ms=1_000)

    do(chain, pay, hold_index=hold_index)


def do(chain: IndexedChain, act: Callable[[World], object], *, hold_index: bool = False) -> None:
    """Add the blocks that something takes to the chain.

    Args:
        chain: from `moving_chain`.
        act: makes blocks in the world; each is final.
        hold_index: whether the index stays where it is.
    """
    world = chain.world
    before = len(world.blocks)
    act(world)
    for block, result in zip(world.blocks[before:], world.results[before:], strict=True):
        chain.indexed.store.commit(
            result.view.block_id, block, CERTIFICATE, result.outcomes, result.delta
        )
    if not hold_index:
        chain.indexed.catch_up()
    stand_at_head(chain)
