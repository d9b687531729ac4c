"""A process that commits a known chain and says after each block that it did.

Usage: python -m tests.store.committer CHAIN_URL INDEX_URL SEED BLOCKS [--checkpoint] [--index]
[--reopen N] [--unsafe]. It goes on from the head that it finds. ``--unsafe`` switches syncing off:
a control, to see that a test notices.
"""

import argparse
import os
from contextlib import closing

from sqlalchemy import event

from ledger.store import ChainStore, Indexer
from tests.store.chains import TAGS, Sealed, random_history

GENESIS_RECORDS = {b"k%d" % number: b"genesis" for number in range(30)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("chain_url")
    parser.add_argument("index_url")
    parser.add_argument("seed", type=int)
    parser.add_argument("blocks", type=int)
    parser.add_argument("--checkpoint", action="store_true")
    parser.add_argument("--index", action="store_true")
    parser.add_argument("--reopen", type=int, default=0)
    parser.add_argument("--unsafe", action="store_true")
    options = parser.parse_args()
    chain = random_history(options.seed, options.blocks).builder.sealed
    height = -1
    while height < chain[-1].height:
        upto = height + options.reopen if options.reopen else chain[-1].height
        height = commit(options, chain, upto)


def commit(options: argparse.Namespace, chain: list[Sealed], upto: int) -> int:
    """Open the store, commit blocks up to a height, close it; return the new height."""
    with closing(ChainStore.open(options.chain_url)) as store:
        if options.unsafe:
            switch_syncing_off(store)
        store.initialise(TAGS, chain[0].block, GENESIS_RECORDS)
        say(store.head().height)
        indexer = Indexer(store, options.index_url)
        for sealed in chain[store.head().height + 1 : upto + 1]:
            sealed.commit_to(store)
            say(sealed.height)
            if options.checkpoint:
                store.checkpoint(keys=2, force=True)
            if options.index and sealed.height % 3 == 0:
                indexer.advance()
        indexer.close()
        return store.head().height


def say(height: int) -> None:
    os.write(1, b"final %d\n" % height)


def switch_syncing_off(store: ChainStore) -> None:
    @event.listens_for(store._database._backend.writer, "checkout")
    def unsafe(connection, *_: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")


if __name__ == "__main__":
    main()
