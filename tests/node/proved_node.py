"""The chain of the proof vectors in a real store and index, behind the node's own routes."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import httpx

from ledger.codec import encode
from ledger.proofs import Proved, Trust, check_bundle
from ledger.store import ChainStore, Indexer, IndexReader
from ledger.types import Epoch, Hash, Height
from node.block_tree import BlockTree
from node.chain import ChainNode
from node.final_lookup import FinalLookup
from node.http.application import build_application
from node.http.proof_routes import proof_handlers
from node.mempool import Mempool
from node.metrics import NodeMetrics
from node.pool_admission import PoolLimits
from node.proofs import Prover
from node.recovery import load_final_view
from node.signatures import SignatureVerifier
from tests.vectors.proof_chain import Story


@dataclass
class StoryClock:
    """The time of the newest block."""

    now_ms: int

    def wall_ms(self) -> int:
        return self.now_ms

    def monotonic_ms(self) -> int:
        return self.now_ms


class ProvedNode:
    """A node that stands at the end of a story."""

    def __init__(self, folder: Path, story: Story, *, blocks: int | None = None) -> None:
        """Store a story's chain.

        Args:
            folder: empty.
            story: what happened; the block of the second receipt, and the two behind it, have no
                certificate of their own.
            blocks: how many blocks are final; all by default.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.story = story
        chain, self._opened = story.chain, ExitStack()
        self.store = ChainStore.open(f"sqlite:///{folder}/chain.db")
        self._opened.callback(self.store.close)
        records = {key: encode(record) for key, record in chain.genesis.records.items()}
        self.store.initialise(chain.genesis.tags, chain.genesis.block, records)
        bare = range(story.second_receipt, story.second_receipt + 3)
        for at in range(1, len(chain.blocks) if blocks is None else blocks):
            made = chain.blocks[at]
            certificate = b"" if at in bare else encode(chain.boundary_certificate(at))
            self.store.commit(
                made.view.block_id, made.block, certificate, made.outcomes, made.delta
            )
        self.indexer = Indexer(self.store, f"sqlite:///{folder}/index.db")
        self._opened.callback(self.indexer.close)
        while self.indexer.advance():
            pass
        self.index = IndexReader(f"sqlite:///{folder}/index.db")
        self._opened.callback(self.index.close)
        tree = BlockTree(load_final_view(self.store, chain.genesis.spec.buckets))
        clock = StoryClock(tree.final_view.header.timestamp_ms)
        pool = Mempool(tree, SignatureVerifier(chain.tags, 0), clock, PoolLimits())
        self.chain = ChainNode(tree, pool, self.store, FinalLookup(self.store, self.index))
        self.prover = Prover(self.store, self.index, chain.genesis)
        handlers = proof_handlers(self.chain, self.prover)
        self._application = build_application(handlers, None, NodeMetrics())

    def close(self) -> None:
        self._opened.close()

    def prune(self, below: Height) -> None:
        while self.store.checkpoint(force=True):
            pass
        while self.store.prune(below):
            pass

    def receipt_at(self, height: Height) -> Hash:
        return self.story.chain.id_of(self.story.chain.blocks[height].body[-1])

    async def get(self, path: str, **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(cast("Any", self._application))
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
            return await client.get(f"/v1/proofs/{path}", headers=headers)

    async def proved(self, path: str, known: Mapping[Epoch, Hash] | None = None) -> Proved:
        """Return what a bundle proves to a reader that knows the genesis, and sets of epochs."""
        answer = await self.get(path)
        assert answer.status_code == 200, answer.text
        digest = self.story.chain.genesis.digest
        return check_bundle(answer.content, Trust(digest, known=known or {}))

    async def refused(self, path: str) -> tuple[int, str]:
        """Return status and code of a refusal."""
        answer = await self.get(path)
        return answer.status_code, answer.json()["error_code"]
